// Random features of queries and keys: mean and variance in closed form, and how they become a pattern.
#include "studies/kernels/random_features.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace primer::studies;
using primer::train::Matrix, primer::train::product, primer::train::transposed;

namespace {

constexpr double pi = 3.14159265358979323846;

/// The mean of f over a standard normal number: the trapezoid rule, exact to rounding for such smooth functions.
template <class F>
double expected(F f) {
  double sum = 0;
  for (int i = -4000; i <= 4000; ++i) {
    const double x = i * 0.004;
    sum += 0.004 * f(x) * std::exp(-x * x / 2) / std::sqrt(2 * pi);
  }
  return sum;
}

}  // namespace

TEST_CASE("features: the mean of products is exp(q k) and their variance the formula's, by integration, to 1e-9") {
  for (const auto& [q, k] : {std::pair{0.6, 0.5}, {0.7, -0.4}, {-0.3, 0.9}}) {
    for (const FeatureKind kind : {FeatureKind::positive, FeatureKind::trigonometric}) {
      const auto estimate = [&](double w) {
        const Matrix phi = features_of(kind, {2, 1, {q, k}}, {1, 1, {w}});
        double sum = 0;
        for (long m = 0; m < phi.columns; ++m) sum += phi(0, m) * phi(1, m);
        return sum;
      };
      std::vector<double> values;
      const double mean = expected(estimate);
      const double variance = expected([&](double w) { return std::pow(estimate(w) - mean, 2); });
      CHECK(std::abs(mean - std::exp(q * k)) < 1e-9);
      CHECK(std::abs(variance / (mean * mean) - relative_variance(kind, {1, 1, {q}}, {1, 1, {k}})) < 1e-9);
    }
  }
}

TEST_CASE("an estimated pattern has rows that sum to 1, and comes to softmax attention's with many directions") {
  const Matrix q = normal_rows(5, 4, 5), k = normal_rows(6, 4, 6);
  for (const FeatureKind kind : {FeatureKind::positive, FeatureKind::trigonometric}) {
    const Matrix few = estimated_pattern(kind, q, k, directions(8, 4, 7));
    const Matrix many = estimated_pattern(kind, q, k, directions(100'000, 4, 7));
    for (long i = 0; i < 5; ++i) {
      double sum = 0;
      for (long j = 0; j < 6; ++j) sum += few(i, j);
      CHECK(std::abs(sum - 1) < 1e-12);
    }
    CHECK(furthest(many, pattern_of(q, k)) < 0.05);
    CHECK(furthest(few, pattern_of(q, k)) > 0.1);
  }
}
