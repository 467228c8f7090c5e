// A plan, told to people and to programs.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "data/bytes/strict_json.h"
#include "train/plan/defaults.h"
#include "train/plan/plan.h"
#include "train/step/json_line.h"
#include "train/tasks/numbers.h"

namespace primer::train {

namespace {

// The texts of --validation, the first three by name.
std::string validation_text(const Config& config) {
  std::string names;
  const std::size_t count = config.validation.size(), shown = std::min<std::size_t>(count, 3);
  for (std::size_t i = 0; i < shown; ++i) names += (names.empty() ? "" : ", ") + config.validation[i];
  return count > shown ? names + " and " + std::to_string(count - shown) + " more" : names;
}

}  // namespace

std::vector<std::string> line_notes(const data::TextFacts& facts, const Config& config) {
  std::vector<std::string> notes;
  const std::uint64_t left_out = facts.left_out, overlapped = facts.overlapped;
  const auto lines = [](std::uint64_t n) { return std::to_string(n) + (n == 1 ? " line" : " lines"); };
  if (config.objective->translates()) {
    if (left_out > 0)
      notes.push_back(lines(left_out) + (left_out == 1 ? " lacks" : " lack") + " one of the two sides, and " +
                      (left_out == 1 ? "is" : "are") + " left out");
    if (overlapped > 0)
      notes.push_back("in " + lines(overlapped) + " a second tab follows; what stands behind it is left out");
    return notes;
  }
  if (config.objective->has_labels()) {
    if (left_out > 0) notes.push_back(lines(left_out) + (left_out == 1 ? " is" : " are") + " blank, and left out");
    return notes;
  }
  const std::string& marker = config.answer_after;
  if (left_out > 0) {
    notes.push_back(lines(left_out) + (left_out == 1 ? " has" : " have") + " no '" + marker +
                    "' with an answer behind it, and " + (left_out == 1 ? "is" : "are") + " left out");
  }
  if (overlapped > 0) {
    notes.push_back("in " + lines(overlapped) + " a token holds the end of '" + marker +
                    "' and the beginning of the answer, and is not learned; give --answer-after without a blank at its "
                    "end");
  }
  return notes;
}

// "2 layers, ", or of an encoder and a decoder "2 + 2 layers, ", and how a recurrent one aligns.
static std::string layers_text(const Config& c) {
  if (!c.objective->translates()) return std::to_string(c.layers) + (c.layers == 1 ? " layer, " : " layers, ");
  const long decoder = c.decoder_layers > 0 ? c.decoder_layers : c.layers;
  const bool attends = c.body == nn::BodyKind::transformer;
  return std::to_string(c.layers) + " + " + std::to_string(decoder) + " layers, " +
         (attends                      ? ""
          : c.align == nn::Align::none ? "no alignment, "
                                       : std::string(autograd::name(c.align)) + " alignment" +
                                             (c.input_feeding ? " with input feeding, " : ", "));
}

std::string vocabulary_text(const Config& config, const data::Tokenizer& tokenizer) {
  const auto text = [](const std::string& word, const data::Tokenizer& of) {
    return word + " tokens, vocabulary " + std::to_string(of.vocabulary_size());
  };
  const std::string own = text(config.tokenizer, tokenizer);
  if (!tokenizer.has_own_sources()) return own;
  return "sources of " + text(config.source_tokenizer, tokenizer.of_sources()) + ", targets of " + own;
}

std::string shape_text(const Config& c) {
  const bool attends = c.body == nn::BodyKind::transformer;
  const bool is_usual = attends && c.attention == nn::AttentionKind::softmax;
  const std::string kind(attends ? autograd::name(c.attention) : autograd::name(c.body));
  return (is_usual ? "" : kind + (attends ? " attention, " : ", ")) + layers_text(c) +
         (attends ? std::to_string(c.heads) + (c.heads == 1 ? " head, " : " heads, ") : "") +
         std::to_string(c.channels) + " channels, context " + std::to_string(c.context);
}

// Why what nobody chose is as it is, one line each.
static std::vector<std::string> reasons_of(const Plan& plan) {
  const Config& c = plan.config;
  const auto fit = [&](auto... members) { return (fitted(c, members) && ...); };
  std::vector<std::string> reasons;
  if (fit(&Config::tokenizer) && !parts_sides(c)) {
    reasons.push_back(c.tokenizer + (bpe_size(c.tokenizer) > 0
                                         ? ": pieces of words, a number that fits the text; symbols learn more slowly"
                                     : c.tokenizer == "byte"
                                         ? ": the text has more distinct symbols than are worth a token each"
                                     : answers_exactly(c) ? ": what is answered is read and written symbol by symbol"
                                                          : ": the text is too short to learn pieces of words from"));
  }
  // The rows of the table were measured as they are.
  const bool is_row =
      is_running_text(c) && fit(&Config::body, &Config::layers, &Config::channels, &Config::context, &Config::batch,
                                &Config::optimizer, &Config::schedule, &Config::attention);
  if (is_row && fit(&Config::lr)) {
    const bool drops = c.dropout > 0 && fit(&Config::dropout);
    reasons.push_back("lr " + number_text(c.lr) + ", " + std::to_string(c.channels) + " channels" +
                      (drops ? ", dropout " + number_text(c.dropout) : "") +
                      ": what did best on texts of about this length");
  }
  if (is_row && fit(&Config::steps, &Config::epochs, &Config::minutes)) {
    const bool is_short = c.steps < defaults_for(c, plan.train_tokens + plan.validation_tokens).steps;
    reasons.push_back(std::to_string(c.steps) + (c.steps == 1 ? " step" : " steps") +
                      (is_short ? ": more would learn so short a text by heart"
                                : ": a few minutes on two processors; --minutes for more"));
  }
  return reasons;
}

std::string plan_text(const Plan& plan) {
  const Config& c = plan.config;
  const auto text = [](auto value) { return std::to_string(value); };
  std::string out = "text   " + short_number(static_cast<double>(plan.text_bytes)) + "B" +
                    (c.field.empty() ? "" : " of " + c.field) + ", " +
                    (plan.documents == 0   ? ""
                     : plan.documents == 1 ? "1 document, "
                                           : text(plan.documents) + " documents, ") +
                    vocabulary_text(c, *plan.tokenizer) + ": " + text(plan.train_tokens) + " to train, " +
                    text(plan.validation_tokens) + " to validate" +
                    (!c.validation.empty()                                          ? ", of " + validation_text(c)
                     : c.split == data::Split::spread && plan.validation_tokens > 0 ? ", spread over it"
                                                                                    : "") +
                    "\n";
  if (!plan.labels.empty()) {
    out += "labels " + text(plan.labels.size()) + " on " + text(plan.lines) + " lines:";
    constexpr std::size_t most = 10;
    for (std::size_t k = 0; k < std::min(plan.labels.size(), most); ++k)
      out += (k > 0 ? ", " : " ") + data::json_quoted(plan.labels[k]) + " " + text(plan.label_lines[k]);
    out += plan.labels.size() > most ? ", ...\n" : "\n";
  }
  if (plan.answer_tokens > 0) {
    out += "learns " + text(plan.answer_tokens) + " of them, the " +
           (c.objective->translates() ? "targets" : "answers") + " of " + text(plan.lines) +
           (plan.lines == 1 ? " line\n" : " lines\n");
  }
  out += "model  " + shape_text(c) + ": " + text(plan.parameters) + " parameters (" +
         text(plan.parameters_without_positions) + " without positions), about " +
         short_number(static_cast<double>(plan.memory_bytes)) + "B of memory\n";
  const double tokens = static_cast<double>(plan.sequences_per_step()) * static_cast<double>(c.context);
  out += "run    " +
         (plan.timed ? number_text(c.minutes) + (c.minutes == 1 ? " minute" : " minutes") +
                           (c.steps < field_named("steps").high ? ", at most " + text(c.steps) + " steps" : "")
                     : text(c.steps) + (c.steps == 1 ? " step" : " steps")) +
         " of " + text(plan.sequences_per_step()) + " x " + text(c.context) + " tokens";
  char epochs[64];
  if (!plan.timed) {
    std::snprintf(epochs, sizeof epochs, ", %.3g epochs", static_cast<double>(c.steps) / plan.steps_per_epoch);
    out += epochs;
  }
  out += ", " + short_number(plan.flop_per_token * tokens) + "FLOP a step; " +
         std::string(autograd::name(c.optimizer)) + ", lr " + number_text(c.lr) + " to " +
         number_text(c.schedule == optim::Decay::constant ? c.lr : c.min_lr) + " (" +
         std::string(autograd::name(c.schedule)) + ")";
  if (c.dropout > 0) out += ", dropout " + number_text(c.dropout);
  if (c.patience > 0) out += ", stops after " + text(c.patience) + " evaluations without a better one";
  out += ", seed " + text(c.seed) + "\n";
  for (const std::string& reason : reasons_of(plan)) out += "why    " + reason + "\n";
  for (const std::string& note : plan.notes) out += "note   " + note + "\n";
  return out;
}

std::string plan_json(const Plan& plan) {
  JsonLine line;
  line.add("parameters", plan.parameters)
      .add("parameters_without_positions", plan.parameters_without_positions)
      .add("vocabulary", static_cast<long>(plan.tokenizer->vocabulary_size()))
      .add("text_bytes", plan.text_bytes)
      .add("tokens", plan.train_tokens)
      .add("validation_tokens", plan.validation_tokens);
  if (plan.tokenizer->has_own_sources())
    line.add("source_vocabulary", static_cast<long>(plan.tokenizer->of_sources().vocabulary_size()));
  if (plan.documents > 0) line.add("documents", plan.documents);
  if (plan.answer_tokens > 0) line.add("answer_tokens", plan.answer_tokens).add("lines", plan.lines);
  if (plan.timed) {
    line.add_null("steps");
  } else {
    line.add("steps", plan.config.steps);
  }
  line.add("steps_per_epoch", plan.steps_per_epoch)
      .add("memory_bytes", plan.memory_bytes)
      .add("flop_per_token", plan.flop_per_token)
      .add_json("config", to_json(plan.config, Layout::one_line));
  return line.text();
}

}  // namespace primer::train
