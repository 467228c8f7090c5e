// Layers of attention without softmax against gradient descent whose gradients are the tape's.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/linear.h"
#include "autograd/ops/reduce.h"
#include "autograd/random.h"
#include "studies/context/linear_self_attention.h"
#include "studies/lab/estimate.h"

using namespace primer::studies;
using primer::autograd::Parameters, primer::autograd::Tape, primer::autograd::Tensor;
using primer::train::Matrix;

namespace {

std::vector<double> normals(long count, std::uint64_t purpose) {
  std::vector<double> all;
  for (long i = 0; i < count; ++i)
    all.push_back(primer::autograd::Random(1, purpose).normal(static_cast<std::uint64_t>(i)));
  return all;
}

/// Examples (x, y), and a query whose prediction by W_0 is 0 where W_0 is.
struct Setting {
  long dx, dy, N;
  Matrix start;                 // W_0 [dy, dx]
  std::vector<double> x, y, q;  // [N, dx], [N, dy], [dx]

  Setting(long dx_, long dy_, long N_, bool from_zero = false)
      : dx(dx_),
        dy(dy_),
        N(N_),
        start(primer::train::zeros(dy, dx)),
        x(normals(N * dx, 1)),
        y(normals(N * dy, 2)),
        q(normals(dx, 3)) {
    if (!from_zero) start.values = normals(dy * dx, 4);
  }

  /// [1, N + 1, dx + dy]
  Tensor<double> tokens(Tape<double>& tape) const {
    std::vector<double> all;
    for (long i = 0; i < N; ++i) {
      all.insert(all.end(), x.begin() + i * dx, x.begin() + (i + 1) * dx);
      all.insert(all.end(), y.begin() + i * dy, y.begin() + (i + 1) * dy);
    }
    all.insert(all.end(), q.begin(), q.end());
    for (const double p : predicted(start)) all.push_back(-p);
    return tape.constant({1, N + 1, dx + dy}, all);
  }

  std::vector<double> predicted(const Matrix& w) const { return product(w, Matrix{dx, 1, q}).values; }  // [dy]

  /// W after K steps of gradient descent on sum |W x_i - y_i|^2 / (2 N), by the tape's gradient.
  Matrix descended(long steps, double eta) const {
    Matrix w = start;
    for (long k = 0; k < steps; ++k) {
      Tape<double> tape;
      const auto weights = tape.input({dy, dx}, w.values);
      const auto off = subtract(linear(tape.constant({N, dx}, x), weights), tape.constant({N, dy}, y));
      tape.backward(scale(sum(multiply(off, off)), 0.5 / static_cast<double>(N)));
      for (std::size_t i = 0; i < w.values.size(); ++i) w.values[i] -= eta * weights.grad()[i];
    }
    return w;
  }

  /// The furthest that the query's y entry is from minus the prediction by w, after `times` uses of the layer.
  double off(const LayerProducts& products, long times, long keys, const Matrix& w) const {
    Parameters<double> parameters;
    const LinearSelfAttention<double> layer(parameters, "layer", dx + dy);
    parameters.build(1);
    write(layer, products);
    Tape<double> tape;
    auto e = tokens(tape);
    for (long i = 0; i < times; ++i) e = layer(e, keys);
    const std::vector<double> wanted = predicted(w);
    double most = 0;
    for (long i = 0; i < dy; ++i) {
      raise_to(most, std::abs(e.data()[N * (dx + dy) + dx + i] + wanted[static_cast<std::size_t>(i)]));
    }
    return most;
  }
};

}  // namespace

TEST_CASE("K layers make K steps of gradient descent, to 1e-10: one output and eight, from any weights") {
  for (const long dy : {1L, 8L}) {
    for (const bool from_zero : {true, false}) {
      const Setting at(12, dy, 45, from_zero);
      for (const long steps : {1L, 2L, 100L}) {
        CAPTURE(dy);
        CAPTURE(steps);
        CHECK(at.off(gradient_step(at.start, 0.2 / 45), steps, 45, at.descended(steps, 0.2)) < 1e-10);
        CHECK(at.off(gradient_step(at.start, 0.2 / 45), steps, 45, at.descended(steps, 0.21)) > 1e-5);
      }
    }
  }
}

TEST_CASE("with the query among the keys it is no step of gradient descent, unless the first prediction is 0") {
  const Setting any(5, 2, 7), zero(5, 2, 7, true);
  CHECK(any.off(gradient_step(any.start, 0.1), 1, 8, any.descended(1, 0.7)) > 1e-2);
  CHECK(zero.off(gradient_step(zero.start, 0.1), 1, 8, zero.descended(1, 0.7)) < 1e-12);
}

TEST_CASE("a layer with shrinkage takes its step from every x and moves it: GD++ by hand, to 1e-12") {
  const Setting at(4, 1, 6, true);
  const double rate = 0.05, shrink = 0.02;
  // Two uses by hand: y_j -= rate sum of y_i x_i'x_j, and x_j -= shrink sum of x_i x_i'x_j, all from what stood before.
  std::vector<std::vector<double>> x(7, std::vector<double>(4));
  std::vector<double> y = at.y;
  y.push_back(0);
  for (long j = 0; j < 7; ++j)
    for (long c = 0; c < 4; ++c) x[j][c] = j < 6 ? at.x[j * 4 + c] : at.q[c];
  for (int step = 0; step < 2; ++step) {
    auto new_x = x;
    auto new_y = y;
    for (int j = 0; j < 7; ++j) {
      for (int i = 0; i < 6; ++i) {
        double inner = 0;
        for (int c = 0; c < 4; ++c) inner += x[i][c] * x[j][c];
        new_y[j] -= rate * y[i] * inner;
        for (int c = 0; c < 4; ++c) new_x[j][c] -= shrink * x[i][c] * inner;
      }
    }
    x = new_x, y = new_y;
  }
  Matrix as_weights = primer::train::zeros(1, 4);  // that predict -y of the query
  double length = 0;
  for (int c = 0; c < 4; ++c) length += at.q[c] * at.q[c];
  for (int c = 0; c < 4; ++c) as_weights(0, c) = -y[6] * at.q[c] / length;
  CHECK(at.off(gradient_step(at.start, rate, shrink), 2, 6, as_weights) < 1e-12);
}

TEST_CASE("a layer is its two products: with them and with W_K = P = I it gives the same, to 1e-12") {
  const Setting at(3, 1, 5);
  Parameters<double> one, other;
  const LinearSelfAttention<double> layer(one, "layer", 4, 0.5), same(other, "layer", 4);
  one.build(3), other.build(3);
  write(same, products_of(layer));
  Tape<double> tape;
  const auto a = layer(at.tokens(tape), 5), b = same(at.tokens(tape), 5);
  for (long i = 0; i < a.size(); ++i) CHECK(std::abs(a.data()[i] - b.data()[i]) < 1e-12);
}
