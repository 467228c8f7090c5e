// Dual forms: what attention without softmax adds is an update of weights, and momentum.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/linear.h"
#include "studies/context/linear_self_attention.h"
#include "studies/context/regressor.h"
#include "studies/lab/estimate.h"
#include "train/circuits/linear_algebra.h"

using namespace primer::studies;
namespace nn = primer::nn;
using primer::autograd::Parameters, primer::autograd::Tape, primer::autograd::Tensor, primer::autograd::Random;
using primer::train::dot;

namespace {

std::vector<double> normals(long count, std::uint64_t purpose) {
  std::vector<double> all;
  for (long i = 0; i < count; ++i) all.push_back(Random(2, purpose).normal(static_cast<std::uint64_t>(i)));
  return all;
}

std::vector<double> joined(std::vector<double> a, const std::vector<double>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// What a layer adds to the last of n tokens [n, D], of which the first N are seen.
std::vector<double> added(const LinearSelfAttention<double>& layer, const std::vector<double>& tokens, long D, long N) {
  Tape<double> tape;
  const long n = static_cast<long>(tokens.size()) / D;
  const auto y = layer(tape.constant({1, n, D}, tokens), N);
  std::vector<double> last(y.data() + (n - 1) * D, y.data() + n * D);
  for (long c = 0; c < D; ++c) last[static_cast<std::size_t>(c)] -= tokens[static_cast<std::size_t>((n - 1) * D + c)];
  return last;
}

double furthest(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) raise_to(most, std::abs(a[i] - b[i]));
  return most;
}

}  // namespace

// Aizerman et al. 1964; Irie et al. 2022; Dai et al. 2023, section 3.1.
TEST_CASE(
    "a linear layer after gradient descent is the first layer and attention over what it was trained on, to 1e-12") {
  const long dx = 5, dy = 3, N = 8;
  const double eta = 0.3;
  const auto x = normals(N * dx, 1), wanted = normals(N * dy, 2), w0 = normals(dy * dx, 3), query = normals(dx, 4);
  Tape<double> tape;
  const auto w = tape.input({dy, dx}, w0);
  const auto y = linear(tape.constant({N, dx}, x), w);
  tape.keep_gradient(y);
  const auto off = subtract(primer::autograd::exp(scale(y, 0.3)), tape.constant({N, dy}, wanted));  // any loss will do
  tape.backward(sum(multiply(off, off)));
  std::vector<double> trained, tokens;  // W_0 - eta dL/dW; tokens (x_i, -eta dL/dy_i), then (x, 0)
  for (long i = 0; i < dy * dx; ++i) trained.push_back(w0[i] - eta * w.grad()[i]);
  for (long i = 0; i < N; ++i) {
    tokens.insert(tokens.end(), x.begin() + i * dx, x.begin() + (i + 1) * dx);
    for (long c = 0; c < dy; ++c) tokens.push_back(-eta * y.grad()[i * dy + c]);
  }
  tokens.insert(tokens.end(), query.begin(), query.end());
  tokens.insert(tokens.end(), dy, 0);
  Parameters<double> parameters;
  const LinearSelfAttention<double> layer(parameters, "layer", dx + dy);
  parameters.build(1);
  write(layer, gradient_step(primer::train::zeros(dy, dx), -1));  // adds sum of e_i x_i'x
  const auto attention = added(layer, tokens, dx + dy, N);
  for (long i = 0; i < dy; ++i) {
    const double by_start = dot(w0.data() + i * dx, query.data(), dx), by_both = by_start + attention[dx + i];
    CHECK(std::abs(dot(trained.data() + i * dx, query.data(), dx) - by_both) < 1e-12);
    CHECK(std::abs(attention[dx + i]) > 1e-3);
  }
}

// Dai et al. 2023, equation 9: W_V [X'; X] (W_K [X'; X])' q = (W_ZSL + dW_ICL) q.
TEST_CASE(
    "attention without softmax over examples and text is that over the text plus an update by the examples, to 1e-12") {
  const long D = 6;
  Parameters<double> parameters;
  const LinearSelfAttention<double> layer(parameters, "layer", D, 0.5);
  parameters.build(4);
  const auto examples = normals(9 * D, 1), text = normals(4 * D, 2), query = normals(D, 3);
  const auto both = added(layer, joined(joined(examples, text), query), D, 13);
  auto apart = added(layer, joined(text, query), D, 4);
  const auto update = added(layer, joined(examples, query), D, 9);
  for (std::size_t c = 0; c < apart.size(); ++c) apart[c] += update[c];
  CHECK(furthest(both, apart) < 1e-12);
  CHECK(furthest(update, std::vector<double>(D, 0)) > 1e-2);
}

TEST_CASE(
    "attention with momentum adds sum of eta^(t - i) v_i, i < t, to 1e-12; with eta = 0 it is attention, bit for bit") {
  const long B = 2, n = 5, C = 6;
  Parameters<double> parameters;
  const nn::SelfAttention<double> attention(parameters, "blocks.0.attention",
                                            {.channels = C, .heads = 2, .bias = false, .deviation = 0.5});
  parameters.build(5);
  const auto x = normals(B * n * C, 6);
  const auto run = [&](double eta, bool watched) {
    Tape<double> tape;
    Momentum<double> momentum(eta);
    if (watched) tape.observer = &momentum;
    const auto y = attention({}, tape.constant({B, n, C}, x), {});
    return std::vector<double>(y.data(), y.data() + y.size());
  };
  const auto plain = run(0, false);
  CHECK(run(0, true) == plain);
  const double eta = 0.6;
  // By the recurrence m_t = eta (m_(t - 1) + v_(t - 1)), carried through the output's weights.
  std::vector<double> wanted = plain;
  const double *value = attention.qkv.weight.data() + 2 * C * C, *output = attention.output.weight.data();
  for (long b = 0; b < B; ++b) {
    std::vector<double> m(C, 0);
    for (long t = 0; t < n; ++t) {
      for (long i = 0; i < C; ++i) wanted[(b * n + t) * C + i] += dot(output + i * C, m.data(), C);
      for (long c = 0; c < C; ++c) m[c] = eta * (m[c] + dot(value + c * C, x.data() + (b * n + t) * C, C));
    }
  }
  CHECK(furthest(run(eta, true), wanted) < 1e-12);
  CHECK(furthest(plain, wanted) > 1e-2);
}

TEST_CASE("a regressor's prediction knows the examples before it, and nothing else") {
  Regressor<double> model({.inputs = 3, .layers = 2, .channels = 16, .heads = 2}, 1);
  const Regression source{.inputs = 3, .points = 6};
  const auto said = [&](const Tasks& tasks) {
    Tape<double> tape;
    const auto y = model(tape, tasks);
    CHECK(y.shape == primer::autograd::Shape{tasks.count, tasks.points});
    return std::vector<double>(y.data(), y.data() + y.size());
  };
  Tasks tasks = source.draw(1, 0, 2);
  const auto before = said(tasks);
  tasks.y[3] += 1;  // the fourth of the first task
  const auto after = said(tasks);
  for (std::size_t i = 0; i < 12; ++i) {
    CAPTURE(i);
    if (i == 4 || i == 5) CHECK(std::abs(after[i] - before[i]) > 1e-6);
    else CHECK(after[i] == before[i]);
  }
  const auto alone = said(tasks.part(0, 0, 3));
  for (std::size_t i = 0; i < 3; ++i) CHECK(alone[i] == doctest::Approx(before[i]).epsilon(1e-10));
}
