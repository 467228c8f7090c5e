#include "train/run/timing.h"

#include <algorithm>
#include <vector>

#include "autograd/blas.h"

namespace primer::train {

double product_rate(long m, long n, long k, int runs) {
  const std::vector<float> a(m * k, 0.5f), b(k * n, 0.25f);  // [m, k], [k, n]
  std::vector<float> c(m * n);                               // [m, n]
  double best = 0;
  for (int i = 0; i < runs; ++i) {
    const Stopwatch watch;
    autograd::product(m, n, k, autograd::as_is(a.data(), k), autograd::as_is(b.data(), n), 0.0f, c.data(), n);
    best = std::max(best, 2.0 * static_cast<double>(m * n * k) / watch.seconds());
  }
  return best;
}

TimingLog::TimingLog(const std::string& path, const Plan& plan)
    : log_(path), flop_per_token_(plan.flop_per_token), peak_(product_rate(1024, 1024, 1024, 3)), last_step_(plan.config.steps) {}

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
