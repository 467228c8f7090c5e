// Everything that a user can choose about a training run, in one list.
// The list makes the struct, the command line, its help, the configuration file and the saved config.json.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/model_config.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "train/tasks/task.h"

namespace primer::train {

/// Who chose a value; a later one overrides an earlier one.
enum class ChosenBy : std::uint8_t { fitted, preset, file, flag };

// One hyperparameter, one line. FITS: unless somebody chooses, the plan fits the value to the text. What
// nn::ModelConfig has a member of the same name for is copied to it.
//
// INTEGER(name, default, lowest, highest, FITS or FIXED, group, help)    NUMBER: the same with a real number
// SWITCH(name, default, FITS or FIXED, group, help)
// WORD(name, default, FITS or FIXED, group, help): a value of an enumeration with names, or a task
// LIST(name, FIXED, group, help): paths
// TEXT(name, default, "a|b|c", FITS or FIXED, group, help): text; bpe:SIZE among the choices stands for bpe: and a
// number of tokens, PATH for any word with a slash or a dot, TEXT and NAMES for any text of a line
#define PRIMER_CONFIG_FIELDS(INTEGER, NUMBER, SWITCH, WORD, TEXT, LIST)                                                \
  WORD(objective, Objective(), FIXED, "Task", objective_help())                                                        \
  SWITCH(next_sentence, false, FIXED, "Task",                                                                          \
         "mlm: learn too whether a sentence follows another; blank lines part documents")                              \
  TEXT(answer_after, "", "TEXT", FIXED, "Task",                                                                        \
       "lm: a line is an example, and only what stands behind this text, to the end of its line, is learned")          \
  TEXT(field, "", "NAMES", FIXED, "Task",                                                                              \
       "texts are CSV, TSV or JSON lines, and this column of each record is a document; classify and translate: two, " \
       "such as label,text")                                                                                           \
  WORD(documents, data::Parting::none, FITS, "Task",                                                                   \
       "lm: end with <|endoftext|> each file or record, or by blank-lines each block too; none: one runs on to the "   \
       "next")                                                                                                         \
  SWITCH(separate_documents, false, FIXED, "Task",                                                                     \
         "lm: no token sees another document: a window ends with its document, and positions begin anew with each")    \
  TEXT(encoding, "", "TEXT", FIXED, "Task",                                                                            \
       "of texts that are not UTF-8, as iconv names it: latin1; a mark says it of UTF-16 and UTF-32; bytes: "          \
       "whatever it is, read as it stands")                                                                            \
  TEXT(tokenizer, "char", "char|byte|bpe:SIZE|PATH", FITS, "Task",                                                     \
       "a token is a Unicode character, a byte, one of SIZE pieces learned from the text, or as a file says")          \
  TEXT(source_tokenizer, "shared", "shared|char|byte|bpe:SIZE|PATH", FIXED, "Task",                                    \
       "translate: a vocabulary of their own for the sources, made as --tokenizer says; shared: both sides have one")  \
  SWITCH(unknown_symbol, false, FITS, "Task",                                                                          \
         "char: [UNK] stands for symbols that the vocabulary lacks; a part of those that occur once teaches it")       \
  NUMBER(val_fraction, 0.1, 0, 0.9, FITS, "Task",                                                                      \
         "kept for validation, as --split says; lines that are examples are drawn, of sentences the last are kept")    \
  WORD(                                                                                                                \
      split, data::Split::tail, FITS, "Task",                                                                          \
      "what is kept of a running text: blocks all over it, or of 20 files and more whole ones, drawn; or each's tail") \
  LIST(validation, FIXED, "Task", "texts to validate on, instead of a part of TEXT; give TEXT first")                  \
  INTEGER(seed, 1337, 0, 9007199254740991, FIXED, "Task", "of initialisation, data order and dropout")                 \
  WORD(body, nn::BodyKind::transformer, FIXED, "Model",                                                                \
       "what reads the tokens: attention, or a recurrent net's cells, one token after another")                        \
  INTEGER(layers, 4, 0, 1000, FITS, "Model", "blocks of attention and feed-forward, or layers of cells")               \
  INTEGER(decoder_layers, 0, 0, 1000, FIXED, "Model",                                                                  \
          "translate: layers of the decoder, beside --layers of the encoder; 0: as many")                              \
  WORD(align, nn::Align::additive, FIXED, "Alignment",                                                                 \
       "how a recurrent decoder weighs the places of its source; none: it begins with the encoder's last state alone") \
  INTEGER(align_window, 10, 1, 1048576, FIXED, "Alignment", "places on either side that --align local looks at")       \
  SWITCH(input_feeding, false, FIXED, "Alignment",                                                                     \
         "a decoder's step reads what the last one made of state and source; not with additive or none")               \
  INTEGER(heads, 4, 1, 4096, FITS, "Transformer", "attention heads of a block; they divide the channels")              \
  INTEGER(kv_heads, 0, 0, 4096, FIXED, "Transformer",                                                                  \
          "heads of keys and values, which several heads share; 0: as many")                                           \
  INTEGER(head_size, 0, 0, 65536, FIXED, "Transformer", "channels of a head; 0: channels / heads")                     \
  SWITCH(qk_norm, false, FIXED, "Transformer", "RMS norm of queries and keys, head by head")                           \
  WORD(attention, nn::AttentionKind::softmax, FIXED, "Transformer",                                                    \
       "softmax; with a state that does not grow: linear, favor, rfa; through landmarks, in a BERT: nystrom")          \
  INTEGER(features, 0, 0, 65536, FIXED, "Transformer", "random features of favor and rfa; 0: 4 x a head's channels")   \
  INTEGER(landmarks, 32, 1, 65536, FIXED, "Transformer", "parts of a sequence that nystrom looks through")             \
  INTEGER(channels, 128, 1, 65536, FITS, "Model", "width of the model")                                                \
  INTEGER(context, 128, 1, 1048576, FITS, "Model",                                                                     \
          "tokens that the model sees at once, or a recurrent one is trained on at once")                              \
  INTEGER(ffn_channels, 0, -1, 1048576, FIXED, "Transformer",                                                          \
          "width of the feed-forward layer; 0: 4 x channels (gated: 8/3), -1: none")                                   \
  NUMBER(dropout, 0, 0, 0.99, FITS, "Model", "probability of dropping an activation in training")                      \
  SWITCH(bias, false, FITS, "Model", "biases in linear and norm layers; a BERT has them")                              \
  WORD(position, nn::Position::learned, FIXED, "Transformer", "how a position is told to the model")                   \
  NUMBER(position_scale, 1, 0, 1000, FITS, "Transformer", "amplitude of sinusoidal positions")                         \
  SWITCH(scale_tokens, false, FIXED, "Transformer",                                                                    \
         "token rows are multiplied by sqrt(channels), as in Vaswani et al. 2017")                                     \
  NUMBER(rope_theta, 10000, 1, 1e12, FIXED, "Transformer", "base of the angles of rotary positions")                   \
  WORD(norm, nn::NormPlace::pre, FITS, "Transformer", "where norms stand: before each sublayer; after, as in a BERT")  \
  WORD(norm_kind, nn::NormKind::layer, FIXED, "Transformer",                                                           \
       "to mean 0 and variance 1; rms: to mean square 1, without biases")                                              \
  NUMBER(norm_epsilon, 0, 0, 1, FITS, "Transformer", "added to the mean square in norms; 0: 1e-5, in a BERT 1e-12")    \
  SWITCH(tie, true, FIXED, "Model", "the output projection is the token embedding")                                    \
  WORD(activation, nn::Activation::gelu, FITS, "Transformer", "of the feed-forward layer; a BERT has gelu-erf")        \
  WORD(pooling, nn::Pooling::cls, FITS, "Model", "what labels are read from: the output at [CLS], or all in the mean") \
  NUMBER(label_smoothing, 0, 0, 0.99, FIXED, "Optimizer",                                                              \
         "share of every target's probability that is spread evenly over all tokens or labels")                        \
  WORD(optimizer, optim::Rule::adamw, FIXED, "Optimizer", "the update rule")                                           \
  NUMBER(lr, 1e-3, 0, 1000, FITS, "Optimizer", "highest learning rate; for noam a factor")                             \
  NUMBER(min_lr, 1e-4, 0, 1000, FITS, "Optimizer", "learning rate at the end of the schedule")                         \
  INTEGER(warmup, 100, 0, 1000000000, FITS, "Optimizer", "steps in which the learning rate rises")                     \
  WORD(schedule, optim::Decay::cosine, FIXED, "Optimizer", "the learning rate after the warmup")                       \
  NUMBER(beta1, 0.9, 0, 0.999999, FIXED, "Optimizer", "decay of the first moment; the momentum of sgd")                \
  NUMBER(beta2, 0.99, 0, 0.999999999, FIXED, "Optimizer", "decay of the second moment")                                \
  NUMBER(eps, 1e-8, 1e-30, 1, FIXED, "Optimizer", "added to the root of the second moment")                            \
  NUMBER(weight_decay, 0.1, 0, 100, FITS, "Optimizer", "of matrices and embeddings; 0.1 for adamw, else 0")            \
  NUMBER(clip, 1, 0, 1e9, FIXED, "Optimizer", "longest gradient, as a global norm; 0: no limit")                       \
  SWITCH(balance, false, FIXED, "Task", "classify: all labels weigh alike in the loss, however many lines each has")   \
  SWITCH(freeze, false, FIXED, "Optimizer", "classify: train the new head only, on a body that stays as it is")        \
  INTEGER(batch, 16, 1, 1048576, FITS, "Run", "sequences processed at once")                                           \
  INTEGER(accumulate, 1, 1, 1048576, FIXED, "Run", "batches whose gradients make one step")                            \
  INTEGER(steps, 0, 1, 1000000000000, FITS, "Run", "steps to train")                                                   \
  NUMBER(epochs, 0, 0, 1e9, FIXED, "Run", "passes over the text to train")                                             \
  NUMBER(minutes, 0, 0, 1e6, FIXED, "Run",                                                                             \
         "minutes to train, turned into steps by timing a few, and anew behind each evaluation")                       \
  INTEGER(patience, 0, 0, 1000000, FITS, "Run", "stop after so many evaluations without a better one; 0: never")       \
  INTEGER(eval_every, 0, 0, 1000000000000, FITS, "Run", "steps between evaluations; 0: only at the end")               \
  INTEGER(eval_batches, 0, 0, 1000000000000, FITS, "Run", "batches of an evaluation; 0: the whole validation part")    \
  INTEGER(sample_every, 0, 0, 1000000000000, FIXED, "Run",                                                             \
          "steps between texts that the model writes into samples.jsonl, for `primer report`; 0: none")                \
  INTEGER(save_every, 0, 0, 1000000000000, FIXED, "Run", "steps between checkpoints; 0: about every minute")           \
  INTEGER(keep, 1, 0, 1000000, FIXED, "Run", "older checkpoints that stay, beside the best and the last one")          \
  SWITCH(deterministic, true, FIXED, "Run", "the same numbers for any number of threads; off: products by BLAS")       \
  INTEGER(threads, 0, 0, 4096, FIXED, "Run", "processor threads; 0: all")

/// The group of what only a transformer has. A recurrent body's configuration leaves it as it is by default.
inline constexpr std::string_view transformer_group = "Transformer";

/// The group of what only a recurrent decoder has.
inline constexpr std::string_view alignment_group = "Alignment";

/// A resolved or partly resolved configuration. The members are the names above.
struct Config {
#define PRIMER_INTEGER(name, value, low, high, fits, group, help) long name = value;
#define PRIMER_NUMBER(name, value, low, high, fits, group, help) double name = value;
#define PRIMER_SWITCH(name, value, fits, group, help) bool name = value;
#define PRIMER_WORD(name, value, fits, group, help) decltype(value) name = value;
#define PRIMER_TEXT(name, value, choices, fits, group, help) std::string name = value;
#define PRIMER_LIST(name, fits, group, help) std::vector<std::string> name;
  PRIMER_CONFIG_FIELDS(PRIMER_INTEGER, PRIMER_NUMBER, PRIMER_SWITCH, PRIMER_WORD, PRIMER_TEXT, PRIMER_LIST)
#undef PRIMER_INTEGER
#undef PRIMER_NUMBER
#undef PRIMER_SWITCH
#undef PRIMER_WORD
#undef PRIMER_TEXT
#undef PRIMER_LIST

#define PRIMER_ONE(...) +1
  static constexpr int field_count =
      0 PRIMER_CONFIG_FIELDS(PRIMER_ONE, PRIMER_ONE, PRIMER_ONE, PRIMER_ONE, PRIMER_ONE, PRIMER_ONE);
#undef PRIMER_ONE
  std::array<ChosenBy, field_count> sources{};  // [field_count], who chose each value, in the order of the list
};

/// One line of the list.
struct Field {
  enum class Kind { integer, number, switch_, word, list };

  int index;
  std::string_view key;  // snake_case: the name in config.json
  Kind kind;
  double low = 0, high = 0;               // of integers and numbers, both allowed
  std::vector<std::string_view> choices;  // of words
  bool fits = false;                      // fitted to the text unless chosen
  bool shapes = false;                    // a model is made so, and stays so when it is trained further
  std::string_view group;
  std::string help;

  std::string (*text)(const Config& config);                                // the value: see value_text()
  bool (*read)(Config& config, const Field& field, std::string_view text);  // false: no value of this field
  const void* (*place)(const Config& config);                               // of the member

  /// The name on the command line, without dashes: the key in kebab-case.
  std::string option() const;
};

/// The list, in order.
std::span<const Field> fields();

/// The field with this key, or nullptr.
const Field* find_field(std::string_view key);

/// The field with this key. There is none: Fault::usage, which names it and the nearest one.
const Field& field_named(std::string_view key);

/// Sets one value from text, as on the command line. `shown` is how the user named it ("--lr"), for the message.
/// Throws Fault::usage for a wrong type, a value out of range, nan and infinity.
void set(Config& config, const Field& field, std::string_view text, ChosenBy source, std::string_view shown);

/// The value as text: the shortest that reads back to the same value. A list has one element a line.
std::string value_text(const Config& config, const Field& field);

/// Who chose a value.
inline ChosenBy source_of(const Config& config, const Field& field) {
  return config.sources[static_cast<std::size_t>(field.index)];
}

/// The field whose value stands there in `config`.
const Field& field_at(const Config& config, const void* place);

/// Sets a member that is `by`'s choice.
template <class Value>
void choose(Config& config, Value Config::*member, std::type_identity_t<Value> value, ChosenBy by) {
  config.*member = value;
  config.sources[static_cast<std::size_t>(field_at(config, &(config.*member)).index)] = by;
}

/// Who chose the value of a member, as in source_of(config, &Config::context).
template <class Value>
ChosenBy source_of(const Config& config, Value Config::*member) {
  return source_of(config, field_at(config, &(config.*member)));
}

/// Nobody chose it.
template <class Value>
bool fitted(const Config& config, Value Config::*member) {
  return source_of(config, member) == ChosenBy::fitted;
}

/// The SIZE of a tokenizer bpe:SIZE, 0 for any other.
int bpe_size(std::string_view tokenizer);

/// A tokenizer is a file's, not made for the text.
bool names_file(std::string_view tokenizer);

/// Sources have a vocabulary of their own.
inline bool parts_sides(const Config& config) { return config.source_tokenizer != "shared"; }

/// The word of --tokenizer that holds, for targets: where only that of the sources was chosen, theirs are made alike.
inline const std::string& target_tokenizer(const Config& config) {
  return parts_sides(config) && fitted(config, &Config::tokenizer) ? config.source_tokenizer : config.tokenizer;
}

/// The configuration as JSON in the order of the list, one field a line, or all of it in one line.
enum class Layout { lines, one_line };
std::string to_json(const Config& config, Layout layout = Layout::lines);

/// Reads such JSON, comments allowed, over `config`: every key it holds is set, with this source.
/// `name` is the file's, for messages. Throws Fault::usage for what is not such JSON: unknown, repeated or nested keys,
/// wrong types, values out of range; nothing is changed then.
void read_json(Config& config, std::string_view text, const std::string& name, ChosenBy source);

/// The wishes for a training that begins with the model of `source`, a run named `run`: the fields that shape the model
/// are its own, and so is the objective unless it is chosen. Wishes that ask for another shape, or for an objective
/// that a model of this kind cannot have: Fault::usage.
Config inherit_model(const Config& wishes, const Config& source, std::string_view run);

/// Throws Fault::usage on switches that do not go together. `has_source`: the training begins with another's weights.
void check_choices(const Config& config, bool has_source);

/// --sample-every for a model that does not go on with a text: Fault::usage.
void check_sampling(const Config& config);

/// What --field names. Not as many names as the objective reads fields, or not all different: Fault::usage.
data::TextFields text_fields(const Config& config);

/// Tokens that are needed beside those of the text.
std::vector<std::string> specials_of(const Config& config);

/// Something is kept for validation, or given for it.
inline bool validates(const Config& config) { return config.val_fraction > 0 || !config.validation.empty(); }

/// The model has BERT's pooler: what labels are read from, when there are any.
bool has_pooler(const Config& config);

/// The model that the configuration describes, over `vocabulary` tokens; `labels` are the text's. Throws Fault::usage
/// when heads do not divide the channels.
nn::ModelConfig model_config(const Config& config, long vocabulary, long labels = 0);
/// Over the tokens of a tokenizer, and over its sources' where these have their own.
nn::ModelConfig model_config(const Config& config, const data::Tokenizer& tokenizer, long labels = 0);

}  // namespace primer::train
