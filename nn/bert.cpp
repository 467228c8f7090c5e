#include "nn/bert.h"

#include <algorithm>

#include "autograd/ops/activate.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "nn/counted_rows.h"

namespace primer::nn {

template <class T>
Tensor<T> mean_of_real(Tensor<T> x, std::span<const int> lengths) {
  const long B = x.shape[0], places = x.shape[1];
  Tape<T>& tape = *x.tape;
  const std::span<T> weights(tape.template keep<T>(B * places), B * places);  // [B, 1, T]
  tape.each(B, [=](long b) {
    const long real = lengths.empty() ? places : lengths[b];
    std::fill_n(weights.begin() + b * places, real, T(1) / static_cast<T>(real));
    std::fill_n(weights.begin() + b * places + real, places - real, T(0));
  });
  const Tensor<T> mean = matmul(tape.constant({B, 1, places}, weights), x);  // [B, 1, C]
  return reshape(mean, {B, x.shape[2]});
}

template <class T>
Tensor<T> Bert<T>::transformed(Tensor<T> x) const {
  if (!decoder) autograd::refuse("bert", "this model has no head that fills gaps");
  return transform_norm(activate(transform(x), config.activation));
}

template <class T>
Tensor<T> Bert<T>::logits(Tensor<T> x) const {
  return linear(transformed(x), decoder, decoder_bias);
}

template <class T>
Tensor<T> Bert<T>::pooled(Tensor<T> x, std::span<const int> lengths) const {
  if (!config.pooling) autograd::refuse("bert", "this model sums no sequence up");
  if (config.pooling == Pooling::mean) return mean_of_real(x, lengths);
  const long B = x.shape[0], C = x.shape[2];
  return tanh(pooler(reshape(slice(x, 1, 0, 1), {B, C})));
}

template <class T>
Tensor<T> Bert<T>::label_logits(Tensor<T> pooled) const {
  if (!labels.weight) autograd::refuse("bert", "this model has no classes");
  return labels(dropout(pooled, {config.dropout, autograd::hash("label.dropout")}));
}

template <class T>
Tensor<T> Bert<T>::loss(Tape<T>& tape, const Sequences& in, const BertTargets& wanted, Score* tokens,
                        Score* label_score) const {
  if (!wanted.tokens.empty())
    autograd::expect_count("bert", "targets, one a token", wanted.tokens.size(), static_cast<long>(in.tokens.size()));
  const Tensor<T> x = hidden(tape, in, nullptr, "bert");
  Tensor<T> total;
  if (!wanted.tokens.empty()) {
    const Counted<T> at = counted_rows(x, wanted.tokens);
    total = cross_entropy(transformed(at.x), decoder, at.targets, wanted.token_scale, tokens, decoder_bias);
  }
  if (!wanted.labels.empty()) {
    if (!labels.weight) autograd::refuse("bert", "this model has no classes");
    const Tensor<T> y = dropout(pooled(x, in.lengths), {config.dropout, autograd::hash("label.dropout")});
    const Tensor<T> loss = cross_entropy(y, labels.weight, wanted.labels, wanted.label_scale, label_score, labels.bias);
    total = total ? add(total, loss) : loss;
  }
  if (!total) autograd::refuse("bert", "a loss needs targets or labels");
  return total;
}

template Tensor<float> mean_of_real(Tensor<float>, std::span<const int>);
template Tensor<double> mean_of_real(Tensor<double>, std::span<const int>);
template struct Bert<float>;
template struct Bert<double>;

}  // namespace primer::nn
