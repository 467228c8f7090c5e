// What a training says while it runs, on standard error: one line that renews itself on a terminal, whole lines else.
#pragma once

#include <chrono>
#include <string>

#include "train/step/trainer.h"

namespace primer::train {

class Progress {
 public:
  enum class Style { quiet, lines, live };

  /// Quiet if asked; live if standard error is a terminal that can return to the line's beginning (TERM is not dumb).
  static Style style_for(bool quiet);

  Progress(Style style, long steps);
  ~Progress();

  /// There will be so many steps.
  void ends_at(long steps) { steps_ = steps; }

  /// A step ended that took `seconds`. Shown at most ten times a second on a terminal, every ten seconds in lines.
  void step(const StepReport& report, double seconds);

  /// The results of an evaluation after `step` steps, as a line that stays.
  void evaluation(long step, const Evaluation& evaluation);

  /// A line that stays.
  void note(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  std::string status(const StepReport& report) const;
  void erase_live();

  Style style_;
  long steps_;
  double seconds_per_step_ = 0;   // moving average over about the last ten seconds of steps, without evaluations
  double tokens_per_second_ = 0;  // likewise
  double averaged_ = 0;           // seconds that the averages stand for, at most ten
  double val_loss_ = 0;
  bool has_val_loss_ = false, is_live_line_ = false;
  Clock::time_point shown_;
};

/// Writes to standard error; a closed one is no reason to stop.
void say(const std::string& text);

}  // namespace primer::train
