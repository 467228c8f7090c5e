// Linear attention is a recurrence over sums, S and z, and gives what its parallel form gives.
#include "autograd/ops/linear_attention.h"

#include <doctest/doctest.h>

#include <cmath>

#include "studies/kernels/smoother.h"

using namespace primer::studies;
using primer::train::Matrix, primer::train::zeros;
namespace autograd = primer::autograd;

TEST_CASE("linear attention is S += phi(k) v', z += phi(k), y = phi(q) S / phi(q) z, token by token, to 1e-12") {
  constexpr long steps = 40, D = 5;
  const Matrix q = normal_rows(steps, D, 1), k = normal_rows(steps, D, 2), v = normal_rows(steps, D, 3);
  autograd::Tape<double> tape;
  const auto on_tape = [&](const Matrix& x) { return tape.constant({1, steps, D}, x.values); };
  const auto y = autograd::linear_attention(autograd::elu_plus_one(on_tape(q)), autograd::elu_plus_one(on_tape(k)),
                                            on_tape(v), {.heads = 1, .causal = true});
  const auto phi = [](double x) { return x > 0 ? x + 1 : std::exp(x); };
  Matrix S = zeros(D, D), pairs = zeros(steps, D), wrong = pairs;
  std::vector<double> z(D, 0);
  for (long t = 0; t < steps; ++t) {
    for (long m = 0; m < D; ++m) {
      for (long d = 0; d < D; ++d) S(m, d) += phi(k(t, m)) * v(t, d);
      z[static_cast<std::size_t>(m)] += phi(k(t, m));
    }
    double total = 0;
    for (long m = 0; m < D; ++m) total += phi(q(t, m)) * z[static_cast<std::size_t>(m)];
    for (long d = 0; d < D; ++d) {
      for (long m = 0; m < D; ++m)
        pairs(t, d) += phi(q(t, m)) * S(m, d) / total, wrong(t, d) += q(t, m) * S(m, d) / total;
    }
  }
  const Matrix found{steps, D, {y.data(), y.data() + y.size()}};
  CHECK(furthest(found, pairs) < 1e-12);
  CHECK(furthest(found, wrong) > 1e-2);
}
