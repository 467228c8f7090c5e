#include "nn/heads.h"

#include "autograd/ops/activate.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/linear.h"
#include "nn/attention/nystrom.h"

namespace primer::nn {

template <class T>
Tensor<T> Projection<T>::logits() const {
  return linear(x, weight, bias);
}

template <class T>
Tensor<T> Projection<T>::loss(std::span<const int> targets, double scale, Score* score, double smoothing,
                              std::span<const T> weights) const {
  return cross_entropy<T>(x, weight, targets, scale, score, bias, weights, smoothing);
}

template <class T>
static Tensor<T> output_rows(Parameters<T>& parameters, const char* path, const ModelConfig& c, Tensor<T> rows) {
  return c.output.tie ? rows : parameters.declare(path, {c.vocabulary, c.channels}, {c.deviation}, true);
}

template <class T>
TokenHead<T>::TokenHead(Parameters<T>& parameters, const ModelConfig& c, Tensor<T> rows)
    : weight(output_rows(parameters, "head.weight", c, rows)) {}

template <class T>
MaskedHead<T>::MaskedHead(Parameters<T>& parameters, const ModelConfig& c, Tensor<T> rows)
    : activation(c.activation),
      transform(parameters, "masked.transform", {.in = c.channels, .out = c.channels, .deviation = c.deviation}),
      norm(parameters, "masked.norm", {.kind = c.norm_kind, .channels = c.channels, .epsilon = c.norm_epsilon}),
      decoder(output_rows(parameters, "masked.decoder.weight", c, rows)),
      bias(parameters.declare("masked.decoder.bias", {c.vocabulary}, {}, false)) {}

template <class T>
Projection<T> MaskedHead<T>::operator()(Tensor<T> x) const {
  return {norm(activate(transform(x), activation)), decoder, bias};
}

template <class T>
LabelHead<T>::LabelHead(Parameters<T>& parameters, const ModelConfig& c)
    : dropout{c.dropout, autograd::hash("label.dropout")} {
  const long C = c.channels;
  if (c.output.pooling == Pooling::cls)
    pooler.emplace(parameters, "pooler", LinearOptions{.in = C, .out = C, .deviation = c.deviation});
  labels = {parameters, label_head, {.in = C, .out = c.output.labels, .deviation = c.deviation}};
}

template <class T>
Tensor<T> LabelHead<T>::pooled(Tensor<T> x, std::span<const int> lengths) const {
  if (!pooler) return mean_of_real(x, lengths);
  const long B = x.shape[0], C = x.shape[2];
  return tanh((*pooler)(reshape(slice(x, 1, 0, 1), {B, C})));
}

template <class T>
Projection<T> LabelHead<T>::operator()(Tensor<T> x, std::span<const int> lengths) const {
  return {autograd::dropout(pooled(x, lengths), dropout), labels.weight, labels.bias};
}

template <class T>
Tensor<T> mean_of_real(Tensor<T> x, std::span<const int> lengths) {
  return reshape(landmark_means(x, 1, lengths), {x.shape[0], x.shape[2]});
}

template struct Projection<float>;
template struct Projection<double>;
template struct TokenHead<float>;
template struct TokenHead<double>;
template struct MaskedHead<float>;
template struct MaskedHead<double>;
template struct LabelHead<float>;
template struct LabelHead<double>;
template Tensor<float> mean_of_real(Tensor<float>, std::span<const int>);
template Tensor<double> mean_of_real(Tensor<double>, std::span<const int>);

}  // namespace primer::nn
