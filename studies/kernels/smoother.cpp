#include "studies/kernels/smoother.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/attention.h"
#include "autograd/random.h"
#include "studies/lab/estimate.h"

namespace primer::studies {

using train::dot, train::Matrix;

namespace {

autograd::Tensor<double> on_tape(autograd::Tape<double>& tape, const Matrix& x) {
  return tape.constant({1, x.rows, x.columns}, x.values);
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
    prior.push_back(dot(k.row(j), k.row(j), k.columns) / (2 * t));
  }
  return prior;
}

Matrix smoother_weights(const Matrix& q, const Matrix& k, double t, const std::vector<double>& prior, bool causal) {
  Matrix weights = train::zeros(q.rows, k.rows);
  std::vector<double> logs(k.rows);
  for (long i = 0; i < q.rows; ++i) {
    const long keys = causal ? i + 1 : k.rows;
    for (long j = 0; j < keys; ++j) {
      double squared = 0;  // |q - k|^2
      for (long d = 0; d < q.columns; ++d) squared += (q(i, d) - k(j, d)) * (q(i, d) - k(j, d));
      logs[j] = (prior.empty() ? 0 : prior[j]) - squared / (2 * t);
    }
    const double most = *std::max_element(logs.begin(), logs.begin() + keys);
    double sum = 0;
    for (long j = 0; j < keys; ++j) sum += weights(i, j) = std::exp(logs[j] - most);
    for (long j = 0; j < keys; ++j) weights(i, j) /= sum;
  }
  return weights;
}

Matrix normal_rows(long rows, long columns, std::uint64_t seed) {
  const autograd::Random random(seed, autograd::hash("normal rows"));
  Matrix x = train::zeros(rows, columns);
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] = random.normal(i);
  return x;
}

Matrix of_length(Matrix rows, double length) {
  for (long i = 0; i < rows.rows; ++i) {
    double* row = rows.row(i);
    const double factor = length / std::sqrt(dot(row, row, rows.columns));
    for (long d = 0; d < rows.columns; ++d) row[d] *= factor;
  }
  return rows;
}

double furthest(const Matrix& a, const Matrix& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) raise_to(most, std::abs(a.values[i] - b.values[i]));
  return most;
}

double total_variation(const Matrix& a, const Matrix& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += std::abs(a.values[i] - b.values[i]) / 2;
  return sum / a.rows;
}

}  // namespace primer::studies
