#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>

#include "autograd/error.h"
#include "data/bytes/strict_json.h"
#include "data/bytes/utf8.h"
#include "data/examples/token_file.h"
#include "program/commands.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/checkpoints/loaded_run.h"
#include "train/step/evaluate.h"
#include "train/step/json_line.h"
#include "train/use/label_quality.h"
#include "train/use/pseudo_perplexity.h"
#include "train/use/translator.h"

namespace primer::program {

using namespace train;

namespace {

struct EvalOptions : RunChoice {
  std::vector<std::string> texts;
  std::string encoding;
  long masked = 2000;
  long batches = 0;
  bool pseudo = false, json = false;
  BeamOptions beam;
};

/// What a model has to say of a text.
struct Verdict {
  Evaluation evaluation;
  double pseudo_loss = 0;  // nats a token; of pseudo_tokens, 0 of them if it was not asked for
  std::uint64_t pseudo_tokens = 0;
  std::optional<TranslationQuality> quality;  // of a model that translates
  std::optional<LabelQuality> labels;         // of one that tells labels apart
};

constexpr std::size_t most_mistakes = 10;  // that are shown

/// Lines that were given another label than they have, the most frequent first.
std::vector<std::pair<std::uint64_t, std::pair<int, int>>> mistakes_of(const LabelQuality& quality) {
  std::vector<std::pair<std::uint64_t, std::pair<int, int>>> mistakes;
  for (const auto& [labels, lines] : quality.confusion)
    if (labels.first != labels.second) mistakes.emplace_back(lines, labels);
  std::ranges::stable_sort(mistakes, std::greater(), [](const auto& mistake) { return mistake.first; });
  return mistakes;
}

std::string labels_text(const LabelQuality& quality, const std::vector<std::string>& names) {
  const auto quoted = [&](int label) { return data::json_quoted(names[static_cast<std::size_t>(label)]); };
  char text[128];
  std::string out;
  std::snprintf(text, sizeof text, "commonest   %.2f %% of the lines are ", 100 * quality.commonest_share());
  out += text + quoted(quality.commonest) + ": the accuracy of who always says so\n";
  std::snprintf(text, sizeof text, "mean F1     %.2f %%\n\n precision   recall       F1    lines  label\n",
                100 * quality.macro_f1());
  out += text;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const LabelScore& label = quality.labels[k];
    if (label.lines + label.given == 0) continue;
    std::snprintf(text, sizeof text, "%8.2f %% %6.2f %% %6.2f %% %8llu  ", 100 * label.precision(),
                  100 * label.recall(), 100 * label.f1(), static_cast<unsigned long long>(label.lines));
    out += text + quoted(static_cast<int>(k)) + "\n";
  }
  const auto mistakes = mistakes_of(quality);
  for (std::size_t i = 0; i < std::min(mistakes.size(), most_mistakes); ++i) {
    const auto& [lines, labels] = mistakes[i];
    out += (i == 0 ? "\nmistakes    " : "            ") + std::to_string(lines) +
           (lines == 1 ? " line of " : " lines of ") + quoted(labels.first) + " called " + quoted(labels.second) + "\n";
  }
  if (mistakes.size() > most_mistakes)
    out += "            and " + std::to_string(mistakes.size() - most_mistakes) + " other kinds: --json has all\n";
  return out;
}

void add_labels(JsonLine& line, const LabelQuality& quality, const std::vector<std::string>& names) {
  std::string labels, confusion;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const LabelScore& label = quality.labels[k];
    JsonLine one;
    one.add_text("label", names[k])
        .add("lines", label.lines)
        .add("precision", label.precision())
        .add("recall", label.recall())
        .add("f1", label.f1());
    labels += (labels.empty() ? "" : ",") + one.text();
  }
  for (const auto& [pair, lines] : quality.confusion) {
    JsonLine one;
    one.add_text("label", names[static_cast<std::size_t>(pair.first)])
        .add_text("given", names[static_cast<std::size_t>(pair.second)])
        .add("lines", lines);
    confusion += (confusion.empty() ? "" : ",") + one.text();
  }
  line.add("macro_f1", quality.macro_f1())
      .add_text("commonest_label", names[static_cast<std::size_t>(quality.commonest)])
      .add("commonest_share", quality.commonest_share())
      .add_json("labels", "[" + labels + "]")
      .add_json("confusion", "[" + confusion + "]");
}

Verdict evaluate_part(LoadedRun& run, const EvalOptions& options, const data::TokenFile& file,
                      const data::TokenSequence& tokens, std::uint64_t bytes) {
  const auto fewest = static_cast<std::uint64_t>(run.config.objective->room(run.config).fewest_tokens);
  if (const std::uint64_t length = file.length(tokens); length < fewest) {
    throw autograd::Error(autograd::Fault::input, "there is nothing to evaluate: " + std::to_string(length) +
                                                      " tokens, and at least " + std::to_string(fewest) +
                                                      " are needed");
  }
  autograd::Tape<float> tape;
  const TextTask task{run.config, *run.tokenizer};
  Verdict verdict;
  verdict.evaluation = evaluate(*run.network, tape, task, tokens, bytes, run.config.batch, options.batches);
  if (verdict.evaluation.targets == 0) {
    throw autograd::Error(autograd::Fault::input,
                          "there is nothing to evaluate: none of the " + std::to_string(tokens.size()) + " tokens " +
                              (verdict.evaluation.unknown > 0 ? "is in the vocabulary" : "was hidden; give more text"));
  }
  if (run.config.objective->translates()) {
    verdict.quality = translation_quality(run, tokens, options.beam.search,
                                          static_cast<std::uint64_t>(options.batches * run.config.batch));
  }
  if (run.config.objective->has_labels())
    verdict.labels = label_quality(run, tokens, static_cast<std::uint64_t>(options.batches * run.config.batch));
  if (options.pseudo) {
    const PseudoPerplexity pseudo = pseudo_perplexity(run, tokens, options.masked);
    verdict.pseudo_loss = pseudo.loss;
    verdict.pseudo_tokens = pseudo.tokens;
  }
  return verdict;
}

Verdict evaluate_texts(LoadedRun& run, const EvalOptions& options) {
  const TokensOfTexts tokens(run, options.texts, options.encoding);
  return evaluate_part(run, options, tokens.file(), tokens.file().train(), tokens.file().train_bytes());
}

void run_eval(const EvalOptions& options) {
  if (options.texts.empty() && !options.encoding.empty())
    throw autograd::Error(autograd::Fault::usage, "--encoding is that of TEXT, and none is given");
  const auto run = options.open();
  if (options.pseudo && !run->config.objective->fills()) {
    throw autograd::Error(autograd::Fault::usage, "--pseudo-perplexity is for models that fill gaps, and " +
                                                      data::printable(options.run) + " was trained with --objective " +
                                                      std::string(run->config.objective->name()));
  }
  if (options.beam.are_given() && !run->config.objective->translates()) {
    throw autograd::Error(autograd::Fault::usage, "--beam and --length-penalty are for models that translate, and " +
                                                      data::printable(options.run) + " was trained with --objective " +
                                                      std::string(run->config.objective->name()));
  }
  Verdict verdict;
  if (options.texts.empty()) {
    const auto tokens = open_tokens(*run, run->paths.tokens());
    verdict = evaluate_part(*run, options, *tokens, tokens->validation(), tokens->validation_bytes());
  } else {
    verdict = evaluate_texts(*run, options);
  }
  const Evaluation& result = verdict.evaluation;
  if (result.cut > 0) {
    warn({std::to_string(result.cut) + " of " + std::to_string(result.all) + " lines are longer than the context of " +
          std::to_string(run->config.context) + " and were cut"});
  }
  const double share = static_cast<double>(result.examples) / static_cast<double>(result.all);
  const double loss = result.has_both ? result.token_loss : result.loss;  // of what `unit` counts
  if (options.json) {
    JsonLine line;
    line.add("loss", result.loss)
        .add("perplexity", std::exp(loss))
        .add("bits_per_byte", result.bits_per_byte)
        .add("accuracy", result.accuracy)
        .add("tokens", result.targets)
        .add("share", share)
        .add("unknown_share", result.unknown_share())
        .add("cut", result.cut);
    if (result.has_both) {
      line.add("masked_loss", result.token_loss)
          .add("next_sentence_loss", result.label_loss)
          .add("next_sentence_accuracy", result.label_accuracy);
    }
    if (verdict.pseudo_tokens > 0) {
      line.add("pseudo_perplexity", std::exp(verdict.pseudo_loss)).add("pseudo_tokens", verdict.pseudo_tokens);
    }
    if (const auto& q = verdict.quality) {
      line.add("exact_match", q->exact)
          .add("bleu", q->bleu.score)
          .add_text("bleu_signature", bleu_signature(q->tokenizer))
          .add("chrf", q->chrf)
          .add("lines", q->lines);
    }
    if (verdict.labels) add_labels(line, *verdict.labels, run->labels);
    put(line.text() + "\n");
    return;
  }
  const std::string unit(run->config.objective->unit());
  char text[256];
  std::snprintf(text, sizeof text, "loss        %.4f nats per %s\n", loss, unit.c_str());
  std::string out = text;
  if (!run->config.objective->has_labels()) {
    std::snprintf(text, sizeof text, "perplexity  %.3f\n", std::exp(loss));
    out += text;
  }
  if (std::isfinite(result.bits_per_byte)) {
    std::snprintf(text, sizeof text, "per byte    %.4f bits\n", result.bits_per_byte);
    out += text;
  }
  if (result.unknown > 0) {
    std::snprintf(text, sizeof text, "unknown     %.3g %% of the tokens are not in the vocabulary, and not counted\n",
                  100 * result.unknown_share());
    out += text;
  }
  std::snprintf(text, sizeof text, "accuracy    %.2f %%\n%-12s%llu\n", 100 * result.accuracy, (unit + "s").c_str(),
                static_cast<unsigned long long>(result.targets));
  out += text;
  if (result.examples < result.all) {
    std::snprintf(text, sizeof text, "read        %.3g %% of the text, spread over it\n", 100 * share);
    out += text;
  }
  if (result.has_both) {
    std::snprintf(text, sizeof text, "next sentence  loss %.4f, accuracy %.2f %%\n", result.label_loss,
                  100 * result.label_accuracy);
    out += text;
  }
  if (verdict.pseudo_tokens > 0) {
    std::snprintf(text, sizeof text, "pseudo-perplexity  %.3f, of %llu tokens masked one by one\n",
                  std::exp(verdict.pseudo_loss), static_cast<unsigned long long>(verdict.pseudo_tokens));
    out += text;
  }
  if (const auto& q = verdict.quality) {
    std::snprintf(text, sizeof text, "exact       %.2f %% of %llu lines\nBLEU        %.2f (%s)\nchrF        %.2f\n",
                  100 * q->exact, static_cast<unsigned long long>(q->lines), q->bleu.score,
                  std::string(autograd::name(q->tokenizer)).c_str(), q->chrf);
    out += text;
  }
  if (verdict.labels) out += labels_text(*verdict.labels, run->labels);
  put(out);
}

}  // namespace

void add_eval(CLI::App& root) {
  const auto options = std::make_shared<EvalOptions>();
  CLI::App* const command = add_command(root, "eval", "measure how well a trained model predicts a text",
                                        "Examples:\n"
                                        "  primer eval runs/book                on the run's validation part\n"
                                        "  primer eval runs/book other.txt      on another text\n"
                                        "  primer eval runs/book --json");
  options->add_to(*command);
  command->add_option("TEXT", options->texts, "files, folders or -; without TEXT, the run's validation part");
  add_encoding_option(*command, options->encoding);
  add_integer(*command, "--eval-batches", options->batches, 0, 1'000'000'000'000,
              "batches to read, spread over the text; 0: all of it");
  command->add_flag("--pseudo-perplexity", options->pseudo,
                    "of a masked model: mask tokens one by one, and ask how surprising each is");
  add_integer(*command, "--masked-tokens", options->masked, 0, 1'000'000'000'000,
              "how many tokens that masks, spread over the text; 0: all");
  options->beam.add_to(*command);
  command->add_flag(
      "--json", options->json,
      "one JSON object: loss, perplexity, bits_per_byte, accuracy, tokens, share, unknown_share, cut; of translations "
      "exact_match, bleu, chrf, too; of labels precision, recall and F1 of each, and confusion");
  command->callback([options] { run_eval(*options); });
}

}  // namespace primer::program
