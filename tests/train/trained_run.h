// A small run that a test trains in this process, in parts if it likes.
#pragma once

#include <signal.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/train/planned.h"
#include "train/checkpoints/prepare.h"
#include "train/checkpoints/training.h"

/// Raises a real signal at the n-th time it is asked, counted from 0.
class RaiseAt : public primer::train::Signals {
 public:
  RaiseAt(long asked, int signal) : left_(asked), signal_(signal) {}
  int stop() override {
    if (left_-- == 0) ::raise(signal_);
    return Signals::stop();
  }
  bool was_raised() const { return left_ < 0; }

 private:
  long left_;
  int signal_;
};

/// A planned and prepared run in a directory of its own.
struct TrainedRun {
  SurveyedText text;
  primer::train::RunPaths paths;

  TrainedRun(const std::string& words, const std::vector<std::pair<std::string, std::string>>& options) : text(words) {
    using namespace primer::train;
    NewRun run(text.directory / "run", false);
    const Config config = wishes(options);
    const auto tokenizer = make_tokenizer(config, text.sources, text.facts);
    Plan plan = make_plan(config, text.facts, read_text(config, text.sources, text.facts, tokenizer));
    prepare_run(run.staging(), plan, text.sources, text.facts);
    paths = run.publish(nullptr);
  }

  /// Trains until it ends or `interruption` stops it.
  primer::train::TrainingResult train(primer::train::Interruption& interruption,
                                      const primer::train::Config& more = {}) const {
    using namespace primer::train;
    const RunLock lock(paths.lock());
    OpenRun run = open_run(paths, more);
    Progress progress(Progress::Style::quiet, run.checkpoint.config.steps);
    return train_run(run, progress, interruption);
  }
  primer::train::TrainingResult train(const primer::train::Config& more = {}) const {
    primer::train::Interruption none;
    return train(none, more);
  }

  std::string checkpoint(long step, const std::string& file) const { return file_bytes(place(step, file)); }
  bool has(long step, const std::string& file) const { return std::filesystem::exists(place(step, file)); }
  std::string metrics() const { return file_bytes(paths.metrics()); }

 private:
  std::string place(long step, const std::string& file) const {
    return primer::train::CheckpointStore(paths.checkpoints()).path({step, true}) + "/" + file;
  }
};
