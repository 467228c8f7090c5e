#include "studies/circuits/heads.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "autograd/error.h"
#include "nn/transformer.h"
#include "studies/lab/fit.h"

namespace primer::studies {

namespace {

std::string name_of(std::string_view path, std::string_view leaf) {
  return std::string(path) + "." + std::string(leaf);
}

std::string attention_path(long layer) { return "blocks." + std::to_string(layer) + ".attention"; }

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

}  // namespace

template <class T>
bool Recorder<T>::wants(std::string_view path, std::string_view leaf) {
  return names_.contains(name_of(path, leaf));
}

template <class T>
autograd::Tensor<T> Recorder<T>::see(std::string_view path, std::string_view leaf, autograd::Tensor<T> x) {
  seen_[name_of(path, leaf)] = {x.data(), x.data() + x.size()};
  return x;
}

template <class T>
std::vector<std::vector<T>> patterns_of(const nn::Model<T>& model, const data::Batch& batch) {
  std::set<std::string> names;
  for (long i = 0; i < model.body->attention_layers(); ++i) names.insert(attention_path(i) + ".pattern");
  Recorder<T> recorder(names);
  logits_of(model, batch, &recorder);
  std::vector<std::vector<T>> patterns;
  for (long i = 0; i < model.body->attention_layers(); ++i) {
    patterns.push_back(recorder.values(attention_path(i) + ".pattern"));
  }
  return patterns;
}

template <class T>
WithoutHeads<T>::WithoutHeads(const nn::Model<T>& model, std::set<Head> heads,
                              const std::vector<std::vector<T>>* patterns)
    : config_(model.config()), heads_(std::move(heads)), patterns_(patterns) {}

template <class T>
bool WithoutHeads<T>::wants(std::string_view, std::string_view leaf) {
  return leaf == "z" || (patterns_ && leaf == "pattern");
}

template <class T>
autograd::Tensor<T> WithoutHeads<T>::see(std::string_view path, std::string_view leaf, autograd::Tensor<T> x) {
  for (long layer = 0; layer < config_.layers; ++layer) {
    if (path != attention_path(layer)) continue;
    if (leaf == "pattern") return x.tape->constant(x.shape, (*patterns_)[static_cast<std::size_t>(layer)]);
    std::vector<T> z(x.data(), x.data() + x.size());  // [B, T, H D]
    const long D = config_.head_channels(), width = config_.heads * D;
    for (const Head& head : heads_) {
      if (head.layer != layer) continue;
      for (long row = 0; row < x.size() / width; ++row) std::fill_n(z.begin() + row * width + head.head * D, D, T(0));
    }
    return x.tape->constant(x.shape, z);
  }
  return x;
}

template <class T>
std::vector<double> spent_on(const std::vector<T>& pattern, const data::Batch& batch, long heads,
                             const std::function<bool(long, long, long)>& wanted) {
  const long length = batch.length;
  std::vector<double> sums(static_cast<std::size_t>(heads), 0);
  double rows = 0;
  for (long b = 0; b < batch.sequences; ++b) {
    for (long t = 0; t < length; ++t) {
      std::vector<long> picked;
      for (long s = 0; s <= t; ++s) {
        if (wanted(b, t, s)) picked.push_back(s);
      }
      rows += picked.empty() ? 0 : 1;
      for (long h = 0; h < heads; ++h) {
        const T* row = pattern.data() + ((b * heads + h) * length + t) * length;
        for (const long s : picked) sums[static_cast<std::size_t>(h)] += static_cast<double>(row[s]);
      }
    }
  }
  for (double& sum : sums) sum /= rows;
  return sums;
}

template <class T>
std::vector<double> previous_token_scores(const std::vector<T>& pattern, const data::Batch& batch, long heads) {
  return spent_on(pattern, batch, heads, [](long, long t, long s) { return s == t - 1; });
}

template <class T>
std::vector<double> prefix_scores(const std::vector<T>& pattern, const data::Batch& batch, long heads) {
  return spent_on(pattern, batch, heads, [&](long b, long t, long s) {
    const int* x = batch.tokens.data() + b * batch.length;
    return s > 0 && x[s - 1] == x[t];
  });
}

template <class T>
HeadWeights weights_of(const nn::Model<T>& model, Head head) {
  const auto& attention = transformer_of(model).blocks.at(static_cast<std::size_t>(head.layer)).attention;
  const nn::ModelConfig& c = model.config();
  const long D = c.head_channels(), H = c.heads, K = c.key_channels() / D, group = head.head * K / H, C = c.channels;
  const T* qkv = attention.qkv.weight.data();  // [(H + 2 K) D, C]
  return {part(qkv, C, head.head * D, D, 0, C), part(qkv, C, (H + group) * D, D, 0, C),
          part(qkv, C, (H + K + group) * D, D, 0, C),
          part(attention.output.weight.data(), H * D, 0, C, head.head * D, D)};
}

template <class T>
Matrix token_rows_of(const nn::Model<T>& model) {
  return part(model.body->token_rows().data(), model.config().channels, 0, model.config().vocabulary, 0,
              model.config().channels);
}

template <class T>
Matrix unembedding_of(const nn::Model<T>& model) {
  return part(model.token->weight.data(), model.config().channels, 0, model.config().vocabulary, 0,
              model.config().channels);
}

double positivity(const Matrix& square) {
  double sum = 0, sizes = 0;
  for (const std::complex<double>& value : eigenvalues(square)) {
    sum += value.real();
    sizes += std::abs(value);
  }
  return sum / sizes;
}

template <class T>
double ov_positivity(const nn::Model<T>& model, Head head) {
  const HeadWeights w = weights_of(model, head);
  return positivity(product(product(w.v, transposed(token_rows_of(model))), product(unembedding_of(model), w.o)));
}

template <class T>
double copying_score(const nn::Model<T>& model, Head head) {
  const HeadWeights w = weights_of(model, head);
  const Matrix raised =  // [V, V]: what looking at the token of a column adds to the logit of a row
      product(product(unembedding_of(model), w.o), product(w.v, transposed(token_rows_of(model))));
  double share = 0;
  for (long token = 0; token < raised.columns; ++token) {
    double mean = 0, above = 0;
    for (long v = 0; v < raised.rows; ++v) mean += raised(v, token) / static_cast<double>(raised.rows);
    for (long v = 0; v < raised.rows; ++v) above += std::max(0.0, raised(v, token) - mean);
    share += std::max(0.0, raised(token, token) - mean) / above;
  }
  return 2 * share / static_cast<double>(raised.columns) - 1;
}

double composition(const Matrix& a, const Matrix& b) {
  return frobenius_norm(product(a, b)) / (frobenius_norm(a) * frobenius_norm(b));
}

template <class T>
Composition composition_of(const nn::Model<T>& model, Head later, Head earlier) {
  const HeadWeights l = weights_of(model, later), e = weights_of(model, earlier);
  const Matrix written = product(e.o, e.v), qk = product(transposed(l.q), l.k);  // [C, C]: W_OV, W_QK
  return {composition(transposed(qk), written), composition(qk, written), composition(product(l.o, l.v), written)};
}

#define PRIMER_HEADS(T)                                                                                \
  template class Recorder<T>;                                                                          \
  template class WithoutHeads<T>;                                                                      \
  template std::vector<std::vector<T>> patterns_of(const nn::Model<T>&, const data::Batch&);           \
  template std::vector<double> spent_on(const std::vector<T>&, const data::Batch&, long,               \
                                        const std::function<bool(long, long, long)>&);                 \
  template std::vector<double> previous_token_scores(const std::vector<T>&, const data::Batch&, long); \
  template std::vector<double> prefix_scores(const std::vector<T>&, const data::Batch&, long);         \
  template HeadWeights weights_of(const nn::Model<T>&, Head);                                          \
  template Matrix token_rows_of(const nn::Model<T>&);                                                  \
  template Matrix unembedding_of(const nn::Model<T>&);                                                 \
  template double ov_positivity(const nn::Model<T>&, Head);                                            \
  template double copying_score(const nn::Model<T>&, Head);                                            \
  template Composition composition_of(const nn::Model<T>&, Head, Head)
PRIMER_HEADS(float);
PRIMER_HEADS(double);
#undef PRIMER_HEADS

}  // namespace primer::studies
