#include "train/run/bench_limits.h"

#include <algorithm>

#include "autograd/product.h"
#include "autograd/parallel.h"
#include "train/run/timing.h"

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

autograd::Operand<float> operand(const std::vector<float>& x, long rows, long columns, bool is_transposed) {
  return {x.data(), is_transposed ? rows : columns, is_transposed};
}

double product_seconds(const StepProduct& p) {
  const std::vector<float> a(p.m * p.k, 0.5f), b(p.k * p.n, 0.25f);
  std::vector<float> c(p.m * p.n);
  autograd::Multiplier multiplier;
  return best_seconds([&] {
    multiplier.product(p.m, p.n, p.k, operand(a, p.m, p.k, p.a_transposed), operand(b, p.k, p.n, p.b_transposed), 0.0f,
                      c.data(), p.n);
  });
}

/// The products inside the heads: queries times keys for the scores and their gradient, scores times rows for what the
/// heads bring and three gradients.
double heads_seconds(const Config& config) {
  const long T = config.context, D = config.channels / config.heads, heads = config.batch * config.heads;
  const long each = T * D + T * D + T * T;
  std::vector<float> space(autograd::threads() * each, 0.5f);
  const auto all_heads = [&](auto multiply) {
    return best_seconds([&] {
      autograd::each_unequal(heads, 2 * T * T * D, [&](long, int thread) {
        float* rows = space.data() + thread * each;
        multiply(rows, rows + T * D, rows + 2 * T * D);
      });
    });
  };
  using autograd::as_is, autograd::gemm, autograd::transposed;
  const double scores = all_heads([=](const float* q, const float* k, float* s) {
    gemm<float>(T, T, D, 1, as_is(q, D), transposed(k, D), 0, s, T);
  });
  const double brought = all_heads([=](float* out, const float* v, const float* s) {
    gemm<float>(T, D, T, 1, as_is(s, T), as_is(v, D), 0, out, D);
  });
  const double needed = config.objective->causal() ? (number(T) + 1) / (2 * number(T)) : 1;
  return number(config.layers) * needed * (2 * scores + 4 * brought);
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

std::vector<StepProduct> step_products(const Config& config, long vocabulary, long targets) {
  std::vector<StepProduct> products;
  const auto add_layer = [&](long rows, long in, long out, double times) {
    products.push_back({rows, out, in, false, true, times});   // y = x weight^T
    products.push_back({rows, in, out, false, false, times});  // dx = dy weight
    products.push_back({out, in, rows, true, false, times});   // dweight = dy^T x
  };
  const long rows = config.batch * config.context, C = config.channels, F = model_config(config, vocabulary).hidden();
  const double layers = number(config.layers);
  add_layer(rows, C, 3 * C, layers);
  add_layer(rows, C, C, layers);
  if (F > 0) {
    add_layer(rows, C, F, layers);
    add_layer(rows, F, C, layers);
  }
  add_layer(targets, C, vocabulary, 1);
  return products;
}

double step_bytes(const Config& config, long parameters) {
  const double rows = number(config.batch * config.context), C = number(config.channels);
  const double F = number(model_config(config, 1).hidden());
  const double norms = config.norm == nn::Norm::none ? 0 : 2 * number(config.layers) + (config.norm == nn::Norm::pre ? 1 : 0);
  return sizeof(float) * (rows * (norms * 6 * C + number(config.layers) * 6 * F) + 8 * number(parameters));
}

double step_bound(const Config& config, long vocabulary, long targets, long parameters, double bandwidth) {
  double seconds = heads_seconds(config) + 1e-9 * step_bytes(config, parameters) / bandwidth;
  for (const StepProduct& p : step_products(config, vocabulary, targets)) seconds += p.times * product_seconds(p);
  return 1e3 * number(config.accumulate) * seconds;
}

}  // namespace primer::train
