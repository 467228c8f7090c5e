// What a training says while it runs, on standard error: one line that renews itself on a terminal, whole lines else.
#pragma once

#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "train/step/trainer.h"

namespace primer::train {

class Progress {
 public:
  enum class Style { quiet, lines, live };

  /// Quiet if asked; live if standard error is a terminal that can return to the line's beginning (TERM is not dumb).
  static Style style_for(bool quiet);

  Progress(Style style, long steps);
  ~Progress();

  /// Of a training that goes on: the last validation loss, NaN if it is not known, and the lowest, infinite if there is
  /// none.
  void goes_on(double last, double lowest) { val_loss_ = last, lowest_ = lowest; }

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
  std::string status(const StepReport& report, std::size_t columns) const;
  void erase_live();

  Style style_;
  long steps_;
  double seconds_per_step_ = 0;   // moving average over about the last ten seconds of steps, without evaluations
  double tokens_per_second_ = 0;  // likewise
  double averaged_ = 0;           // seconds that the averages stand for, at most ten
  double val_loss_ = NAN;         // the last one
  double lowest_ = std::numeric_limits<double>::infinity();
  bool is_live_line_ = false;
  Clock::time_point shown_;
};

/// What a line of a training holds, in its order.
struct LineField {
  std::string text;
  int worth = 0;  // the smallest is left out first
};

/// The fields in one line of at most so many columns: those worth least are left out, but for one; " | " stands before
/// a field that does not begin with a space.
std::string line_of(std::vector<LineField> fields, std::size_t columns);

/// The columns of the terminal that a file descriptor is; of anything else 0.
std::size_t terminal_columns(int descriptor);

/// A text broken at words into lines of at most so many columns, behind the first word of each indented as a plan is;
/// as it is where these are fewer than 24, or not known, 0.
std::string wrapped(std::string_view text, std::size_t columns);

/// Says a text of whole lines, wrapped on a terminal.
void say_lines(const std::string& text);

/// Writes to standard error; a closed one is no reason to stop.
void say(const std::string& text);

}  // namespace primer::train
