#include "studies/meaning/activation.h"

#include <algorithm>
#include <cmath>

#include "studies/circuits/paths.h"
#include "studies/kernels/smoother.h"

namespace primer::studies {

using train::Matrix;

Matrix attend_along(const Matrix& weights, const Matrix& values) {
  Matrix q = weights;  // attention divides its scores by sqrt(N)
  for (double& w : q.values) w = std::sqrt(static_cast<double>(q.columns)) * (w > 0 ? std::log(w) : -1e4);
  return attention_of(q, train::identity(q.columns), values);  // e^-10000 is 0
}

Matrix spread(const Matrix& weights, double rate, long steps) {
  Matrix x = train::identity(weights.rows);
  for (long i = 0; i < steps; ++i) {
    const Matrix brought = attend_along(weights, x);
    for (double& value : x.values) value *= 1 - rate;
    x = sum(std::move(x), brought, rate);
  }
  return x;
}

std::vector<double> walked(const Matrix& weights, double rate, long steps, long start) {
  const auto N = static_cast<std::size_t>(weights.rows);
  std::vector<double> a(N, 0), degrees(N, 0);
  a[static_cast<std::size_t>(start)] = 1;
  for (std::size_t i = 0; i < weights.values.size(); ++i) degrees[i / N] += weights.values[i];
  for (long step = 0; step < steps; ++step) {
    std::vector<double> next(N);
    for (std::size_t i = 0; i < N; ++i) {
      next[i] += (1 - rate) * a[i];
      for (std::size_t j = 0; j < N; ++j) next[j] += rate * a[i] * weights.values[i * N + j] / degrees[i];
    }
    a = next;
  }
  return a;
}

Matrix retrieved(const Matrix& patterns, const Matrix& states, double beta) {
  Matrix q = states;  // attention divides its scores by sqrt(D)
  for (double& x : q.values) x *= beta * std::sqrt(static_cast<double>(states.columns));
  return attention_of(q, patterns, patterns);
}

std::vector<double> energies(const Matrix& patterns, const Matrix& states, double beta) {
  const Matrix scores = product(states, transposed(patterns));  // [N, M]
  std::vector<double> found;
  for (long i = 0; i < states.rows; ++i) {
    const double* row = scores.values.data() + i * scores.columns;
    const double most = *std::max_element(row, row + scores.columns);
    double sum = 0, squared = 0;
    for (long j = 0; j < scores.columns; ++j) sum += std::exp(beta * (row[j] - most));
    for (long d = 0; d < states.columns; ++d) squared += states(i, d) * states(i, d);
    found.push_back(-most - std::log(sum) / beta + squared / 2);
  }
  return found;
}

std::vector<double> cosines(const Matrix& a, const Matrix& b) {
  std::vector<double> found;
  for (long i = 0; i < a.rows; ++i) {
    double ab = 0, aa = 0, bb = 0;
    for (long d = 0; d < a.columns; ++d) ab += a(i, d) * b(i, d), aa += a(i, d) * a(i, d), bb += b(i, d) * b(i, d);
    found.push_back(ab / std::sqrt(aa * bb));
  }
  return found;
}

}  // namespace primer::studies
