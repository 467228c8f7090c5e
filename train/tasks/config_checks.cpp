// Choices that do not go together, and those that a model which is trained further has made already.
#include "autograd/error.h"
#include "data/text/encodings.h"
#include "train/tasks/config.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

Config inherit_model(const Config& wishes, const Config& source, std::string_view run) {
  Config config = wishes;
  if (fitted(wishes, &Config::objective)) config.objective = source.objective;
  const Task &task = *config.objective, &before = *source.objective;
  if (task.causal() != before.causal()) {
    throw Error(Fault::usage, "--objective " + std::string(task.name()) + " needs a model that reads in " +
                                  (before.causal() ? "both directions, and that of " : "one direction, and that of ") +
                                  std::string(run) + " was trained with --objective " + std::string(before.name()));
  }
  if (task.translates() != before.translates()) {
    throw Error(Fault::usage, "--objective " + std::string(task.name()) + " needs a model " +
                                  (before.translates() ? "without" : "with") + " a source, and that of " +
                                  std::string(run) + " was trained with --objective " + std::string(before.name()));
  }
  task.begin_from(config, source);
  // On the same text: what it was trained on must not be validated with.
  if (fitted(wishes, &Config::split)) choose(config, &Config::split, source.split, ChosenBy::preset);
  if (fitted(wishes, &Config::seed)) choose(config, &Config::seed, source.seed, ChosenBy::preset);
  const bool pooled = has_pooler(source);
  if (!task.causal() && fitted(wishes, &Config::pooling)) {
    choose(config, &Config::pooling, pooled || config.next_sentence ? nn::Pooling::cls : nn::Pooling::mean,
           ChosenBy::preset);
  }
  if (config.freeze && config.pooling == nn::Pooling::cls && !pooled) {
    throw Error(Fault::usage,
                "--freeze keeps what the model has learned, and that of " + std::string(run) +
                    " has learned nothing for --pooling cls; leave it out, or train with --next-sentence");
  }
  std::string conflicts;
  for (const Field& field : fields()) {
    if (!field.shapes) continue;
    const std::string wish = value_text(wishes, field), own = value_text(source, field);
    if (source_of(wishes, field) > ChosenBy::fitted && wish != own) {
      const bool is_switch = field.kind == Field::Kind::switch_;
      conflicts += (conflicts.empty() ? "--" : ", --") +
                   (!is_switch ? field.option() + " " + wish : (wish == "true" ? "" : "no-") + field.option()) +
                   " (the model has " + own + ")";
    }
    set(config, field, own, ChosenBy::file, field.key);
  }
  if (!conflicts.empty()) {
    throw Error(Fault::usage, "the model of " + std::string(run) + " keeps its shape, so leave out " + conflicts);
  }
  return config;
}

// Somebody wants it so. What a file says may be what is so anyway.
static bool is_chosen(const Config& config, const Field& field) {
  const ChosenBy by = source_of(config, field);
  return by > ChosenBy::file || (by == ChosenBy::file && value_text(config, field) != value_text(Config{}, field));
}

// The options of a group that somebody wants: --a, --b.
static std::string chosen_of(const Config& config, std::string_view group) {
  std::string chosen;
  for (const Field& field : fields())
    if (field.group == group && is_chosen(config, field)) chosen += (chosen.empty() ? "--" : ", --") + field.option();
  return chosen;
}

// How a decoder aligns with a source, where it is recurrent.
static void check_alignment(const Config& config) {
  if (!config.objective->translates() || config.body == nn::BodyKind::transformer) {
    const std::string chosen = chosen_of(config, alignment_group);
    if (!chosen.empty())
      throw Error(Fault::usage, chosen + ": only --objective translate with --body rnn, gru or lstm aligns so");
    return;
  }
  if (config.layers == 0) throw Error(Fault::usage, "--layers 0: an encoder of cells has 1 layer or more");
  if (config.align != nn::Align::local && is_chosen(config, field_at(config, &config.align_window)))
    throw Error(Fault::usage, "--align-window goes with --align local");
  if (config.input_feeding && (config.align == nn::Align::additive || config.align == nn::Align::none))
    throw Error(Fault::usage, "--input-feeding goes with every --align but additive or none, got " +
                                  std::string(autograd::name(config.align)));
}

// A recurrent body reads from left to right, and has nothing of a transformer.
static void check_body(const Config& config) {
  if (config.body == nn::BodyKind::transformer) return;
  const std::string body = "--body " + std::string(autograd::name(config.body));
  if (!config.objective->causal()) {
    throw Error(Fault::usage, "--objective " + std::string(config.objective->name()) +
                                  " reads in both directions, and " + body + " in one: leave out one of them");
  }
  const std::string foreign = chosen_of(config, transformer_group);
  if (!foreign.empty()) throw Error(Fault::usage, body + " has nothing of a transformer's: leave out " + foreign);
}

static void check_attention(const Config& config) {
  const nn::AttentionKind kind = config.attention;
  const std::string wish = "--attention " + std::string(autograd::name(kind));
  const bool causal = config.objective->causal();
  if (config.objective->translates() && kind != nn::AttentionKind::softmax) {
    throw Error(Fault::usage, wish + " has no form that reads a source: --objective " +
                                  std::string(config.objective->name()) + " has softmax");
  }
  if (kind == (causal ? nn::AttentionKind::nystrom : nn::AttentionKind::rfa)) {
    throw Error(Fault::usage, wish + " reads in " + (causal ? "both directions" : "one direction") +
                                  ", and --objective " + std::string(config.objective->name()) + " in " +
                                  (causal ? "one" : "both") + ": take softmax, linear, favor or " +
                                  (causal ? "rfa" : "nystrom"));
  }
  const auto goes_with = [&](long Config::*member, bool used, const char* kinds) {
    const Field& field = field_at(config, &(config.*member));
    if (!used && is_chosen(config, field))
      throw Error(Fault::usage, "--" + field.option() + " goes with --attention " + kinds);
  };
  goes_with(&Config::features, nn::is_random(kind), "favor or rfa");
  goes_with(&Config::landmarks, kind == nn::AttentionKind::nystrom, "nystrom");
  if (kind == nn::AttentionKind::rfa && config.features % 2 != 0) {
    throw Error(Fault::usage, "--features " + std::to_string(config.features) +
                                  ": a sine and a cosine of each direction make an even number; try --features " +
                                  std::to_string(config.features + 1));
  }
}

void check_sampling(const Config& config) {
  if (config.sample_every > 0 && !config.objective->writes())
    throw Error(Fault::usage, "--sample-every: a model of --objective " + std::string(config.objective->name()) +
                                  " does not go on with a text; leave it out");
}

void check_choices(const Config& config, bool has_source) {
  check_sampling(config);
  (void)text_fields(config);  // refuses names that do not fit
  if (!config.encoding.empty()) data::Transcoder{config.encoding};
  check_body(config);
  check_alignment(config);
  check_attention(config);
  for (const auto* const field : {&field_at(config, &config.val_fraction), &field_at(config, &config.split)}) {
    if (config.validation.empty() || source_of(config, *field) != ChosenBy::flag) continue;
    throw Error(Fault::usage,
                "--" + field->option() + " divides the text, and --validation leaves it whole: give one of the two");
  }
  if (config.objective->form(config) != data::TextForm::stream && source_of(config, &Config::split) == ChosenBy::flag) {
    throw Error(Fault::usage, "--split says what is kept of a running text, and that of --objective " +
                                  std::string(config.objective->name()) + " is divided by its lines or sentences");
  }
  const auto goes_with = [](bool (Task::*takes)() const, const std::string& option) {
    std::string names;
    for (const Task* const task : tasks()) {
      if ((task->*takes)()) names += (names.empty() ? "" : " or ") + std::string(task->name());
    }
    return option + " goes with --objective " + names;
  };
  if (!config.answer_after.empty() && !config.objective->takes_answer_after()) {
    throw Error(Fault::usage, goes_with(&Task::takes_answer_after, "--answer-after"));
  }
  if (config.documents != data::Parting::none && source_of(config, &Config::documents) == ChosenBy::flag &&
      (!config.objective->takes_answer_after() || !config.answer_after.empty())) {
    throw Error(Fault::usage, goes_with(&Task::takes_answer_after, "--documents") + ", without --answer-after");
  }
  if (config.decoder_layers > 0 && !config.objective->translates()) {
    throw Error(Fault::usage, goes_with(&Task::translates, "--decoder-layers"));
  }
  if (parts_sides(config) && !config.objective->translates()) {
    throw Error(Fault::usage, goes_with(&Task::translates, "--source-tokenizer"));
  }
  if (parts_sides(config) && names_file(config.source_tokenizer) && fitted(config, &Config::tokenizer)) {
    throw Error(Fault::usage, "--source-tokenizer " + config.source_tokenizer +
                                  " reads the sources: say by --tokenizer what reads their targets");
  }
  if (!config.objective->frames() && is_chosen(config, field_at(config, &config.pooling))) {
    throw Error(Fault::usage, goes_with(&Task::frames, "--pooling"));
  }
  if (config.next_sentence && !config.objective->takes_next_sentence()) {
    throw Error(Fault::usage, goes_with(&Task::takes_next_sentence, "--next-sentence"));
  }
  if (config.balance && !config.objective->has_labels()) {
    throw Error(Fault::usage, goes_with(&Task::has_labels, "--balance"));
  }
  if (config.freeze && (!config.objective->takes_freeze() || !has_source)) {
    throw Error(Fault::usage,
                goes_with(&Task::takes_freeze, "--freeze") + " and --init-from: it keeps what another run has learned");
  }
}

}  // namespace primer::train
