// How fast a training is, in timing.jsonl: whatever a clock says stays out of metrics.jsonl.
#pragma once

#include <string>

#include "train/step/metrics.h"
#include "train/step/stopwatch.h"
#include "train/step/trainer.h"

namespace primer::train {

/// FLOP a second that a single-precision product of [m, k] by [k, n] reaches here and now: the best of `runs`.
double product_rate(autograd::Multiplier& multiplier, long m, long n, long k, int runs);

/// One line about every second: step, time (seconds of training, all parts of it together), tokens_per_s and
/// share_of_peak (of the steps' required FLOP) over the steps since the last line, evaluations not counted.
class TimingLog {
 public:
  /// Where the lines of the first `step` steps end, and the time of the last of them.
  struct Before {
    std::uint64_t bytes = 0;
    double seconds = 0;
  };
  static Before read_before(const std::string& path, long step);

  /// Goes on with the file of a training that is resumed at `step`: behind its line of that step, and with its time.
  /// `multiplier` is the training's.
  TimingLog(const std::string& path, long step, long last_step, autograd::Multiplier& multiplier);

  /// The last step will be another one.
  void ends_at(long step) { last_step_ = step; }

  /// A step was made that took `seconds`.
  void step(const StepReport& report, double seconds);

 private:
  Before before_;
  LineLog log_;
  autograd::Multiplier& multiplier_;
  double peak_;    // FLOP a second, the best so far
  int looks_ = 8;  // at the peak, to come: one may fall into a moment in which something else runs
  long last_step_;
  Stopwatch since_start_;
  double seconds_ = 0;  // since the last line
  double tokens_ = 0;   // since the last line
  double flop_ = 0;     // since the last line
};

}  // namespace primer::train
