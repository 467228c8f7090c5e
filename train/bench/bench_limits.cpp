#include "train/bench/bench_limits.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "autograd/parallel.h"
#include "train/step/stopwatch.h"
#include "train/step/timing.h"

namespace primer::train {
namespace {

double number(long value) { return static_cast<double>(value); }

/// Seconds of f(), the best of some runs after one to warm up.
template <class F>
double best_seconds(F f) {
  f();
  double best = 1e30;
  const Stopwatch all;
  for (int run = 0; run < 3 || (run < 50 && all.seconds() < 0.02); ++run) {
    const Stopwatch watch;
    f();
    best = std::min(best, watch.seconds());
  }
  return best;
}

/// Of products of one shape. What is made `times` times at once is made on one thread each, by BLAS or by tiles,
/// whichever is faster.
double product_seconds(const autograd::ProductShape& p) {
  const auto at_once = std::max(1L, std::lround(p.times)), teams = std::min<long>(at_once, autograd::threads());
  const std::vector<float> a(teams * p.m * p.k, 0.5f), b(teams * p.k * p.n, 0.25f);
  std::vector<float> c(teams * p.m * p.n);
  const auto left = [&](long i) {
    return autograd::Operand<float>{a.data() + i * p.m * p.k, p.a_transposed ? p.m : p.k, p.a_transposed};
  };
  const auto right = [&](long i) {
    return autograd::Operand<float>{b.data() + i * p.k * p.n, p.b_transposed ? p.k : p.n, p.b_transposed};
  };
  std::vector<autograd::Multiplier> multipliers(teams);
  const auto seconds = [&](autograd::Products by) {
    for (autograd::Multiplier& multiplier : multipliers) multiplier.by = by;
    return best_seconds([&] {
      if (at_once == 1) return multipliers[0].product(p.m, p.n, p.k, left(0), right(0), 0.0f, c.data(), p.n);
      autograd::each_unequal(at_once, 2 * p.m * p.n * p.k, [&](long, int i) {
        multipliers[i].product(p.m, p.n, p.k, left(i), right(i), 0.0f, c.data() + i * p.m * p.n, p.n);
      });
    });
  };
  const double by_tiles = seconds(autograd::Products::tiles);
  const double least = at_once == 1 ? by_tiles : std::min(by_tiles, seconds(autograd::Products::blas));
  return least * p.times / number(at_once);
}

}  // namespace

double sgemm_peak() {
  autograd::Multiplier multiplier;
  double peak = 0;
  for (const autograd::Products by : {autograd::Products::blas, autograd::Products::tiles}) {
    multiplier.by = by;
    peak = std::max({peak, product_rate(multiplier, 1024, 1024, 1024, 5), product_rate(multiplier, 2048, 2048, 2048, 5),
                     product_rate(multiplier, 4096, 3072, 768, 5)});
  }
  return 1e-9 * peak;
}

double triad_bandwidth() {
  const long n = 1 << 25;  // 128 MiB an array
  std::vector<float> a(n), b(n, 1), c(n, 2);
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    const Stopwatch watch;
    autograd::each(n, [x = a.data(), y = b.data(), z = c.data()](long i) { x[i] = y[i] + 0.5f * z[i]; });
    if (run > 0) best = std::max(best, 3e-9 * number(n * static_cast<long>(sizeof(float))) / watch.seconds());
  }
  return best;
}

double bound_ms(const autograd::Work& work, double bandwidth) {
  std::map<autograd::ProductShape, long> shapes;  // each is measured once
  for (const autograd::ProductShape& shape : work.products) ++shapes[shape];
  double seconds = 1e-9 * work.bytes / bandwidth;
  for (const auto& [shape, calls] : shapes) seconds += number(calls) * product_seconds(shape);
  return 1e3 * seconds;
}

}  // namespace primer::train
