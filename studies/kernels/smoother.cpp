#include "studies/kernels/smoother.h"

#include <algorithm>
#include <cmath>

#include "autograd/error.h"
#include "autograd/ops/attention.h"
#include "autograd/random.h"

namespace primer::studies {

using train::Matrix;

namespace {

autograd::Tensor<double> on_tape(autograd::Tape<double>& tape, const Matrix& x) {
  return tape.constant({1, x.rows, x.columns}, x.values);
}

double squared_length(const double* x, long size) {
  double sum = 0;
  for (long d = 0; d < size; ++d) sum += x[d] * x[d];
  return sum;
}

}  // namespace

Matrix pattern_of(const Matrix& q, const Matrix& k, bool causal) {
  autograd::Tape<double> tape;
  const auto a = attention_pattern(on_tape(tape, q), on_tape(tape, k), {.heads = 1, .causal = causal});
  return {q.rows, k.rows, {a.data(), a.data() + a.size()}};
}

Matrix attention_of(const Matrix& q, const Matrix& k, const Matrix& v, bool causal) {
  autograd::Tape<double> tape;
  const auto z = attention(on_tape(tape, q), on_tape(tape, k), on_tape(tape, v), {.heads = 1, .causal = causal});
  return {q.rows, v.columns, {z.data(), z.data() + z.size()}};
}

std::vector<double> key_prior(const Matrix& k, double t) {
  std::vector<double> prior;
  for (long j = 0; j < k.rows; ++j) {
    prior.push_back(squared_length(k.values.data() + j * k.columns, k.columns) / (2 * t));
  }
  return prior;
}

Matrix smoother_weights(const Matrix& q, const Matrix& k, double t, const std::vector<double>& prior, bool causal) {
  Matrix weights = train::zeros(q.rows, k.rows);
  std::vector<double> logs(static_cast<std::size_t>(k.rows));
  for (long i = 0; i < q.rows; ++i) {
    const long keys = causal ? i + 1 : k.rows;
    for (long j = 0; j < keys; ++j) {
      double squared = 0;  // |q - k|^2
      for (long d = 0; d < q.columns; ++d) squared += (q(i, d) - k(j, d)) * (q(i, d) - k(j, d));
      const auto key = static_cast<std::size_t>(j);
      logs[key] = (prior.empty() ? 0 : prior[key]) - squared / (2 * t);
    }
    const double most = *std::max_element(logs.begin(), logs.begin() + keys);
    double sum = 0;
    for (long j = 0; j < keys; ++j) sum += weights(i, j) = std::exp(logs[static_cast<std::size_t>(j)] - most);
    for (long j = 0; j < keys; ++j) weights(i, j) /= sum;
  }
  return weights;
}

Matrix gram_of(const Matrix& k, double t) {
  Matrix gram = product(k, transposed(k));
  for (double& x : gram.values) x = std::exp(x / t);
  return gram;
}

double least_pivot(const Matrix& gram) {
  try {
    const Matrix l = train::cholesky(gram);
    double least = INFINITY;
    for (long i = 0; i < l.rows; ++i) least = std::min(least, l(i, i) * l(i, i));
    return least;
  } catch (const autograd::Error&) {
    return 0;  // not positive definite
  }
}

Matrix normal_rows(long rows, long columns, std::uint64_t seed) {
  const autograd::Random random(seed, autograd::hash("normal rows"));
  Matrix x = train::zeros(rows, columns);
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] = random.normal(i);
  return x;
}

Matrix of_length(Matrix rows, double length) {
  for (long i = 0; i < rows.rows; ++i) {
    double* row = rows.values.data() + i * rows.columns;
    const double factor = length / std::sqrt(squared_length(row, rows.columns));
    for (long d = 0; d < rows.columns; ++d) row[d] *= factor;
  }
  return rows;
}

double furthest(const Matrix& a, const Matrix& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) most = std::max(most, std::abs(a.values[i] - b.values[i]));
  return most;
}

double moved(const Matrix& a, const Matrix& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += std::abs(a.values[i] - b.values[i]) / 2;
  return sum / static_cast<double>(a.rows);
}

}  // namespace primer::studies
