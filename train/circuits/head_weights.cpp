#include "train/circuits/head_weights.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <iterator>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "autograd/error.h"
#include "nn/transformer.h"

namespace primer::train {

namespace {

template <class T>
const nn::Transformer<T>& transformer_of(const nn::Model<T>& model) {
  const auto* body = dynamic_cast<const nn::Transformer<T>*>(model.body.get());
  if (!body) autograd::refuse("circuits", "a model without attention has no heads");
  return *body;
}

/// Rows first ... first + rows - 1 and columns likewise, of numbers [., width].
template <class T>
Matrix part(const T* numbers, long width, long first, long rows, long column, long columns) {
  Matrix m = zeros(rows, columns);
  for (long i = 0; i < rows; ++i) {
    for (long j = 0; j < columns; ++j) m(i, j) = static_cast<double>(numbers[(first + i) * width + column + j]);
  }
  return m;
}

/// Rows of a table [., C] in double.
template <class T>
Matrix rows_of(autograd::Tensor<T> table, std::span<const int> rows) {
  const long C = table.shape[1];
  if (rows.empty()) return part(table.data(), C, 0, table.shape[0], 0, C);
  Matrix m = zeros(static_cast<long>(rows.size()), C);
  for (long i = 0; i < m.rows; ++i) {
    for (long c = 0; c < C; ++c) m(i, c) = static_cast<double>(table.data()[rows[static_cast<std::size_t>(i)] * C + c]);
  }
  return m;
}

/// Weights [., C] that read what a norm makes, as they read its input, but for what the norm divides by.
template <class T>
Matrix folded(Matrix w, const std::optional<nn::Norm<T>>& norm) {
  if (!norm) return w;
  for (long i = 0; i < w.rows; ++i) {
    double mean = 0;
    for (long c = 0; c < w.columns; ++c) {
      w(i, c) *= static_cast<double>(norm->weight.data()[c]);
      mean += w(i, c) / static_cast<double>(w.columns);
    }
    switch (norm->kind) {
      case nn::NormKind::rms: break;
      case nn::NormKind::layer:
        for (long c = 0; c < w.columns; ++c) w(i, c) -= mean;  // w (x - mean x) = (w - mean w) x
    }
  }
  return w;
}

/// Row i times gain[i], where there are gains.
template <class T>
Matrix scaled_rows(Matrix w, autograd::Tensor<T> gain) {
  if (!gain) return w;
  for (long i = 0; i < w.rows; ++i) {
    for (long c = 0; c < w.columns; ++c) w(i, c) *= static_cast<double>(gain.data()[i]);
  }
  return w;
}

struct Stronger {
  bool operator()(const RaisedToken& a, const RaisedToken& b) const {
    return std::tuple(-a.logit, a.source, a.raised) < std::tuple(-b.logit, b.source, b.raised);
  }
};

void add_to(Matrix& sum, const Matrix& more) {
  for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += more.values[i];
}

}  // namespace

template <class T>
HeadWeights weights_of(const nn::Model<T>& model, Head head) {
  const nn::Block<T>& block = transformer_of(model).blocks.at(static_cast<std::size_t>(head.layer));
  const nn::SelfAttention<T>& attention = block.attention;
  const nn::ModelConfig& c = model.config();
  const long D = c.head_channels(), H = c.heads, K = c.key_channels() / D, group = head.head * K / H, C = c.channels;
  const auto norm = c.norm == nn::NormPlace::pre ? block.attention_norm : std::nullopt;
  const auto reading = [&](long first) {  // of qkv [(H + 2 K) D, C]
    return folded(part(attention.qkv.weight.data(), C, first * D, D, 0, C), norm);
  };
  return {scaled_rows(reading(head.head), attention.q_norm), scaled_rows(reading(H + group), attention.k_norm),
          reading(H + K + group), part(attention.output.weight.data(), H * D, 0, C, head.head * D, D)};
}

template <class T>
Matrix token_rows_of(const nn::Model<T>& model, std::span<const int> tokens) {
  return rows_of(model.body->token_rows(), tokens);
}

template <class T>
Matrix unembedding_of(const nn::Model<T>& model, std::span<const int> tokens) {
  if (!model.token) autograd::refuse("circuits", "this model has no head that predicts every token");
  return folded(rows_of(model.token->weight, tokens), transformer_of(model).norm);
}

template <class T>
TokenSums token_sums_of(const nn::Model<T>& model) {
  const long C = model.config().channels, V = model.config().vocabulary, strip = 512;
  TokenSums sums{zeros(C, C), model.token ? zeros(C, C) : Matrix{}};
  std::vector<int> tokens;
  for (long first = 0; first < V; first += strip) {
    tokens.resize(static_cast<std::size_t>(std::min(strip, V - first)));
    std::iota(tokens.begin(), tokens.end(), static_cast<int>(first));
    const Matrix rows = token_rows_of(model, tokens), columns = transposed(rows);
    add_to(sums.seen, product(columns, rows));
    if (model.token) add_to(sums.raised, product(columns, unembedding_of(model, tokens)));
  }
  return sums;
}

double positivity(const Matrix& square) {
  double sum = 0, sizes = 0;
  for (const std::complex<double>& value : eigenvalues(square)) {
    sum += value.real();
    sizes += std::abs(value);
  }
  return sum / sizes;
}

double ov_positivity(const HeadWeights& head, const TokenSums& tokens) {
  return positivity(product(product(head.v, tokens.raised), head.o));
}

template <class T>
double ov_positivity(const nn::Model<T>& model, Head head) {
  return ov_positivity(weights_of(model, head), token_sums_of(model));
}

double qk_positivity(const HeadWeights& head, const TokenSums& tokens) {
  return positivity(product(product(head.k, tokens.seen), transposed(head.q)));
}

Copying copying_of(const HeadWeights& head, const Matrix& rows, const Matrix& unembedding, long strongest, long strip) {
  const long n = rows.rows, D = head.v.rows;
  const Matrix brought = product(rows, transposed(head.v));         // [n, D]
  const Matrix raising = transposed(product(unembedding, head.o));  // [D, n]
  double share = 0;
  std::set<RaisedToken, Stronger> kept;
  for (long first = 0; first < n; first += strip) {
    const long sources = std::min(strip, n - first);
    const Matrix logits = product(part(brought.values.data(), D, first, sources, 0, D), raising);  // [sources, n]
    for (long i = 0; i < sources; ++i) {
      const double* row = logits.values.data() + i * n;
      const double mean = std::accumulate(row, row + n, 0.0) / static_cast<double>(n);
      double above = 0;
      for (long j = 0; j < n; ++j) {
        const RaisedToken one{first + i, j, row[j] - mean};
        above += std::max(0.0, one.logit);
        const bool is_full = static_cast<long>(kept.size()) >= strongest;
        if (is_full && (kept.empty() || !Stronger{}(one, *kept.rbegin()))) continue;
        kept.insert(one);
        if (is_full) kept.erase(std::prev(kept.end()));
      }
      share += std::max(0.0, row[first + i] - mean) / above;
    }
  }
  return {2 * share / static_cast<double>(n) - 1, {kept.begin(), kept.end()}};
}

template <class T>
double copying_score(const nn::Model<T>& model, Head head) {
  return copying_of(weights_of(model, head), token_rows_of(model), unembedding_of(model), 0).score;
}

HeadFactors::HeadFactors(HeadWeights head)
    : weights(std::move(head)),
      q(qr(transposed(weights.q)).r),
      k(qr(transposed(weights.k)).r),
      v(qr(transposed(weights.v)).r),
      o(qr(weights.o).r),
      qk(frobenius_norm(product(q, transposed(k)))),
      ov(frobenius_norm(product(o, transposed(v)))) {}

// ||A M B|| of A = Q_A R_A and B^T = Q_B R_B is ||R_A M R_B^T||.
Composition composition_of(const HeadFactors& later, const HeadFactors& earlier) {
  const auto norm = [&](const Matrix& reader, const Matrix& read) {
    return frobenius_norm(product(product(reader, product(read, earlier.weights.o)), transposed(earlier.v)));
  };
  return {norm(later.k, later.weights.q) / (later.qk * earlier.ov),
          norm(later.q, later.weights.k) / (later.qk * earlier.ov),
          norm(later.o, later.weights.v) / (later.ov * earlier.ov)};
}

template <class T>
Composition composition_of(const nn::Model<T>& model, Head later, Head earlier) {
  return composition_of(HeadFactors(weights_of(model, later)), HeadFactors(weights_of(model, earlier)));
}

#define PRIMER_HEAD_WEIGHTS(T)                                               \
  template HeadWeights weights_of(const nn::Model<T>&, Head);                \
  template Matrix token_rows_of(const nn::Model<T>&, std::span<const int>);  \
  template Matrix unembedding_of(const nn::Model<T>&, std::span<const int>); \
  template TokenSums token_sums_of(const nn::Model<T>&);                     \
  template double ov_positivity(const nn::Model<T>&, Head);                  \
  template double copying_score(const nn::Model<T>&, Head);                  \
  template Composition composition_of(const nn::Model<T>&, Head, Head)
PRIMER_HEAD_WEIGHTS(float);
PRIMER_HEAD_WEIGHTS(double);
#undef PRIMER_HEAD_WEIGHTS

}  // namespace primer::train
