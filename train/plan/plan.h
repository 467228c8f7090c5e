// From a text and some wishes to a complete configuration that makes sense for that text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/examples/encoded_text.h"
#include "data/text/text.h"
#include "data/tokenizers/tokenizer.h"
#include "train/tasks/config.h"

namespace primer::train {

/// A training that could start.
struct Plan {
  Config config;       // complete, but for the steps when `timed`
  bool timed = false;  // minutes were asked for: settle_steps() must be told how fast the model trains
  std::shared_ptr<const data::Tokenizer> tokenizer;
  std::shared_ptr<data::EncodedText> encoded;  // where it took that to know how long the text is
  std::vector<std::string> labels;             // of --objective classify, in order
  std::vector<std::uint64_t> label_lines;      // of each label, those of --validation too
  std::uint64_t text_bytes = 0;
  std::uint64_t documents = 0;  // that end with a token of their own
  std::uint64_t train_tokens = 0, validation_tokens = 0;
  std::uint64_t lines = 0;            // that are examples
  std::uint64_t held_back_lines = 0;  // of them, in texts of their own
  std::uint64_t answer_tokens = 0;    // of all lines that have a part to learn: answers, translations
  long parameters = 0, parameters_without_positions = 0;
  double steps_per_epoch = 0;
  double flop_per_token = 0;       // of its products in their textbook form: see StepMeter
  std::uint64_t memory_bytes = 0;  // estimate of what training takes
  std::vector<std::string> notes;  // what was changed to fit, one line each

  /// Targets are evaluated at all.
  bool validates() const { return train::validates(config); }
  long sequences_per_step() const { return config.batch * config.accumulate; }
};

/// Answers and translations are right or wrong symbol by symbol.
bool answers_exactly(const Config& config);

/// Names the tokenizer of a text where nobody chose one: pieces of words, as many as the text is long enough for;
/// symbols for answers_exactly(), and for a next-token model of a short text. Measured by tests/bench/defaults.py.
/// Characters get [UNK] unless somebody chose; asked for with another tokenizer: Fault::usage.
void choose_tokenizer(Config& wishes, const data::TextFacts& facts);

/// Those symbols of a text that its new vocabulary of characters leaves out so that [UNK] is learned: an eighth of
/// those that occur once, at least one of them, drawn from the seed. None without --unknown-symbol.
std::vector<data::Symbol> left_for_unknown(const Config& wishes, const data::TextFacts& facts);

/// A new tokenizer of symbols, by its word: one of bytes, or of the characters of `alphabet`.
std::shared_ptr<const data::Tokenizer> symbol_tokenizer(const std::string& word, std::vector<data::Symbol> alphabet,
                                                        const Config& wishes, const data::TextFacts& facts);
/// Where nobody chose: spreads over a running text what is kept of it for validation, and ends each document of one to
/// be gone on with, where it is of several files or of records.
void choose_division(Config& wishes, const data::Sources& sources);

/// A tokenizer that somebody else made may have no token to end documents with: then they run on, unless somebody
/// wants them told apart (Fault::input). --separate-documents without any: Fault::usage.
void choose_documents(Plan& plan);

/// What is held back of a text: of a running one, or of sentences, as --split and --val-fraction say.
data::StreamSplit split_of(const Config& config, const data::TextFacts& facts);

/// The tokenizer that the wishes name, where it takes more than facts about the text: learned from the texts, but not
/// from those of --validation or the part of a running text that is kept for it (lines are drawn later, and all are
/// learned from), or read from a file; and where sources have a vocabulary of their own, whatever it
/// is. Null where make_plan makes it. Throws what learning and reading throw.
std::shared_ptr<const data::Tokenizer> make_tokenizer(const Config& wishes, const data::Sources& sources,
                                                      const data::TextFacts& facts);

/// What takes more than facts about a text: its labels, and how many tokens it gives.
struct TextReadings {
  std::shared_ptr<const data::Tokenizer> tokenizer;
  std::vector<std::string> labels;             // of --objective classify
  std::shared_ptr<data::EncodedText> encoded;  // where the tokens could not be counted otherwise
  std::vector<std::string> notes;              // what the vocabulary lacks of the text
};

/// Encodes the text where that is needed to count the tokens of its parts, or to see what `tokenizer` lacks of it: into
/// a file that is to be `place()`, or just to count if there is no such function. `tokenizer`, if not null, is the one
/// to encode with; else a new one of characters or bytes, by the wishes. Of pairs, `facts.alphabet` becomes that of
/// their sides. Fault::input.
TextReadings read_text(const Config& wishes, const data::Sources& sources, data::TextFacts& facts,
                       std::shared_ptr<const data::Tokenizer> tokenizer,
                       const std::function<std::string()>& place = {});

/// Completes `wishes`: what nobody chose is fitted to the text. Unless minutes were asked for, the steps are settled.
/// With a tokenizer the text is encoded by it, and has been counted by it (read_text); without, by a new one of
/// characters or bytes.
/// Fault::input: the text is too short, also for a context that was chosen; Fault::usage: choices that exclude each
/// other; Fault::memory: the model does not fit this machine.
Plan make_plan(const Config& wishes, const data::TextFacts& facts, const TextReadings& readings = {});

/// Turns a time limit into steps: the most that fit, evaluations included, and at least one. Afterwards the
/// configuration says steps only. Seconds are measured, and so is how many batches an evaluation takes; they are not
/// looked at when no minutes were asked for.
void settle_steps(Plan& plan, double seconds_per_step = 0, double seconds_per_batch = 0, long evaluation_batches = 0);

/// Steps that an epoch takes, with fraction: of `train_tokens` of a text; of labelled lines their number in all of a
/// text that is divided counts, of others those to learn from. 0.x for a text shorter than a step.
double steps_per_epoch(const Config& config, std::uint64_t train_tokens, std::uint64_t lines);

/// Whole steps for so many epochs, one at least.
long steps_for(double epochs, double steps_per_epoch);

/// What is to be said of lines with answers or translations, if anything.
std::vector<std::string> line_notes(const data::TextFacts& facts, const Config& config);

/// "4 layers, 4 heads, 128 channels, context 128": the shape of a model.
std::string shape_text(const Config& config);

/// "bpe:2000 tokens, vocabulary 2000", or that of either side.
std::string vocabulary_text(const Config& config, const data::Tokenizer& tokenizer);

/// The plan for people, a few lines: what is done, why it was chosen where nobody did, and what is to be known.
std::string plan_text(const Plan& plan);

/// The plan as one JSON object.
std::string plan_json(const Plan& plan);

}  // namespace primer::train
