#include "studies/context/contrast.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/ops/attention.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/reduce.h"
#include "autograd/random.h"

namespace primer::studies {

using autograd::Parameters, autograd::Tape, autograd::Tensor, train::Matrix;

/// a, then b, row by row.
static Matrix stacked(Matrix a, const Matrix& b) {
  a.rows += b.rows;
  a.values.insert(a.values.end(), b.values.begin(), b.values.end());
  return a;
}

std::vector<double> attended(const Views& views) {
  const Matrix keys = stacked(views.keys, views.own_keys), values = stacked(views.values, views.own_values);
  std::vector<double> found(values.columns, 0);
  double total = 0;
  for (long i = 0; i < keys.rows; ++i) {
    const double weight = std::exp(train::dot(keys.row(i), views.query.data(), keys.columns));
    for (long c = 0; c < values.columns; ++c) found[c] += weight * values(i, c);
    total += weight;
  }
  for (double& one : found) one /= total;
  return found;
}

DualModel::DualModel(const Views& views) : views_(views) {
  const long D = views.keys.columns, N = views.keys.rows, M = views.own_keys.rows, E = views.values.columns;
  const Matrix all = stacked(stacked(views.keys, views.own_keys), {1, D, views.query});
  Matrix gram = product(all, transposed(all));
  for (double& one : gram.values) one = std::exp(one);
  features_ = train::cholesky(gram);
  for (long i = 0; i < N + M; ++i) normaliser_ += gram(i, N + M);
  weights_ = train::zeros(E, N + M + 1);
  for (long j = 0; j < M; ++j) {
    for (long e = 0; e < E; ++e) {
      for (long r = 0; r <= N + M; ++r) weights_(e, r) += views.own_values(j, e) * features_(N + j, r) / normaliser_;
    }
  }
}

std::vector<double> DualModel::answer() const {
  const long R = features_.columns;
  return product(weights_, Matrix{R, 1, {features_.values.end() - R, features_.values.end()}}).values;
}

Matrix DualModel::gradient(std::span<const long> examples, double eta, double alpha) const {
  const long R = features_.columns, E = weights_.rows, n = static_cast<long>(examples.size());
  std::vector<double> phi, v;  // [n, R], [n, E]
  for (const long i : examples) {
    phi.insert(phi.end(), features_.row(i), features_.row(i) + R);
    v.insert(v.end(), views_.values.row(i), views_.values.row(i) + E);
  }
  Tape<double> tape;
  const Tensor<double> w = tape.input({E, R}, weights_.values);
  const Tensor<double> likeness = sum(multiply(tape.constant({n, E}, v), linear(tape.constant({n, R}, phi), w)));
  tape.backward(subtract(scale(sum(multiply(w, w)), alpha / (2 * eta)), scale(likeness, 1 / (eta * normaliser_))));
  return {E, R, {w.grad(), w.grad() + E * R}};
}

void DualModel::step(std::span<const long> examples, double eta, double alpha) {
  weights_ = sum(weights_, gradient(examples, eta, alpha), -eta);
}

template <class T>
ContrastAttention<T>::ContrastAttention(Parameters<T>& parameters, long D, const Changes& changes_, double deviation)
    : changes(changes_),
      query(parameters, "query", {D, D, false, deviation}),
      key(parameters, "key", {D, D, false, deviation}),
      value(parameters, "value", {D, D, false, deviation}) {
  const nn::FeedForwardOptions options{
      .channels = D, .hidden = 4 * D, .bias = false, .deviation = 0.3, .residual_deviation = 0.3};
  if (changes.keys) key_view.emplace(parameters, "key_view", options);
  if (changes.values) value_view.emplace(parameters, "value_view", options);
}

/// u + c W_2 GELU(W_1 u)
template <class T>
static Tensor<T> viewed(const nn::FeedForward<T>& g, Tensor<T> u, double c) {
  return add(u, scale(g({}, u), c));
}

/// M [B, N, N]: row i has 1 / |N(i)| at each negative j of example i, those with the least k_i'k_j, or with the least
/// of one number drawn for each i and j; k [B, N, D].
template <class T>
static Tensor<T> negatives(Tensor<T> k, const Changes& changes) {
  const long B = k.shape[0], N = k.shape[1], D = k.shape[2];
  const long count = std::clamp(std::lround(changes.share * N), 1L, N - 1);
  std::vector<T> mean(B * N * N, 0);
  std::vector<std::pair<T, long>> others;
  const autograd::Random random(1, autograd::hash("negatives"));
  for (long i = 0; i < B * N; ++i) {
    others.clear();
    for (long j = 0; j < N; ++j) {
      if (j == i % N) continue;
      const T *a = k.data() + i * D, *b = k.data() + (i / N * N + j) * D;
      const T least = changes.drawn ? T(random.uniform(i * N + j)) : std::inner_product(a, a + D, b, T(0));
      others.emplace_back(least, j);
    }
    std::nth_element(others.begin(), others.begin() + count - 1, others.end());
    for (long n = 0; n < count; ++n) mean[i * N + others[n].second] = T(1) / static_cast<T>(count);
  }
  return k.tape->constant({B, N, N}, mean);
}

template <class T>
Tensor<T> ContrastAttention<T>::operator()(Tensor<T> tokens) const {
  const long B = tokens.shape[0], N = tokens.shape[1] - 1;
  const Tensor<T> examples = slice(tokens, 1, 0, N), own = slice(tokens, 1, N, 1);
  Tensor<T> k = key(examples), v = value(examples);
  if (key_view) k = viewed(*key_view, k, *changes.keys);
  if (value_view) v = viewed(*value_view, v, *changes.values);
  if (changes.beta) v = subtract(v, scale(matmul(negatives(k, changes), v), *changes.beta));
  Tensor<T> pattern = attention_pattern(query(own), concat(k, key(own), 1), {});  // [B, 1, 1, N + 1]
  if (changes.alpha) {
    std::vector<T> counts(B * (N + 1), 1);
    for (long b = 0; b < B; ++b) counts[b * (N + 1) + N] -= static_cast<T>(*changes.alpha);
    pattern = multiply(pattern, tokens.tape->constant(pattern.shape, counts));
  }
  return attention_apply(pattern, concat(v, value(own), 1), {});
}

template struct ContrastAttention<float>;
template struct ContrastAttention<double>;

}  // namespace primer::studies
