#include "train/step/timing.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "autograd/error.h"
#include "train/step/json_line.h"
#include "train/step/stopwatch.h"

namespace primer::train {

double product_rate(autograd::Multiplier& multiplier, long m, long n, long k, int runs) {
  const std::vector<float> a(m * k, 0.5f), b(k * n, 0.25f);  // [m, k], [k, n]
  std::vector<float> c(m * n);                               // [m, n]
  double best = 0;
  for (int i = 0; i < runs; ++i) {
    const Stopwatch watch;
    multiplier.product(m, n, k, autograd::as_is(a.data(), k), autograd::as_is(b.data(), n), 0.0f, c.data(), n);
    best = std::max(best, 2.0 * static_cast<double>(m * n * k) / watch.seconds());
  }
  return best;
}

TimingLog::Before TimingLog::read_before(const std::string& path, long step) {
  constexpr std::string_view time_key = ",\"time\":";
  constexpr double most_seconds = 1e9;  // 30 years: a line that says more, or nan, is none of ours
  Before before;
  try {
    before.bytes = lines_of_steps(path, step, [&](std::string_view line) {
      const auto time = line.find(time_key);
      if (time == line.npos) return false;
      double seconds = 0;
      const auto read = std::from_chars(line.data() + time + time_key.size(), line.data() + line.size(), seconds);
      if (read.ec != std::errc() || !(seconds >= before.seconds && seconds < most_seconds)) return false;
      before.seconds = seconds;
      return true;
    });
  } catch (const autograd::Error&) {  // it says nothing
    return {};
  }
  return before;
}

TimingLog::TimingLog(const std::string& path, long step, long last_step, autograd::Multiplier& multiplier)
    : before_(read_before(path, step)),
      log_(path, before_.bytes),
      multiplier_(multiplier),
      peak_(product_rate(multiplier, 1024, 1024, 1024, 2)),
      last_step_(last_step) {}

void TimingLog::step(const StepReport& report, double seconds) {
  seconds_ += seconds;
  tokens_ += static_cast<double>(report.tokens);
  flop_ += report.flop;
  if (seconds_ < 1 && report.step != last_step_) return;
  if (looks_ > 0) {
    --looks_;
    peak_ = std::max(peak_, product_rate(multiplier_, 1024, 1024, 1024, 1));
  }
  JsonLine line;
  line.add("step", report.step)
      .add("time", before_.seconds + since_start_.seconds())
      .add("tokens_per_s", tokens_ / seconds_)
      .add("share_of_peak", flop_ / seconds_ / peak_);
  log_.write(line.text());
  seconds_ = tokens_ = flop_ = 0;
}

}  // namespace primer::train
