// Recurrent layers beside their equations written out as numbers; the table of ops has their gradients.
#include "autograd/ops/recurrent.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/autograd/check.h"
#include "tests/threads.h"

using namespace primer::test;

namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

/// A layer of one channel that reads one number a step.
struct Scalars {
  std::vector<double> x, w, b, u;
  double inner = 0;

  template <class Layer>
  std::vector<double> states(Layer layer) const {
    Tape<double> tape;
    const auto row = [&](const std::vector<double>& v, Shape shape) { return tape.input(shape, v); };
    const long G = static_cast<long>(w.size());
    const Tensor<double> y = layer(row(x, {1, static_cast<long>(x.size()), 1}), row(w, {G, 1}), row(b, {G}),
                                   row(u, {G, 1}), row({inner}, {1}));
    return {y.data(), y.data() + y.size()};
  }
};

void check_near(const std::vector<double>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - expected[i]) < 1e-14);
}

const Scalars gru{
    .x = {0.7, -1.2, 0.4}, .w = {0.5, -0.3, 0.9}, .b = {0.1, 0.2, -0.4}, .u = {-0.6, 0.8, 1.1}, .inner = 0.35};

/// The states of that GRU by its equations; `candidate`(r, h) is what stands beside W x + b in n.
template <class F>
std::vector<double> gru_states(F candidate) {
  const Scalars& g = gru;
  std::vector<double> all;
  double h = 0;
  for (const double x : g.x) {
    const double r = logistic(g.w[0] * x + g.b[0] + g.u[0] * h), z = logistic(g.w[1] * x + g.b[1] + g.u[1] * h);
    const double n = std::tanh(g.w[2] * x + g.b[2] + candidate(r, h));
    all.push_back(h = (1 - z) * n + z * h);
  }
  return all;
}

}  // namespace

TEST_CASE("a GRU resets what its product made of the state, as PyTorch's does; Cho's resets the state before it") {
  const auto ours = [](auto x, auto w, auto b, auto u, auto d) { return recurrent(Cell::gru, x, w, b, u, d); };
  check_near(gru.states(ours), gru_states([](double r, double h) { return r * (gru.u[2] * h + gru.inner); }));
  const auto chos = [](auto x, auto w, auto b, auto u, auto d) {
    return recurrent_textbook(Cell::gru, x, w, b, u, d, Reset::before);
  };
  check_near(gru.states(chos), gru_states([](double r, double h) { return gru.u[2] * (r * h) + gru.inner; }));
}

TEST_CASE("the gradient of Cho's GRU agrees with finite differences") {
  const Call<double> chos = [](auto& in) {
    return recurrent_textbook(Cell::gru, in[0], in[1], in[2], in[3], {}, Reset::before);
  };
  CHECK(check_gradient(chos, {{2, 4, 3}, {15, 3}, {15}, {15, 5}}, -1.5, 1.5) == "");
}

TEST_CASE("an LSTM's cell is its forget gate's share of the old one and its input gate's of the new") {
  const Scalars s{
      .x = {0.7, -1.2, 0.4}, .w = {0.5, -0.3, 0.9, 0.2}, .b = {0.1, 1, -0.4, 0}, .u = {-0.6, 0.8, 1.1, 0.3}};
  std::vector<double> expected;
  double h = 0, c = 0;
  for (const double x : s.x) {
    const auto gate = [&](int k) { return s.w[k] * x + s.b[k] + s.u[k] * h; };
    const double i = logistic(gate(0)), f = logistic(gate(1)), g = std::tanh(gate(2)), o = logistic(gate(3));
    c = f * c + i * g;
    expected.push_back(h = o * std::tanh(c));
  }
  check_near(s.states([](auto x, auto w, auto b, auto u, auto) { return recurrent(Cell::lstm, x, w, b, u); }),
             expected);
}

TEST_CASE("a sequence in pieces, each begun with the state of the one before, is the sequence at once") {
  for (const Cell cell : {Cell::rnn, Cell::gru, Cell::lstm}) {
    const long G = static_cast<long>(cell), B = 3, T_ = 7, H = 5;
    const auto numbers = random_inputs({{B, T_, 4}, {G * H, 4}, {G * H}, {G * H, H}}, -1.5, 1.5);
    Tape<double> tape;
    const auto pause = tape.pause();
    const auto x = tape.constant({B, T_, 4}, numbers[0]), w = tape.constant({G * H, 4}, numbers[1]);
    const auto b = tape.constant({G * H}, numbers[2]), u = tape.constant({G * H, H}, numbers[3]);
    const auto whole = recurrent(cell, x, w, b, u);
    std::vector<double> h(B * H), c(cell == Cell::lstm ? B * H : 0);
    const CellState<double> state{h.data(), c.empty() ? nullptr : c.data()};
    long at = 0;
    for (const long n : {3L, 1L, 0L, 3L}) {
      const auto part = recurrent(cell, slice(x, 1, at, n), w, b, u, {}, state);
      const auto same = slice(whole, 1, at, n);
      CHECK(distance(Numbers(part.data(), part.data() + part.size()), Numbers(same.data(), same.data() + same.size())) <
            1e-14);
      at += n;
    }
    const auto last = slice(whole, 1, T_ - 1, 1);
    CHECK(distance(h, Numbers(last.data(), last.data() + last.size())) < 1e-14);
  }
}

TEST_CASE("a state that is kept has no gradient: with one a recording tape is refused") {
  Tape<double> tape;
  std::vector<double> h(1);
  const auto one = [&](Shape shape) { return tape.input(shape, std::vector<double>(shape.size(), 1)); };
  CHECK_THROWS_WITH_AS(recurrent(Cell::rnn, one({1, 1, 1}), one({1, 1}), one({1}), one({1, 1}), {}, {h.data()}),
                       "[recurrent] expected a paused tape: what is kept has no gradient", Error);
}

TEST_CASE("a layer's numbers and gradients are the same bits for any number of threads") {
  for (const Cell cell : {Cell::rnn, Cell::gru, Cell::lstm}) {
    const long G = static_cast<long>(cell), B = 29, H = 37;
    const std::vector<Shape> shapes{{B, 9, 16}, {G * H, 16}, {G * H}, {G * H, H}};
    const auto numbers = random_inputs(shapes, -0.5, 0.5);
    const Call<float> call = [cell](auto& in) { return recurrent(cell, in[0], in[1], in[2], in[3]); };
    const auto by = [&](int count) {
      const Threads threads(count);
      return run<float>(call, shapes, numbers);
    };
    const Outcome one = by(1);
    for (const int count : {2, 3, 7}) {
      const Outcome many = by(count);
      CHECK(many.output == one.output);
      CHECK(many.grads == one.grads);
    }
  }
}
