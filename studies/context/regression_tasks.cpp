#include "studies/context/regression_tasks.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/random.h"
#include "train/circuits/linear_algebra.h"

namespace primer::studies {

using train::dot, train::Matrix;

double Tasks::exact(long b, long i) const { return dot(w.data() + b * inputs, x_of(b, i), inputs); }

Tasks Tasks::part(long b, long first, long n) const {
  const auto from = x.begin() + (b * points + first) * inputs, own = w.begin() + b * inputs;
  const auto answers = y.begin() + b * points + first;
  return {1, n, inputs, {from, from + n * inputs}, {answers, answers + n}, {own, own + inputs}};
}

Tasks Tasks::scaled(double of_x, double of_w) const {
  Tasks larger = *this;
  for (double& one : larger.x) one *= of_x;
  for (double& one : larger.w) one *= of_w;
  for (double& one : larger.y) one *= of_x * of_w;
  return larger;
}

Tasks Tasks::with_others_examples() const {
  Tasks mixed = *this;
  std::rotate(mixed.y.begin(), mixed.y.begin() + points, mixed.y.end());
  for (std::size_t i = points - 1; i < y.size(); i += points) mixed.y[i] = y[i];
  return mixed;
}

Tasks Regression::draw(std::uint64_t seed, long step, long count) const {
  Tasks tasks{count, points, inputs};
  const auto random = [&](const char* of) { return autograd::Random(seed, autograd::hash(of), step); };
  const autograd::Random of_x = random("regression.x"), of_w = random("regression.w"), of_y = random("regression.y");
  tasks.x.resize(count * points * inputs);
  tasks.w.resize(count * inputs);
  std::array<std::uint32_t, 4> words{};  // numbers 4 k ... 4 k + 3
  for (std::size_t i = 0; i < tasks.x.size(); ++i) {
    if (range > 0 && i % 4 == 0) words = of_x.block(i / 4);
    tasks.x[i] = range > 0 ? range * (2 * (words[i % 4] * 0x1p-32) - 1) : of_x.normal(i);
  }
  for (std::size_t i = 0; i < tasks.w.size(); ++i) tasks.w[i] = of_w.normal(i);
  for (long b = 0; b < count; ++b) {
    for (long i = 0; i < points; ++i) {
      tasks.y.push_back(tasks.exact(b, i) + (noise > 0 ? noise * of_y.normal(b * points + i) : 0));
    }
  }
  return tasks;
}

BestStep best_step(const Regression& from, long N) {
  const double a2 = from.range * from.range, s = from.range > 0 ? a2 / 3 : 1, m = from.range > 0 ? a2 * a2 / 5 : 3;
  const double d = from.inputs, n = N;
  const double trace = (d * m + d * (d - 1) * s * s) / n + (1 - 1 / n) * d * s * s;
  const double rate = d * s / (trace + from.noise * from.noise * d * s / n);
  return {rate, s * (d - d * s * rate) / 2};
}

std::vector<double> one_step(const Tasks& tasks, long b, long k, double eta) {
  std::vector<double> w(tasks.inputs, 0);
  for (long i = 0; i < k; ++i) {
    const double share = eta / k * tasks.y_of(b, i);
    for (long c = 0; c < tasks.inputs; ++c) w[c] += share * tasks.x_of(b, i)[c];
  }
  return w;
}

// (X'X + lambda I) w = X'y [d, d], or w = X' (X X' + lambda I)^-1 y [k, k], whichever is smaller: with lambda = 0 the
// larger one has no inverse. Either by Cholesky's factor, a = L L'.
std::vector<double> ridge(const Tasks& tasks, long b, long k, double lambda) {
  const long d = tasks.inputs, n = std::min(k, d);
  const bool by_examples = k < d;
  Matrix a = train::zeros(n, n);
  std::vector<double> w(d, 0), z;
  if (k == 0) return w;
  if (by_examples) {
    for (long i = 0; i < k; ++i) {
      z.push_back(tasks.y_of(b, i));
      for (long j = 0; j < k; ++j) a(i, j) = dot(tasks.x_of(b, i), tasks.x_of(b, j), d);
    }
  } else {
    z = one_step(tasks, b, k, k);  // X'y
    for (long i = 0; i < k; ++i) {
      for (long c = 0; c < d * d; ++c) a(c / d, c % d) += tasks.x_of(b, i)[c / d] * tasks.x_of(b, i)[c % d];
    }
  }
  for (long i = 0; i < n; ++i) a(i, i) += lambda;
  const Matrix l = train::cholesky(a);
  for (long i = 0; i < n; ++i) {  // L u = z
    for (long j = 0; j < i; ++j) z[i] -= l(i, j) * z[j];
    z[i] /= l(i, i);
  }
  for (long i = n - 1; i >= 0; --i) {  // L'v = u
    for (long j = i + 1; j < n; ++j) z[i] -= l(j, i) * z[j];
    z[i] /= l(i, i);
  }
  if (!by_examples) return z;
  for (long i = 0; i < k; ++i) {
    for (long c = 0; c < d; ++c) w[c] += z[i] * tasks.x_of(b, i)[c];
  }
  return w;
}

template <class T>
autograd::Tensor<T> pair_tokens(autograd::Tape<T>& tape, const Tasks& tasks, bool wants_gradient) {
  const long d = tasks.inputs;
  std::vector<T> tokens;  // [B, n, d + 1]
  for (long b = 0; b < tasks.count; ++b) {
    for (long i = 0; i < tasks.points; ++i) {
      tokens.insert(tokens.end(), tasks.x_of(b, i), tasks.x_of(b, i) + d);
      tokens.push_back(i + 1 < tasks.points ? static_cast<T>(tasks.y_of(b, i)) : T(0));
    }
  }
  const autograd::Shape shape{tasks.count, tasks.points, d + 1};
  return wants_gradient ? tape.input(shape, tokens) : tape.constant(shape, tokens);
}

template <class T>
autograd::Tensor<T> last_y(autograd::Tape<T>& tape, const Tasks& tasks) {
  std::vector<T> y;
  for (long b = 0; b < tasks.count; ++b) y.push_back(static_cast<T>(tasks.y_of(b, tasks.points - 1)));
  return tape.constant({tasks.count, 1}, y);
}

template autograd::Tensor<float> pair_tokens(autograd::Tape<float>&, const Tasks&, bool);
template autograd::Tensor<double> pair_tokens(autograd::Tape<double>&, const Tasks&, bool);
template autograd::Tensor<float> last_y(autograd::Tape<float>&, const Tasks&);
template autograd::Tensor<double> last_y(autograd::Tape<double>&, const Tasks&);

}  // namespace primer::studies
