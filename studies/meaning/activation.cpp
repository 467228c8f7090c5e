#include "studies/meaning/activation.h"

#include <algorithm>
#include <cmath>

#include "studies/kernels/smoother.h"

namespace primer::studies {

using train::dot, train::Matrix;

Matrix attend_along(const Matrix& weights, const Matrix& values) {
  Matrix q = weights;  // attention divides its scores by sqrt(N)
  for (double& w : q.values) w = std::sqrt(q.columns) * (w > 0 ? std::log(w) : -1e4);
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

Matrix retrieved(const Matrix& patterns, const Matrix& states, double beta) {
  Matrix q = states;  // attention divides its scores by sqrt(D)
  for (double& x : q.values) x *= beta * std::sqrt(states.columns);
  return attention_of(q, patterns, patterns);
}

std::vector<double> energies(const Matrix& patterns, const Matrix& states, double beta) {
  const Matrix scores = product(states, transposed(patterns));  // [N, M]
  std::vector<double> found;
  for (long i = 0; i < states.rows; ++i) {
    const double *row = scores.row(i), *xi = states.row(i);
    const double most = *std::max_element(row, row + scores.columns);
    double sum = 0;
    for (long j = 0; j < scores.columns; ++j) sum += std::exp(beta * (row[j] - most));
    found.push_back(-most - std::log(sum) / beta + dot(xi, xi, states.columns) / 2);
  }
  return found;
}

std::vector<double> cosines(const Matrix& a, const Matrix& b) {
  std::vector<double> found;
  for (long i = 0; i < a.rows; ++i) {
    const double *x = a.row(i), *y = b.row(i);
    found.push_back(dot(x, y, a.columns) / std::sqrt(dot(x, x, a.columns) * dot(y, y, a.columns)));
  }
  return found;
}

}  // namespace primer::studies
