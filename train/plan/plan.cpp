#include "train/plan/plan.h"

#include <algorithm>
#include <cmath>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/examples/encoded_text.h"
#include "data/text/labels.h"
#include "data/text/sides.h"
#include "train/plan/defaults.h"
#include "train/plan/memory.h"
#include "train/tasks/numbers.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr std::uint64_t worth_patience = 2'000;       // validation tokens below which early stopping would follow noise
constexpr std::uint64_t most_evaluated = 256 * 1024;  // tokens an evaluation reads unless it is told how many

// A preset was not made for this text: its context may shrink. What the user wrote may not.
template <class Value>
bool chosen_by_hand(const Config& config, Value Config::*member) {
  return source_of(config, member) >= ChosenBy::file;
}

std::uint64_t tokens_in(const data::FileFacts& file, const data::TextReading& reading) {
  const auto count = reading.count(file);
  if (!count) autograd::refuse("make_plan", "the tokens of the text were not counted", Fault::bug);
  return *count;
}

std::shared_ptr<const data::Tokenizer> new_tokenizer(const Config& config, const data::TextFacts& facts) {
  if (config.tokenizer != "byte" && config.tokenizer != "char") {
    autograd::refuse("make_plan", "the tokenizer " + config.tokenizer + " was not made", Fault::bug);
  }
  return symbol_tokenizer(config.tokenizer, facts.alphabet, config, facts);
}

// What a new vocabulary leaves out of the text.
void note_left(TextReadings& readings, std::size_t symbols) {
  if (symbols == 0) return;
  readings.notes.push_back(std::to_string(symbols) + (symbols == 1 ? " symbol that occurs" : " symbols that occur") +
                           " once " + (symbols == 1 ? "is" : "are") +
                           " read as [UNK], which stands for what is not in the vocabulary");
}

// What a vocabulary that was there before the text lacks of it.
void note_unknown(TextReadings& readings, const data::Unknowns& unknown, const data::TextFacts& facts) {
  if (unknown.symbols == 0) return;
  const double share = 100 * static_cast<double>(unknown.symbols) / static_cast<double>(facts.symbols);
  readings.notes.push_back(readings.tokenizer->unknown_note(unknown) +
                           (share >= 1 ? "; that is " + number_text(std::round(share)) + " % of it" : ""));
}

void count_tokens(Plan& plan, const data::TextFacts& facts) {
  plan.train_tokens = plan.validation_tokens = plan.lines = plan.held_back_lines = 0;
  const double fraction = plan.config.val_fraction;
  for (const data::FileFacts& file : facts.files) {
    const std::uint64_t n = tokens_in(file, reading_of(plan.config, *plan.tokenizer, plan.labels));
    const std::uint64_t train = file.held_back                           ? 0
                                : file.validation_tokens && fraction > 0 ? n - *file.validation_tokens
                                                                         : data::training_share(n, fraction);
    plan.train_tokens += train;
    plan.validation_tokens += n - train;
    plan.lines += file.parts;
    if (file.held_back) plan.held_back_lines += file.parts;
  }
}

void choose_parts(Plan& plan, const data::TextFacts& facts) {
  Config& config = plan.config;
  const auto fewest = static_cast<std::uint64_t>(config.objective->room(config).fewest_tokens);
  if (!config.validation.empty()) config.val_fraction = 0;
  count_tokens(plan, facts);
  if (config.val_fraction > 0 && (plan.validation_tokens < fewest || plan.train_tokens < fewest) &&
      !chosen_by_hand(config, &Config::val_fraction)) {
    config.val_fraction = 0;
    plan.notes.push_back("the text is too short to keep a part of it for validation");
    count_tokens(plan, facts);
  }
  if (plan.train_tokens < fewest) {
    throw Error(Fault::input, "the text is too short: its training part has " + std::to_string(plan.train_tokens) +
                                  (plan.train_tokens == 1 ? " token" : " tokens") + ", and at least " +
                                  std::to_string(fewest) + " are needed");
  }
  if (!config.validation.empty() && plan.validation_tokens < fewest) {
    throw Error(Fault::input, "the text of --validation is too short: it has " +
                                  std::to_string(plan.validation_tokens) +
                                  (plan.validation_tokens == 1 ? " token" : " tokens") + ", and at least " +
                                  std::to_string(fewest) + " are needed");
  }
  if (config.val_fraction > 0 && plan.validation_tokens < fewest) {
    config.val_fraction = 0;
    plan.notes.push_back("the validation part is empty: nothing will be evaluated");
    count_tokens(plan, facts);
  }
}

// What such a column is often called where a text begins with a header.
bool is_column_name(std::string label) {
  for (char& c : label) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  constexpr std::string_view names[] = {"label",  "labels", "class", "category", "sentiment",
                                        "intent", "target", "topic", "tag",      "y"};
  return std::ranges::find(names, label) != std::end(names);
}

// Lines of labels that nothing can be learned of, or nothing be said about.
void check_labels(Plan& plan, const data::TextFacts& facts) {
  const auto& [lines, held_back] = facts.label_lines;
  plan.label_lines.clear();
  for (std::size_t k = 0; k < lines.size(); ++k) plan.label_lines.push_back(lines[k] + held_back[k]);
  const auto header = [&](std::size_t k) {
    const bool is_header = plan.config.field.empty() && plan.label_lines[k] == 1 && is_column_name(plan.labels[k]);
    return is_header ? "; if the text begins with a header, --field " + plan.labels[k] +
                           ",NAME reads it by the names of its columns"
                     : std::string();
  };
  for (std::size_t k = 0; k < lines.size() && !plan.config.validation.empty(); ++k) {
    if (lines[k] > 0 && held_back[k] > 0) continue;
    throw Error(Fault::input, "the label '" + plan.labels[k] + "' has " + std::to_string(lines[k]) +
                                  (lines[k] == 1 ? " line" : " lines") + " to learn from and " +
                                  std::to_string(held_back[k]) + " to validate with: each label needs both" +
                                  header(k));
  }
  for (std::size_t k = 0; k < lines.size() && plan.config.val_fraction > 0; ++k) {
    if (lines[k] > 1) continue;
    throw Error(Fault::input, "the label '" + plan.labels[k] + "' has " + (lines[k] == 1 ? "1 line" : "no line") +
                                  ", too few to learn from and to validate with: give more of them, or --val-fraction "
                                  "0" +
                                  header(k));
  }
  for (std::size_t k = 0; k < lines.size(); ++k)
    if (plan.label_lines[k] == 1)
      plan.notes.push_back("the label '" + plan.labels[k] + "' has 1 line, too few to tell others by" + header(k));
}

// Lines are read whole, as far as that is affordable.
long context_for(const data::TextFacts& facts) {
  constexpr std::size_t most = 512;
  std::size_t longest = facts.line_lengths.size();
  while (longest > 1 && facts.line_lengths[longest - 1] == 0) --longest;
  return static_cast<long>(std::min(most, (longest - 1 + 7) / 8 * 8));
}

void note_cut_lines(Plan& plan, const data::TextFacts& facts) {
  std::uint64_t cut = 0;
  for (std::size_t places = static_cast<std::size_t>(plan.config.context) + 1; places < facts.line_lengths.size();
       ++places) {
    cut += facts.line_lengths[places];
  }
  if (cut == 0) return;
  plan.notes.push_back(std::to_string(cut) + " of " + std::to_string(plan.lines) + " lines " +
                       (cut == 1 ? "is" : "are") + " longer than the context of " +
                       std::to_string(plan.config.context) + " and " +
                       (cut == 1 ? "loses its end" : "lose their ends"));
}

// The entropy of a smoothed target, 1 - e + e / V of the right one and e / V of each other: the least loss.
double smoothing_floor(double e, double V) {
  const auto part = [](double p) { return p > 0 ? -p * std::log(p) : 0; };
  return part(1 - e + e / V) + (V - 1) * part(e / V);
}

void note_smoothing(Plan& plan) {
  const double e = plan.config.label_smoothing;
  if (e == 0) return;
  const nn::ModelConfig model = model_config(plan.config, *plan.tokenizer, std::ssize(plan.labels));
  double floor = 0;  // of all heads
  if (model.output.token || model.output.masked) floor += smoothing_floor(e, static_cast<double>(model.vocabulary));
  if (model.output.labels > 0) floor += smoothing_floor(e, static_cast<double>(model.output.labels));
  char text[64];
  std::snprintf(text, sizeof text, "%.4f", floor);
  plan.notes.push_back("no smoothed_loss is below " + std::string(text) + ", the entropy of targets smoothed by " +
                       number_text(e));
}

void choose_context(Plan& plan, const data::TextFacts& facts, const Defaults& row) {
  Config& config = plan.config;
  const bool by_lines = !facts.line_lengths.empty();
  if (fitted(config, &Config::context)) config.context = by_lines ? context_for(facts) : row.context;
  if (const long fewest = config.objective->room(config).fewest_places; config.context < fewest) {
    throw Error(Fault::usage,
                "--context " + std::to_string(config.context) + " has no room for an example of --objective " +
                    std::string(config.objective->name()) + ": take " + std::to_string(fewest) + " or more");
  }
  if (by_lines) return;  // a line may be shorter than its places
  // Next-token windows of T tokens need T + 1: each token's target is the one after it. What stands around the text
  // needs places, too.
  const std::uint64_t largest = plan.train_tokens + static_cast<std::uint64_t>(config.objective->room(config).framing);
  if (static_cast<std::uint64_t>(config.context) <= largest) return;
  if (chosen_by_hand(config, &Config::context)) {
    throw Error(Fault::input, "the text is too short for --context " + std::to_string(config.context) +
                                  ": its training part has " + std::to_string(plan.train_tokens) +
                                  " tokens; the largest context that works is " + std::to_string(largest));
  }
  config.context = static_cast<long>(largest);
  plan.notes.push_back("context " + std::to_string(largest) + " is all that the text allows");
}

// The first of --steps, --epochs and --minutes ends the run, among those that were chosen last: a flag replaces the
// length that a preset or a file gives.
void choose_length(Plan& plan, const Defaults& row) {
  Config& config = plan.config;
  plan.steps_per_epoch = steps_per_epoch(config, plan.train_tokens, plan.lines - plan.held_back_lines);
  ChosenBy last = ChosenBy::fitted;
  const auto look = [&](auto member, double value) {
    if (value > 0) last = std::max(last, source_of(config, member));
  };
  look(&Config::steps, static_cast<double>(config.steps));
  look(&Config::epochs, config.epochs);
  look(&Config::minutes, config.minutes);
  const auto counts = [&](auto member) { return last > ChosenBy::fitted && source_of(config, member) == last; };

  double steps = counts(&Config::steps) && config.steps > 0 ? static_cast<double>(config.steps) : 1e12;
  if (counts(&Config::epochs) && config.epochs > 0) {
    steps = std::min(steps, static_cast<double>(steps_for(config.epochs, plan.steps_per_epoch)));
  }
  plan.timed = counts(&Config::minutes) && config.minutes > 0;
  if (!plan.timed) config.minutes = 0;
  if (last == ChosenBy::fitted)
    steps = static_cast<double>(std::min(row.steps, steps_until_known(config, *plan.tokenizer, plan.steps_per_epoch)));
  config.steps = static_cast<long>(steps);
  config.epochs = 0;
  if (fitted(config, &Config::patience)) {
    config.patience = last == ChosenBy::fitted && plan.validation_tokens >= worth_patience ? 3 : 0;
  }
}

void choose_evaluation(Plan& plan) {
  Config& config = plan.config;
  if (!fitted(config, &Config::eval_batches) || plan.validation_tokens <= most_evaluated) return;
  const auto tokens = static_cast<double>(plan.validation_tokens);
  const double lines = config.validation.empty() ? static_cast<double>(plan.lines) * config.val_fraction
                                                 : static_cast<double>(plan.held_back_lines);
  const double share = static_cast<double>(most_evaluated) / tokens;
  const double examples = config.objective->count(config, static_cast<double>(most_evaluated), lines * share);
  config.eval_batches = std::max(1L, static_cast<long>(std::ceil(examples / static_cast<double>(config.batch))));
  plan.notes.push_back("an evaluation reads " + number_text(std::max(1.0, std::round(100 * share))) +
                       " % of the validation part, spread over it");
}

void count_parameters(Plan& plan) {
  const Config& config = plan.config;
  const auto labels = static_cast<long>(plan.labels.size());
  StepMeter meter(config, model_config(config, *plan.tokenizer, labels));
  plan.parameters = meter.parameters().count();
  plan.parameters_without_positions = plan.parameters - meter.model().body->position_count();
  plan.flop_per_token = meter.part(1).work.flop / static_cast<double>(config.context);
  plan.memory_bytes = static_cast<std::uint64_t>(std::min(memory_need(config, meter, config.batch).total(), 1e18));
  refuse_beyond_memory(config, meter, available_memory());
}

}  // namespace

TextReadings read_text(const Config& wishes, const data::Sources& sources, data::TextFacts& facts,
                       std::shared_ptr<const data::Tokenizer> tokenizer, const std::function<std::string()>& place) {
  TextReadings readings{std::move(tokenizer), {}, {}, {}};
  const bool is_new = readings.tokenizer == nullptr;
  if (is_new && wishes.tokenizer == "char") note_left(readings, left_for_unknown(wishes, facts).size());
  if (wishes.objective->has_labels()) readings.labels = data::survey_labels(sources);
  if (!readings.tokenizer && wishes.objective->translates() &&
      wishes.tokenizer != "byte") {  // what parts the sides is no symbol of theirs
    facts.alphabet = data::alphabet_of_sides(sources);
  }
  if (!readings.tokenizer) readings.tokenizer = new_tokenizer(wishes, facts);
  require_specials(*wishes.objective, *readings.tokenizer);
  const data::TextReading reading = reading_of(wishes, *readings.tokenizer, readings.labels);
  const auto is_known = [&](const data::FileFacts& file) { return reading.count(file).has_value(); };
  const data::StreamSplit split = split_of(wishes, facts);
  const bool is_spread = wishes.split == data::Split::spread;
  // A tokenizer that was there before may lack symbols.
  if (!is_spread && std::ranges::all_of(facts.files, is_known) && is_new) return readings;
  auto encoded = std::make_shared<data::EncodedText>(place ? place() : std::string(), sources, facts, reading,
                                                     is_spread ? &split : nullptr);
  if (!is_new) note_unknown(readings, encoded->unknown(), facts);
  if (place) readings.encoded = std::move(encoded);
  return readings;
}

Plan make_plan(const Config& wishes, const data::TextFacts& facts, const TextReadings& readings) {
  Plan plan;
  plan.config = wishes;
  plan.tokenizer = readings.tokenizer;
  plan.labels = readings.labels;
  plan.encoded = readings.encoded;
  plan.notes = readings.notes;
  plan.text_bytes = facts.bytes;
  plan.documents = facts.documents;
  if (!plan.tokenizer) plan.tokenizer = new_tokenizer(plan.config, facts);
  choose_documents(plan);
  choose_parts(plan, facts);
  const Defaults& row = defaults_for(plan.config, plan.train_tokens + plan.validation_tokens);
  check_labels(plan, facts);
  choose_context(plan, facts, row);
  note_cut_lines(plan, facts);
  plan.answer_tokens = facts.answer_tokens + (plan.config.objective->translates() ? plan.lines : 0);  // [EOS] of each
  for (std::string& note : line_notes(facts, plan.config)) plan.notes.push_back(std::move(note));
  choose_model(plan.config, row);
  choose_optimizer(plan.config, row);
  if (fitted(wishes, &Config::batch)) {
    const auto windows = plan.train_tokens / static_cast<std::uint64_t>(plan.config.context) + 1;
    plan.config.batch = static_cast<long>(std::min(static_cast<std::uint64_t>(row.batch), windows));
  }
  choose_evaluation(plan);
  note_smoothing(plan);
  count_parameters(plan);
  choose_length(plan, row);
  if (!plan.timed) settle_steps(plan);
  return plan;
}

}  // namespace primer::train
