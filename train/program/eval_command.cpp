#include <cmath>
#include <cstdio>
#include <memory>

#include "autograd/error.h"
#include "data/scratch_folder.h"
#include "data/text.h"
#include "data/token_file.h"
#include "train/program/commands.h"
#include "train/program/help.h"
#include "train/program/number_option.h"
#include "train/program/output.h"
#include "train/program/run_options.h"
#include "train/run/evaluate.h"
#include "train/run/loaded_run.h"
#include "train/run/metrics.h"
#include "train/run/objective.h"

namespace primer::train {

namespace {

struct EvalOptions {
  std::string run, checkpoint = "best";
  std::vector<std::string> texts;
  long threads = 0;
  bool json = false;
};

Evaluation evaluate_part(LoadedRun& run, const data::TokenSequence& tokens, std::uint64_t bytes) {
  const auto fewest = static_cast<std::uint64_t>(fewest_tokens(run.config));
  if (tokens.size() < fewest) {
    throw autograd::Error(autograd::Fault::input,
                          "there is nothing to evaluate: " + std::to_string(tokens.size()) +
                              " tokens, and at least " + std::to_string(fewest) + " are needed");
  }
  autograd::Tape<float> tape;
  const Objective objective(run.config, *run.tokenizer, static_cast<long>(run.labels.size()));
  return evaluate(*run.network, tape, objective, tokens, bytes, run.config.batch, 0);
}

Evaluation evaluate_texts(LoadedRun& run, const std::vector<std::string>& texts) {
  const data::ScratchFolder directory("eval");
  const data::Sources sources = data::collect_sources(texts, directory.path() + "/text");
  const std::string path = directory.path() + "/tokens";
  const data::TextReading reading(*run.tokenizer, text_form(run.config), &run.labels);
  data::build_token_file(path, sources, data::survey(sources), reading, 0);
  const data::TokenFile tokens(path);
  return evaluate_part(run, tokens.train(), tokens.train_bytes());
}

void run_eval(const EvalOptions& options) {
  use_threads(options.threads);
  const auto run = load_run(options.run, parse_choice(options.checkpoint));
  warn(run->warnings);
  Evaluation result;
  if (options.texts.empty()) {
    const data::TokenFile tokens(run->paths.tokens());
    result = evaluate_part(*run, tokens.validation(), tokens.validation_bytes());
  } else {
    result = evaluate_texts(*run, options.texts);
  }
  if (options.json) {
    JsonLine line;
    line.add("loss", result.loss)
        .add("perplexity", std::exp(result.loss))
        .add("bits_per_byte", result.bits_per_byte)
        .add("accuracy", result.accuracy)
        .add("tokens", result.targets);
    if (result.has_both) {
      line.add("masked_loss", result.token_loss)
          .add("next_sentence_loss", result.label_loss)
          .add("next_sentence_accuracy", result.label_accuracy);
    }
    put(line.text() + "\n");
    return;
  }
  const bool has_tokens = run->config.objective != "classify";
  const double loss = result.has_both ? result.token_loss : result.loss;
  char text[256];
  std::snprintf(text, sizeof text, "loss        %.4f nats per %s\nperplexity  %.3f\n", loss,
                has_tokens ? "token" : "line", std::exp(loss));
  std::string out = text;
  if (std::isfinite(result.bits_per_byte)) {
    std::snprintf(text, sizeof text, "per byte    %.4f bits\n", result.bits_per_byte);
    out += text;
  }
  std::snprintf(text, sizeof text, "accuracy    %.2f %%\n%s      %llu\n", 100 * result.accuracy,
                has_tokens ? "tokens" : "lines ", static_cast<unsigned long long>(result.targets));
  out += text;
  if (result.has_both) {
    std::snprintf(text, sizeof text, "next sentence  loss %.4f, accuracy %.2f %%\n", result.label_loss,
                  100 * result.label_accuracy);
    out += text;
  }
  put(out);
}

}  // namespace

void add_eval(CLI::App& root) {
  const auto options = std::make_shared<EvalOptions>();
  CLI::App* const command = add_command(root, "eval", "measure how well a trained model predicts a text",
                                        "Examples:\n"
                                        "  primer eval runs/book                on the part kept for validation\n"
                                        "  primer eval runs/book other.txt      on another text\n"
                                        "  primer eval runs/book --json");
  command->add_option("RUN", options->run, "a trained run")->required();
  command->add_option("TEXT", options->texts, "files, folders or -; the whole validation part if there is none");
  add_checkpoint_option(*command, options->checkpoint);
  command->add_flag("--json", options->json, "one JSON object: loss, perplexity, bits_per_byte, accuracy, tokens");
  add_integer(*command, "--threads", options->threads, 0, 4096, "processor threads; 0: all");
  command->callback([options] { run_eval(*options); });
}

}  // namespace primer::train
