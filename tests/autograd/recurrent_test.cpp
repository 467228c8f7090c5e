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
    return recurrent_textbook(Cell::gru, x, w, b, u, d, {}, {}, Reset::before);
  };
  check_near(gru.states(chos), gru_states([](double r, double h) { return gru.u[2] * (r * h) + gru.inner; }));
}

TEST_CASE("the gradient of Cho's GRU agrees with finite differences") {
  const Call<double> chos = [](auto& in) {
    return recurrent_textbook<double>(Cell::gru, in[0], in[1], in[2], in[3], {}, {}, {}, Reset::before);
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

TEST_CASE(
    "a sequence in pieces, each begun with the state of the one before, is the sequence at once, and so are its "
    "gradients") {
  for (const Cell cell : {Cell::rnn, Cell::gru, Cell::lstm}) {
    const long G = static_cast<long>(cell), B = 3, T_ = 7, H = 5, S = cell == Cell::lstm ? 2 * H : H;
    const std::vector<Shape> shapes{{B, T_, 4}, {G * H, 4}, {G * H}, {G * H, H}, {B, S}};
    const auto numbers = random_inputs(shapes, -1.5, 1.5);
    const auto in = [&](auto& all, Tensor<double> x, Tensor<double> begin) {
      return recurrent(cell, x, all[1], all[2], all[3], {}, begin, {.cells = true});
    };
    const Call<double> whole = [&](auto& all) { return in(all, all[0], all[4]); };
    const Call<double> pieces = [&](auto& all) {
      Tensor<double> y, state = all[4];
      long at = 0;
      for (const long n : {3L, 1L, 1L, 2L}) {
        const auto part = in(all, slice(all[0], 1, at, n), state);
        state = reshape(slice(part, 1, n - 1, 1), {B, S});
        y = at == 0 ? part : concat(y, part, 1);
        at += n;
      }
      return y;
    };
    CHECK(distance(run<double>(whole, shapes, numbers), run<double>(pieces, shapes, numbers)) < 1e-14);
  }
}

TEST_CASE("backwards a layer gives what it gives forwards for the steps in reverse, and padding changes nothing") {
  constexpr long B = 2, T_ = 6, H = 3;
  static constexpr int lengths[] = {4, 6};
  for (const Cell cell : {Cell::rnn, Cell::gru, Cell::lstm}) {
    const long G = static_cast<long>(cell);
    const auto numbers = random_inputs({{B, T_, G * H}, {G * H, H}}, -1.5, 1.5);
    Tape<double> tape;
    const auto u = tape.constant({G * H, H}, numbers[1]);
    const auto read = [&](const Numbers& x, long b, long begin, long n) {
      return tape.constant({1, n, G * H}, std::span(x).subspan((b * T_ + begin) * G * H, n * G * H));
    };
    Numbers padded = numbers[0];
    for (long i = lengths[0] * G * H; i < T_ * G * H; ++i) padded[i] = 100;
    const auto y = recurrent<double>(cell, tape.constant({B, T_, G * H}, padded), {}, {}, u, {}, {}, {true, lengths});
    for (long b = 0; b < B; ++b) {
      Numbers reversed;
      for (long t = lengths[b] - 1; t >= 0; --t) {
        const auto row = read(numbers[0], b, t, 1);
        reversed.insert(reversed.end(), row.data(), row.data() + G * H);
      }
      const auto forwards = recurrent<double>(cell, tape.constant({1, lengths[b], G * H}, reversed), {}, {}, u);
      for (long t = 0; t < T_; ++t)
        for (long k = 0; k < H; ++k) {
          const double expected = t < lengths[b] ? forwards.data()[(lengths[b] - 1 - t) * H + k] : 0;
          CHECK(y.data()[(b * T_ + t) * H + k] == doctest::Approx(expected).epsilon(1e-14));
        }
    }
  }
}

TEST_CASE("a layer's numbers and gradients are the same bits for any number of threads") {
  for (const Cell cell : {Cell::rnn, Cell::gru, Cell::lstm}) {
    const long G = static_cast<long>(cell), B = 29, H = 37;
    const std::vector<Shape> shapes{{B, 9, 16}, {G * H, 16}, {G * H}, {G * H, H}};
    const auto numbers = random_inputs(shapes, -0.5, 0.5);
    const Call<float> call = [=](auto& in) {
      const auto x = recurrent(cell, in[0], in[1], in[2], in[3], {}, {}, {true});
      const auto first = slice(x, 1, 0, 1);  // a step on its own, from another layer's state
      const auto begin =
          reshape(cell == Cell::lstm ? concat(first, first, 2) : first, {B, cell == Cell::lstm ? 2 * H : H});
      return concat(x, recurrent(cell, slice(in[0], 1, 0, 1), in[1], in[2], in[3], {}, begin), 1);
    };
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
