// All that may be done with a run, in this process: what the reading commands do, and `train --resume`.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "train/checkpoints/loaded_run.h"
#include "train/checkpoints/resume.h"
#include "train/circuits/circuits.h"
#include "train/plan/memory.h"
#include "train/step/evaluate.h"
#include "train/step/generate.h"
#include "train/step/metrics.h"
#include "train/step/trainer.h"
#include "train/use/attend.h"
#include "train/use/pseudo_perplexity.h"
#include "train/use/reader.h"
#include "train/use/translator.h"

namespace primer::test {

/// How large a model and a batch may be to be computed with: a larger one is only made, as far as memory is concerned.
struct Effort {
  long parameters = 100'000, places = 100'000;
};

constexpr auto reading_faults = {autograd::Fault::checkpoint, autograd::Fault::input, autograd::Fault::memory,
                                 autograd::Fault::diverged};
constexpr auto training_faults = {autograd::Fault::checkpoint, autograd::Fault::input, autograd::Fault::memory,
                                  autograd::Fault::diverged, autograd::Fault::usage};

/// What a model tells people are numbers: whoever breaks its parameters is told so.
template <class Numbers>
void require_numbers(const Numbers& numbers) {
  for (const double number : numbers) {
    if (!std::isfinite(number)) throw std::logic_error("a result is not a number");
  }
}

/// Fills, classifies, embeds, attends, samples, translates: each on its own, as accepts(faults, act), for what one
/// refuses another may take.
template <class Accepts>
void read_texts(train::LoadedRun& run, Accepts accepts) {
  const data::Tokenizer& tokenizer = *run.tokenizer;
  std::vector<int> ids;
  for (int id = 0; id < std::min(tokenizer.vocabulary_size(), 6); ++id) ids.push_back(id);
  const std::string text = tokenizer.decode(ids);
  train::Reader reader(run);
  const auto each = [&](auto&& act) {
    accepts(reading_faults, [&] {
      bool cut = false;
      const std::vector<std::vector<int>> texts{reader.ids(text, false, &cut)};
      act(texts);
    });
  };
  each([&](const auto& texts) { require_numbers(reader.classify(texts)); });
  each([&](const auto& texts) { require_numbers(reader.embed(texts, train::Summary::cls)); });
  each([&](const auto& texts) { require_numbers(reader.embed(texts, train::Summary::mean)); });
  accepts(reading_faults, [&] {
    for (const auto& fillings : reader.fill(reader.ids("[MASK]", true), 3)) {
      for (const train::Filling& filling : fillings) require_numbers(std::vector<double>{filling.probability});
    }
  });
  accepts(reading_faults, [&] { train::attend(run, text); });
  accepts(reading_faults, [&] {
    if (run.config.objective->translates()) {
      train::Translator translator(run);
      bool is_cut = false;
      const std::vector<std::string> lines{text, text + text};
      std::vector<std::vector<int>> sources;
      for (const std::string& line : lines) sources.push_back(translator.read(line, &is_cut));
      const auto translated = translator.translate(sources, {2, 0.6});
      for (const auto& line : translated) require_numbers(std::vector<double>{line.score});
      translator.expect_alignment();
      translator.align(lines, sources, translated);
    }
    if (!run.config.objective->writes()) return;
    autograd::Tape<float> tape;
    train::generate(*run.network, tape, ids, 3, {}, {0, 2}, [&](std::uint64_t, int id) {
      tokenizer.token_text(id);
      return true;
    });
  });
}

inline void evaluate_validation(train::LoadedRun& run, const Effort& effort) {
  const auto tokens = train::open_tokens(run, run.paths.tokens());
  const train::Config& config = run.config;
  if (config.context > effort.places) return;
  autograd::Tape<float> tape;
  const train::TextTask task{config, *run.tokenizer};
  train::evaluate(*run.network, tape, task, tokens->validation(), tokens->validation_bytes(),
                  std::min(config.batch, effort.places / config.context), 8);
  if (config.objective->fills()) train::pseudo_perplexity(run, tokens->validation(), 4);
  if (run.network->body->attention_layers() > 0) train::circuits_page(train::read_circuits(run, tokens->validation()));
}

/// What `train --resume` does up to its first step and evaluation.
inline void go_on(const train::RunPaths& paths, const Effort& effort) {
  const train::OpenRun open = train::open_run(paths, {});
  const train::Config& config = open.checkpoint.config;
  const auto labels = static_cast<long>(open.checkpoint.labels.size());
  train::StepMeter meter(config, train::model_config(config, *open.checkpoint.tokenizer, labels));
  train::refuse_beyond_memory(config, meter, train::available_memory());
  if (meter.parameters().count() > effort.parameters) return;
  train::Trainer<float> trainer(config, *open.checkpoint.tokenizer, open.tokens->train(),
                                open.checkpoint.state.schedule_steps, labels);
  train::restore_trainer(open.checkpoint, trainer);
  const train::LineLog metrics(paths.metrics(), open.checkpoint.state.metrics_bytes);
  if (config.batch * config.accumulate > effort.places / config.context) return;
  trainer.step();
  if (train::validates(config)) trainer.evaluate(open.tokens->validation(), open.tokens->validation_bytes());
}

/// All of it.
template <class Accepts>
void use_in_every_way(const train::RunPaths& paths, const Effort& effort, Accepts accepts) {
  const train::Choice last{train::Choice::Kind::last, 0};
  accepts(reading_faults, [&] { read_texts(*train::load_run(paths.directory, last), accepts); });
  accepts(reading_faults, [&] { evaluate_validation(*train::load_run(paths.directory, last), effort); });
  accepts(training_faults, [&] { go_on(paths, effort); });
}

}  // namespace primer::test
