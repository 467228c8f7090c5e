// Softmax attention is a radial kernel times a prior on keys: identities in double.
#include "studies/kernels/smoother.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/error.h"

using namespace primer::studies;
using primer::train::Matrix, primer::train::cholesky, primer::train::product, primer::train::transposed;

namespace {

constexpr long N = 9, D = 5;
const double t = std::sqrt(5.0);

/// The Gram matrix exp(k_i.k_j / t) [M, M] of keys.
Matrix gram_of(const Matrix& k) {
  Matrix gram = product(k, transposed(k));
  for (double& x : gram.values) x = std::exp(x / t);
  return gram;
}

/// The smallest pivot of the Cholesky factorisation, the least square on the diagonal of l; 0 where there is none.
double least_pivot(const Matrix& gram) {
  try {
    const Matrix l = cholesky(gram);
    double least = INFINITY;
    for (long i = 0; i < l.rows; ++i) least = std::min(least, l(i, i) * l(i, i));
    return least;
  } catch (const primer::autograd::Error&) {
    return 0;  // not positive definite
  }
}

}  // namespace

TEST_CASE("softmax attention is the kernel times the prior of the keys, to 1e-12, one way and both ways") {
  const Matrix q = normal_rows(N, D, 1), k = normal_rows(N, D, 2), v = normal_rows(N, D, 3);
  for (const bool causal : {false, true}) {
    const Matrix weights = smoother_weights(q, k, t, key_prior(k, t), causal);
    CHECK(furthest(pattern_of(q, k, causal), weights) < 1e-12);
    CHECK(furthest(attention_of(q, k, v, causal), product(weights, v)) < 1e-12);
    CHECK(total_variation(pattern_of(q, k, causal), smoother_weights(q, k, t, {}, causal)) > 0.05);
    CHECK(total_variation(weights, smoother_weights(q, k, 2 * t, key_prior(k, 2 * t), causal)) >
          0.05);  // the width is t
  }
}

TEST_CASE("keys of one length need no prior, to 1e-12, however long the queries are") {
  const Matrix q = normal_rows(N, D, 4), k = of_length(normal_rows(N, D, 5), 2.5);
  CHECK(furthest(pattern_of(q, k), smoother_weights(q, k, t, {})) < 1e-12);
  for (const double w : key_prior(k, t)) CHECK(std::abs(w - 2.5 * 2.5 / (2 * t)) < 1e-12);
}

TEST_CASE("scores of unit queries and keys are cosines, and the weights a function of the angle alone") {
  const Matrix q{1, 2, {std::cos(0.3), std::sin(0.3)}};
  const Matrix k{3, 2, {std::cos(0.3), std::sin(0.3), std::cos(1.0), std::sin(1.0), std::cos(-0.4), std::sin(-0.4)}};
  const Matrix scores = product(q, transposed(k)), weights = smoother_weights(q, k, 1, {});
  for (long j = 0; j < 3; ++j) CHECK(std::abs(scores(0, j) - std::cos(j == 0 ? 0 : 0.7)) < 1e-12);
  CHECK(std::abs(weights(0, 1) - weights(0, 2)) < 1e-12);
  CHECK(std::abs(std::log(weights(0, 0) / weights(0, 1)) - (1 - std::cos(0.7))) < 1e-12);
}

TEST_CASE("the Gram matrix of distinct keys is positive definite, l l' to 1e-12; with a key twice it is not") {
  Matrix k = normal_rows(N, D, 6);
  const Matrix gram = gram_of(k), l = cholesky(gram);
  for (long i = 0; i < N; ++i) {
    for (long j = 0; j < N; ++j) CHECK(std::abs(product(l, transposed(l))(i, j) / gram(i, j) - 1) < 1e-12);
  }
  CHECK(least_pivot(gram) > 1e-3);
  CHECK(std::abs(gram(1, 2) - std::exp(product(k, transposed(k))(1, 2) / t)) < 1e-12);
  std::copy_n(k.values.begin(), D, k.values.begin() + D);
  CHECK(least_pivot(gram_of(k)) < 1e-10);
  CHECK(least_pivot({2, 2, {1, 2, 2, 1}}) == 0);  // not positive definite
}

TEST_CASE("the share that lies elsewhere is half the absolute difference, row by row") {
  CHECK(total_variation({2, 2, {1, 0, 0.5, 0.5}}, {2, 2, {0, 1, 0.5, 0.5}}) == doctest::Approx(0.5));
}
