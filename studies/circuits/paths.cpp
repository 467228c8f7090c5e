#include "studies/circuits/paths.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/linear.h"

namespace primer::studies {

using train::Head, train::Matrix, train::product, train::transposed;

template <class T>
Paths<T>::Paths(const nn::Model<T>& model, const data::Batch& batch)
    : model_(model),
      batch_(batch),
      patterns_(train::patterns_of(model, batch)),
      tokens_(train::token_rows_of(model, batch.tokens)),
      unembedding_(transposed(train::unembedding_of(model))) {}

template <class T>
Matrix Paths<T>::written(Head head, const Matrix& x) const {
  const auto weights = train::weights_of(model_, head);
  const Matrix values = product(x, transposed(weights.v));  // [B T, D]
  const std::vector<T>& pattern = patterns_[head.layer];
  const long L = batch_.length, H = model_.config().heads, D = values.columns;
  Matrix brought = train::zeros(values.rows, D);  // z_t = sum over s of A(t, s) v_s
  for (long b = 0; b < batch_.sequences; ++b)
    for (long t = 0; t < L; ++t) {
      const T* looks = pattern.data() + ((b * H + head.head) * L + t) * L;
      for (long s = 0; s < L; ++s) {
        const double a = static_cast<double>(looks[s]);
        if (a == 0) continue;
        for (long d = 0; d < D; ++d) brought(b * L + t, d) += a * values(b * L + s, d);
      }
    }
  return product(brought, transposed(weights.o));
}

template <class T>
Matrix Paths<T>::written(long layer, const Matrix& x) const {
  Matrix all = train::zeros(x.rows, x.columns);
  for (long h = 0; h < model_.config().heads; ++h) all = sum(std::move(all), written(Head{layer, h}, x));
  return all;
}

template <class T>
std::vector<double> Paths<T>::nats(const Matrix& x) const {
  const Matrix logits = product(x, unembedding_);  // [B T, V]
  std::vector<double> all;
  for (long i = 0; i < logits.rows; ++i) {
    const int target = batch_.targets[i];
    if (target < 0) continue;
    const double* row = logits.row(i);
    const double most = *std::max_element(row, row + logits.columns);
    double total = 0;
    for (long v = 0; v < logits.columns; ++v) total += std::exp(row[v] - most);
    all.push_back(std::log(total) + most - row[target]);
  }
  return all;
}

autograd::Tensor<float> FromTokens::see(std::string_view, std::string_view leaf, autograd::Tensor<float> x) {
  if (leaf == "output") return tokens_ = x;
  autograd::Tape<float>& tape = *x.tape;
  const long K = x.shape[2], rows = attention_.qkv.weight.shape[0];  // of queries, K keys, K values
  const auto weight = slice(on(tape, attention_.qkv.weight), 0, leaf == "k" ? rows - 2 * K : rows - K, K);
  const autograd::Tensor<float> made = linear(tokens_, weight);
  if (leaf == "v" || !attention_.positions) return made;
  const auto places = linear(slice(on(tape, attention_.positions), 0, 0, x.shape[1]), weight);
  return add(made, reshape(repeat(places, x.shape[0]), x.shape));
}

template class Paths<float>;
template class Paths<double>;

}  // namespace primer::studies
