// What a loss at the end tells of places before: the gradient is a product of Jacobians, and how fast it falls is known
// of layers whose Jacobians are.
#include "studies/meaning/recall.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "train/circuits/linear_algebra.h"

using namespace primer::studies;
using primer::data::Batch;
using primer::nn::BodyKind;
using primer::train::Matrix, primer::train::product, primer::train::transposed;

namespace {

constexpr long C = 7;

Net<double> small(BodyKind body, long length) {
  return {primer::nn::ModelConfig{.body = body,
                                  .vocabulary = Recall::vocabulary,
                                  .context = length,
                                  .layers = 1,
                                  .channels = C,
                                  .bias = true,
                                  .output = {.tie = false}},
          5};
}

Matrix numbers(Net<double>& net, const std::string& path) {
  const auto x = net.parameters.at(path);
  return {x.shape.rows(), x.shape.last(), {x.data(), x.data() + x.size()}};
}

double length_of(const Matrix& row) { return primer::train::frobenius_norm(row); }

/// Of one sequence through a tanh layer, by the chain rule alone: how long dL/dx_t and dL/dh_t are, t = T - 1 ... 0.
struct ByHand {
  std::vector<double> of_x, of_h;

  ByHand(Net<double>& net, const Batch& batch) {
    const long T = batch.length, V = Recall::vocabulary;
    const Matrix rows = numbers(net, "token.weight"), w = numbers(net, "layers.0.input.weight");
    const Matrix u = numbers(net, "layers.0.recurrent.weight"), b = numbers(net, "layers.0.input.bias");
    const Matrix out = numbers(net, "head.weight");
    std::vector<Matrix> states{primer::train::zeros(1, C)};
    for (long t = 0; t < T; ++t) {
      const Matrix x{1, C, {rows.row(batch.tokens[t]), rows.row(batch.tokens[t]) + C}};
      Matrix h = primer::train::sum(product(x, transposed(w)), product(states.back(), transposed(u)));
      for (long c = 0; c < C; ++c) h(0, c) = std::tanh(h(0, c) + b.values[c]);
      states.push_back(h);
    }
    Matrix p = product(states.back(), transposed(out));
    double total = 0;
    for (double& x : p.values) total += x = std::exp(x);
    for (double& x : p.values) x /= total;
    p(0, batch.targets[T - 1]) -= 1;
    CHECK(p.columns == V);
    Matrix dh = product(p, out);
    for (long t = T; t > 0; --t) {
      of_h.push_back(length_of(dh));
      for (long c = 0; c < C; ++c) dh(0, c) *= 1 - states[t](0, c) * states[t](0, c);
      of_x.push_back(length_of(product(dh, w)));
      dh = product(dh, u);
    }
  }
};

double largest(Net<double>& net) {
  return std::abs(primer::train::eigenvalues(numbers(net, "layers.0.recurrent.weight"))[0]);
}

}  // namespace

TEST_CASE("a symbol stands first and is asked for at the end; distractors are of other symbols") {
  const Recall text{20};
  const Batch batch = text.batch(3, 4, 500);
  CHECK(batch.tokens == text.batch(3, 4, 500).tokens);
  CHECK(batch.tokens != text.batch(3, 5, 500).tokens);
  CHECK(batch.target_count() == 500);
  std::set<int> asked, others;
  for (long b = 0; b < 500; ++b) {
    const int* x = batch.tokens.data() + b * text.length();
    asked.insert(x[0]);
    others.insert(x + 1, x + 21);
    CHECK(x[21] == Recall::mark);
    CHECK(batch.targets[b * text.length() + 21] == x[0]);
  }
  CHECK((asked.size() == 8 && *asked.begin() == 1 && *asked.rbegin() == 8));
  CHECK((others.size() == 8 && *others.begin() == 9 && *others.rbegin() == 16));
}

TEST_CASE("the gradient of a tanh layer is the product of its Jacobians, to 1e-12; of several sequences the root sum") {
  const Recall text{12};
  Net<double> net = small(BodyKind::rnn, text.length());
  const ByHand one(net, text.batch(1, 0, 1)), other(net, text.batch(2, 0, 1));
  const std::vector<double> found = gradients_back(net, text.batch(1, 0, 1));
  CHECK(found.size() == 14);
  Batch both = text.batch(1, 0, 1);
  const Batch second = text.batch(2, 0, 1);
  both.tokens.insert(both.tokens.end(), second.tokens.begin(), second.tokens.end());
  both.targets.insert(both.targets.end(), second.targets.begin(), second.targets.end());
  both.lengths.push_back(14), both.sequences = 2;
  const std::vector<double> of_both = gradients_back(net, both);
  for (std::size_t d = 0; d < found.size(); ++d) {
    CHECK(std::abs(found[d] / one.of_x[d] - 1) < 1e-12);
    CHECK(std::abs(of_both[d] / std::hypot(one.of_x[d], other.of_x[d]) - 1) < 1e-12);
  }
}

TEST_CASE("U has the radius that was asked for; where it is orthogonal, dL/dh falls by rho or more at every place") {
  const Recall text{40};
  for (const double rho : {0.5, 0.9, 1.0, 1.6}) {
    Net<double> net = small(BodyKind::rnn, text.length());
    set_radius(net, rho);
    CHECK(largest(net) == doctest::Approx(rho).epsilon(1e-12));
    const Matrix u = numbers(net, "layers.0.recurrent.weight");
    set_radius(net, rho, true);
    const Matrix v = numbers(net, "layers.0.recurrent.weight");
    CHECK(v.values != u.values);
    const Matrix square = product(v, transposed(v));
    for (long i = 0; i < C; ++i) {
      for (long j = 0; j < C; ++j) CHECK(std::abs(square(i, j) - (i == j ? rho * rho : 0)) < 1e-12);
    }
    const ByHand hand(net, text.batch(1, 0, 1));
    for (std::size_t d = 1; d < hand.of_h.size(); ++d) CHECK(hand.of_h[d] < rho * hand.of_h[d - 1]);
    if (rho > 1) continue;
    CHECK(log_slope(hand.of_h) < std::log(rho));
  }
}

TEST_CASE(
    "an LSTM that does not read its state loses s(bias) a place, and what stands there decides nothing, to 1e-12") {
  const Recall text{30};
  Batch batch = text.batch(1, 0, 1);
  std::fill(batch.tokens.begin(), batch.tokens.end(), Recall::first_distractor);
  for (const double bias : {-1.0, 1.0, 4.6}) {
    Net<double> net = small(BodyKind::lstm, text.length());
    set_forget_bias(net, bias);
    const auto u = net.parameters.at("layers.0.recurrent.weight"), w = net.parameters.at("layers.0.input.weight");
    std::fill_n(u.data(), u.size(), 0.0);
    std::fill_n(w.data() + C * C, C * C, 0.0);  // of the forget gate
    CHECK(std::abs(log_slope(gradients_back(net, batch)) + std::log1p(std::exp(-bias))) < 1e-12);
  }
}

TEST_CASE("a slope is that of the logarithm, without the end and without what float does not tell") {
  CHECK(log_slope({100, 8, 4, 2, 1}) == doctest::Approx(-std::log(2)).epsilon(1e-12));
  CHECK(log_slope({100, 8, 4, 2, 1, 1e-31, 0}) == doctest::Approx(-std::log(2)).epsilon(1e-12));
  CHECK(log_slope({1, 3, 3, 3}) == doctest::Approx(0));
  CHECK(std::isnan(log_slope({1, 1, 0, 0})));
}
