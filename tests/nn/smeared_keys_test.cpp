// Keys that are mixed with those before, an option of the layer alone.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/reduce.h"
#include "nn/attention/kv_cache.h"
#include "nn/attention/self_attention.h"
#include "tests/nn/small_model.h"

using namespace primer::test;

namespace {

constexpr long B = 2, T_ = 5, C = 8;

struct Keys : Observer<double> {
  std::vector<double> seen;
  bool wants(std::string_view, std::string_view leaf) override { return leaf == "k"; }
  Tensor<double> see(std::string_view, std::string_view, Tensor<double> k) override {
    seen.assign(k.data(), k.data() + k.size());
    return k;
  }
};

/// A layer of two heads of keys, its numbers, and what it makes of x.
struct Layer {
  Parameters<double> parameters;
  primer::nn::SelfAttention<double> attention;
  Tape<double> tape;

  explicit Layer(bool smears)
      : attention(parameters, "a", {.channels = C, .heads = 4, .kv_heads = 2, .smear_keys = smears, .deviation = 0.5}) {
    parameters.build(1);
  }
  Tensor<double> operator()(const std::vector<double>& x, Keys* keys = nullptr) {
    tape.reset();
    tape.observer = keys;
    const Tensor<double> in = tape.input({B, T_, C}, x);
    return attention(in, in, {});
  }
};

std::vector<double> random_rows() {
  std::vector<double> x(B * T_ * C);
  const Random random(3, hash("rows"));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = random.normal(i);
  return x;
}

}  // namespace

TEST_CASE("a smeared key is s k[j] + (1 - s) k[j - 1], head by head; the first one stays") {
  Layer plain(false), smeared(true);
  const std::vector<double> x = random_rows();
  double* const a = smeared.parameters.at("a.smear").data();
  a[0] = 0.7;
  a[1] = -2;
  Keys before, after;
  plain(x, &before);
  smeared(x, &after);
  constexpr long D = C / 4, width = 2 * D;  // [B, T, 2 D]
  for (long i = 0; i < B * T_ * width; ++i) {
    const double s = 1 / (1 + std::exp(-a[i % width / D]));
    const double past = i / width % T_ == 0 ? before.seen[i] : before.seen[i - width];
    CHECK(after.seen[i] == doctest::Approx(s * before.seen[i] + (1 - s) * past).epsilon(1e-12));
  }
}

TEST_CASE("how far keys are smeared is learned: its gradient agrees with finite differences") {
  Layer layer(true);
  const std::vector<double> x = random_rows();
  const Tensor<double> smear = layer.parameters.at("a.smear");
  const auto loss = [&] {
    const Tensor<double> y = layer(x);
    return sum(multiply(y, y));
  };
  layer.parameters.zero_grad();
  const Tensor<double> root = loss();
  layer.tape.backward(root);
  for (long h = 0; h < 2; ++h) {
    const double gradient = smear.grad()[h], at = smear.data()[h];
    const auto moved = [&](double by) {
      smear.data()[h] = at + by;
      const double value = loss().item();
      smear.data()[h] = at;
      return value;
    };
    CHECK(std::abs(gradient) > 1e-4);
    CHECK(gradient == doctest::Approx((moved(1e-5) - moved(-1e-5)) / 2e-5).epsilon(1e-6));
  }
}

TEST_CASE("a smeared key needs the token before: a cache, which does not keep it, is refused in one line") {
  Layer layer(true);
  primer::nn::KvCache<double> cache(
      {.vocabulary = 3, .context = T_, .layers = 1, .heads = 4, .kv_heads = 2, .channels = C}, B);
  const Tensor<double> in = layer.tape.input({B, T_, C}, random_rows());
  CHECK_THROWS_WITH_AS(layer.attention(in, in, {}, cache.layer(0)), doctest::Contains("give the whole text"), Error);
}
