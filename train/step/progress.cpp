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

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char buffer[256];
  std::snprintf(buffer, sizeof buffer, pattern, values...);
  return buffer;
}

}  // namespace

std::string line_of(std::vector<LineField> fields, std::size_t columns) {
  while (true) {
    std::string line;
    for (const LineField& field : fields)
      line += line.empty() ? field.text.substr(field.text[0] == ' ' ? 1 : 0)
                           : (field.text[0] == ' ' ? "" : " | ") + field.text;
    if (line.size() <= columns || fields.size() <= 1) return line;
    fields.erase(std::ranges::min_element(fields, {}, &LineField::worth));
  }
}

std::size_t terminal_columns(int descriptor) {
  winsize size{};
  if (::isatty(descriptor) != 1) return 0;
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string wrapped(std::string_view text, std::size_t columns) {
  constexpr std::size_t indent = 7, fewest = 24;  // "model  "
  if (columns < fewest) return std::string(text);
  const auto width = [](std::string_view part) {  // a symbol is a column
    return static_cast<std::size_t>(std::ranges::count_if(part, [](char c) { return (c & 0xC0) != 0x80; }));
  };
  std::string out;
  std::size_t at = 0;  // columns of the line
  while (!text.empty()) {
    const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::size_t wide = width(text.substr(0, end));
    if (at > indent && at + wide > columns) {
      out += "\n" + std::string(indent, ' ');
      text.remove_prefix(begin);
      at = indent;
      continue;
    }
    out += text.substr(0, end);
    at += wide;
    text.remove_prefix(end);
    if (!text.starts_with('\n')) continue;
    out += '\n';
    at = 0;
    text.remove_prefix(1);
  }
  return out;
}

void say_lines(const std::string& text) { say(wrapped(text, terminal_columns(STDERR_FILENO))); }

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
  if (style_ == Style::live) {
    say("\r" + status(report, std::max<std::size_t>(terminal_columns(STDERR_FILENO), 2) - 1) + "\x1b[K");
    is_live_line_ = true;
  } else {
    say(status(report, std::string::npos) + "\n");
  }
}

void Progress::evaluation(long step, const Evaluation& evaluation) {
  const bool is_best = evaluation.loss < lowest_ && std::isfinite(lowest_);  // the first is no news
  val_loss_ = evaluation.loss;
  if (evaluation.loss < lowest_) lowest_ = evaluation.loss;
  std::string line = format("step %ld/%ld | validation loss %.4f", step, steps_, evaluation.loss);
  if (std::isfinite(evaluation.bits_per_byte)) line += format(" | %.3f bits/byte", evaluation.bits_per_byte);
  line += format(" | accuracy %.1f %%", 100 * evaluation.accuracy);
  if (evaluation.train_accuracy >= 0)
    line += format(" (on what it learns from %.1f %%)", 100 * evaluation.train_accuracy);
  if (evaluation.has_both) line += format(" | next sentence %.1f %%", 100 * evaluation.label_accuracy);
  note(line + (is_best ? " | best" : ""));
}

void Progress::note(const std::string& text) {
  if (style_ == Style::quiet) return;
  erase_live();
  say_lines(text + "\n");
}

std::string Progress::status(const StepReport& report, std::size_t columns) const {
  std::vector<LineField> fields{{format("step %ld/%ld", report.step, steps_), 4},
                                {format(" %ld%%", 100 * report.step / std::max(1L, steps_)), 8},
                                {format("loss %.3f", report.loss), 7}};
  if (std::isfinite(val_loss_))
    fields.push_back({format(val_loss_ > lowest_ ? " (val %.3f, best %.3f)" : " (val %.3f)", val_loss_, lowest_), 6});
  fields.push_back({format("lr %.1e", report.lr), 2});
  fields.push_back({format("norm %.2f", report.grad_norm), 1});
  fields.push_back({short_number(tokens_per_second_) + " tok/s", 3});
  fields.push_back({short_duration(seconds_per_step_ * static_cast<double>(steps_ - report.step)) + " left", 5});
  return line_of(std::move(fields), columns);
}

void Progress::erase_live() {
  if (!is_live_line_) return;
  say("\r\x1b[K");
  is_live_line_ = false;
}

}  // namespace primer::train
