// What a model writes on the way: samples.jsonl, which `primer report` shows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "train/step/generate.h"
#include "train/step/metrics.h"

namespace primer::train {

/// One line a sample: step, text. No clock: the text is a function of the weights, the seed and the step.
class SampleLog {
 public:
  static constexpr long tokens = 200;  // of a text, unless its document ends

  /// Goes on behind the lines of the first `step` steps. Fault::io. A text begins with `prompt`, of which `shown` is
  /// written.
  SampleLog(const std::string& path, long step, std::vector<int> prompt, std::string shown, std::uint64_t seed)
      : log_(path, lines_of_steps(path, step)), prompt_(std::move(prompt)), shown_(std::move(shown)), seed_(seed) {}

  /// Writes the line of this step; text is null where the model's output is no number, or a text has no room in memory:
  /// a log ends no training. False if `stop`, asked before every token, ended it.
  bool write(long step, const nn::Model<float>& model, std::shared_ptr<const data::Tokenizer> tokenizer,
             const std::function<bool()>& stop);

  const LineLog& lines() const { return log_; }
  bool sync() { return log_.sync(); }

 private:
  LineLog log_;
  std::vector<int> prompt_;
  std::string shown_;
  std::uint64_t seed_;
};

}  // namespace primer::train
