#include "train/step/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "train/tasks/numbers.h"

namespace primer::train {

namespace {

constexpr double averaging = 10;  // seconds

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char buffer[256];
  std::snprintf(buffer, sizeof buffer, pattern, values...);
  return buffer;
}

}  // namespace

void say(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

Progress::Style Progress::style_for(bool quiet) {
  if (quiet) return Style::quiet;
  const char* const terminal = std::getenv("TERM");
  const bool able = terminal && std::string_view(terminal) != "dumb" && *terminal;
  return ::isatty(STDERR_FILENO) == 1 && able ? Style::live : Style::lines;
}

Progress::Progress(Style style, long steps) : style_(style), steps_(steps), shown_(Clock::now()) {}

Progress::~Progress() { erase_live(); }

void Progress::step(const StepReport& report, double seconds) {
  if (seconds > 0) {
    averaged_ = std::min(averaging, averaged_ + seconds);
    const double weight = std::min(1.0, seconds / averaged_);
    seconds_per_step_ += weight * (seconds - seconds_per_step_);
    tokens_per_second_ += weight * (static_cast<double>(report.tokens) / seconds - tokens_per_second_);
  }
  if (style_ == Style::quiet) return;
  const Clock::time_point now = Clock::now();
  const std::chrono::milliseconds pause(style_ == Style::live ? 100 : 10'000);
  if (now - shown_ < pause) return;
  shown_ = now;
  const std::string line = status(report);
  if (style_ == Style::live) {
    say("\r" + line.substr(0, terminal_columns() - 1) + "\x1b[K");
    is_live_line_ = true;
  } else {
    say(line + "\n");
  }
}

void Progress::evaluation(long step, const Evaluation& evaluation) {
  val_loss_ = evaluation.loss;
  has_val_loss_ = true;
  std::string line = format("step %ld/%ld | validation loss %.4f", step, steps_, evaluation.loss);
  if (std::isfinite(evaluation.bits_per_byte)) line += format(" | %.3f bits/byte", evaluation.bits_per_byte);
  line += format(" | accuracy %.1f %%", 100 * evaluation.accuracy);
  if (evaluation.train_accuracy >= 0)
    line += format(" (on what it learns from %.1f %%)", 100 * evaluation.train_accuracy);
  if (evaluation.has_both) line += format(" | next sentence %.1f %%", 100 * evaluation.label_accuracy);
  note(line);
}

void Progress::note(const std::string& text) {
  if (style_ == Style::quiet) return;
  erase_live();
  say(text + "\n");
}

std::string Progress::status(const StepReport& report) const {
  const long percent = 100 * report.step / std::max(1L, steps_);
  std::string line = format("step %ld/%ld %ld%% | loss %.3f", report.step, steps_, percent, report.loss);
  if (has_val_loss_) line += format(" (val %.3f)", val_loss_);
  line += format(" | lr %.1e | norm %.2f | ", report.lr, report.grad_norm);
  line += short_number(tokens_per_second_) + " tok/s | ";
  return line + short_duration(seconds_per_step_ * static_cast<double>(steps_ - report.step)) + " left";
}

void Progress::erase_live() {
  if (!is_live_line_) return;
  say("\r\x1b[K");
  is_live_line_ = false;
}

}  // namespace primer::train
