// The options and texts of the trainings that are cut, extended and taken back, and what is compared of them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/threads.h"
#include "tests/train/trained_run.h"

using Options = std::vector<std::pair<std::string, std::string>>;

/// What a run leaves behind: its log and all of its last checkpoint.
inline std::string essence(const TrainedRun& run, long step) {
  std::string all = run.metrics();
  for (const char* file :
       {"model.safetensors", "optimizer.safetensors", "state.cereal", "config.json", "tokenizer.json", "manifest"}) {
    all += run.checkpoint(step, file);
  }
  if (run.has(step, "source_tokenizer.json")) all += run.checkpoint(step, "source_tokenizer.json");
  return all;
}

/// A model that trains in moments.
inline Options small(Options more) {
  Options options{{"layers", "1"},    {"channels", "16"},  {"heads", "2"},      {"context", "8"},  {"batch", "2"},
                  {"dropout", "0.2"}, {"accumulate", "2"}, {"eval_every", "7"}, {"patience", "0"}, {"steps", "100"}};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

/// A training writes the same weights and metrics with one thread, two and three.
inline void check_threads(const std::string& text, const Options& options, long steps) {
  const auto written = [&](int count) {
    const primer::test::Threads threads(count);
    const TrainedRun run(text, options);
    run.train();
    return run.checkpoint(steps, "model.safetensors") + run.metrics();
  };
  const std::string one = written(1);
  CHECK(written(2) == one);
  CHECK(written(3) == one);
}

inline std::string labelled_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i % 2 ? "odd\tis " : "even\tof ") + std::to_string(i) + "\n";
  return text;
}
