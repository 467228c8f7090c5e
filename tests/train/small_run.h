// The options and texts of the trainings that are cut, extended and taken back, and what is compared of them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/train/trained_run.h"

using Options = std::vector<std::pair<std::string, std::string>>;

/// What a run leaves behind: its log and all of its last checkpoint.
inline std::string essence(const TrainedRun& run, long step) {
  std::string all = run.metrics();
  for (const char* file :
       {"model.safetensors", "optimizer.safetensors", "state.cereal", "config.json", "tokenizer.json", "manifest"}) {
    all += run.checkpoint(step, file);
  }
  return all;
}

/// A model that trains in moments.
inline Options small(Options more) {
  Options options{{"layers", "1"},    {"channels", "16"},  {"heads", "2"},      {"context", "8"},  {"batch", "2"},
                  {"dropout", "0.2"}, {"accumulate", "2"}, {"eval_every", "7"}, {"patience", "0"}, {"steps", "100"}};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

inline std::string labelled_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i % 2 ? "odd\tis " : "even\tof ") + std::to_string(i) + "\n";
  return text;
}
