// Attention through landmarks is exact with all of them, and equals the engine's.
#include "studies/kernels/nystrom.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/attention.h"
#include "nn/attention/nystrom.h"

using namespace primer::studies;
using primer::train::Matrix, primer::train::identity;

TEST_CASE("as many landmarks as tokens are softmax attention, to 1e-10; half of them are not") {
  const Matrix q = normal_rows(12, 6, 1), k = normal_rows(12, 6, 2), pattern = pattern_of(q, k);
  CHECK(furthest(nystrom_of(q, k, 12, 60), pattern) < 1e-10);
  CHECK(furthest(nystrom_of(q, k, 6, 60), pattern) > 1e-2);
}

TEST_CASE("six rounds are what the engine's nystrom attention makes, to 1e-12") {
  const Matrix q = normal_rows(12, 6, 3), k = normal_rows(12, 6, 4);
  primer::autograd::Tape<double> tape;
  const auto on_tape = [&](const Matrix& x) { return tape.constant({1, x.rows, x.columns}, x.values); };
  const auto [f, z, b] = primer::nn::nystrom_factors(on_tape(q), on_tape(k), {.heads = 1}, 4);
  const auto whole = matmul(f, matmul(z, b));
  CHECK(furthest(nystrom_of(q, k, 4, 6), {12, 12, {whole.data(), whole.data() + whole.size()}}) < 1e-12);
}

TEST_CASE(
    "the iteration comes to the inverse; of a singular matrix it comes near one, and rounding then drives it off") {
  const Matrix a{2, 2, {0.75, 0.25, 0.5, 0.5}};
  Matrix singular = pattern_of(normal_rows(5, 3, 1), normal_rows(5, 3, 2));
  for (long c = 0; c < 5; ++c) singular(1, c) = 0.3 * singular(0, c) + 0.7 * singular(2, c);
  CHECK(furthest(inverse_by(a, 30), {2, 2, {2, -1, -2, 3}}) < 1e-12);
  CHECK(residual(a, identity(2)) > 0.1);
  Matrix half = pattern_of(normal_rows(64, 16, 3), normal_rows(64, 16, 4));  // and half of the identity
  for (double& x : half.values) x /= 2;
  for (long i = 0; i < 64; ++i) half(i, i) += 0.5;
  CHECK(residual(half, inverse_by(half, 1)) > 1e-3);
  CHECK(residual(half, inverse_by(half, 6)) < 1e-12);
  CHECK(residual(singular, inverse_by(singular, 20)) < 1e-12);
  CHECK(residual(singular, inverse_by(singular, 65)) > 1e-6);
}

TEST_CASE("slow rows have variance 1 and their correlation with the row before") {
  const Matrix x = slow_rows(5000, 4, 0.9, 1);
  double square = 0, before = 0;
  for (long i = 1; i < 5000; ++i) {
    for (long d = 0; d < 4; ++d) square += x(i, d) * x(i, d) / 19996, before += x(i, d) * x(i - 1, d) / 19996;
  }
  CHECK(std::abs(square - 1) < 0.1);
  CHECK(std::abs(before / square - 0.9) < 0.02);
}
