// How fast a training is, in timing.jsonl: whatever a clock says stays out of metrics.jsonl.
#pragma once

#include <chrono>
#include <string>

#include "train/run/metrics.h"
#include "train/run/plan.h"
#include "train/run/trainer.h"

namespace primer::train {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

/// FLOP a second that a single-precision product of [m, k] by [k, n] reaches here and now: the best of `runs`.
double product_rate(long m, long n, long k, int runs);

/// One line about every second: step, time (seconds since the training began), tokens_per_s and share_of_peak over
/// the steps since the last line, evaluations not counted.
class TimingLog {
 public:
  TimingLog(const std::string& path, const Plan& plan);

  /// A step was made that took `seconds`.
  void step(const StepReport& report, double seconds);

 private:
  LineLog log_;
  double flop_per_token_;
  double peak_;  // FLOP a second
  long last_step_;
  Stopwatch since_start_;
  double seconds_ = 0;  // since the last line
  double tokens_ = 0;   // since the last line
};

}  // namespace primer::train
