#include "train/run/timing.h"

#include <algorithm>
#include <vector>

#include "autograd/blas.h"

namespace primer::train {

double product_peak() {
  constexpr long n = 1024;
  const std::vector<float> a(n * n, 0.5f), b(n * n, 0.25f);  // [n, n] each
  std::vector<float> c(n * n);                               // [n, n]
  double best = 0;
  for (int i = 0; i < 3; ++i) {
    const Stopwatch watch;
    autograd::product(n, n, n, autograd::as_is(a.data(), n), autograd::as_is(b.data(), n), 0.0f, c.data(), n);
    best = std::max(best, 2.0 * n * n * n / watch.seconds());
  }
  return best;
}

TimingLog::TimingLog(const std::string& path, const Plan& plan)
    : log_(path), flop_per_token_(plan.flop_per_token), peak_(product_peak()), last_step_(plan.config.steps) {}

void TimingLog::step(const StepReport& report, double seconds) {
  seconds_ += seconds;
  tokens_ += static_cast<double>(report.tokens);
  if (seconds_ < 1 && report.step != last_step_) return;
  JsonLine line;
  line.add("step", report.step)
      .add("time", since_start_.seconds())
      .add("tokens_per_s", tokens_ / seconds_)
      .add("share_of_peak", tokens_ / seconds_ * flop_per_token_ / peak_);
  log_.write(line.text());
  seconds_ = tokens_ = 0;
}

}  // namespace primer::train
