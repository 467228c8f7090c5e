#include "nn/embedding.h"

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/layout.h"

namespace primer::nn {

template <class T>
Tensor<T> Embedding<T>::operator()(Tape<T>& tape, std::span<const int> ids, long batch, long length) const {
  return reshape(gather(tape, weight, ids), {batch, length, weight.shape[1]});
}

template <class T>
PositionalEncoding<T>::PositionalEncoding(Parameters<T>& parameters, const std::string& path,
                                          const PositionOptions& o) {
  if (o.kind == Position::learned)
    learned.emplace(parameters, path, EmbeddingOptions{o.context, o.channels, o.deviation});
  else fixed = sinusoids<T>(o.context, o.channels, o.scale);
}

template <class T>
Tensor<T> PositionalEncoding<T>::operator()(Tensor<T> x, long past) const {
  const long B = x.shape[0], length = x.shape[1], C = x.shape[2];
  Tape<T>& tape = *x.tape;
  const std::span<int> ids(tape.template keep<int>(B * length), B * length);
  for (long i = 0; i < B * length; ++i) ids[i] = static_cast<int>(i % length + (learned ? past : 0));
  const auto some = [&] { return tape.constant({length, C}, std::span(fixed).subspan(past * C, length * C)); };
  return add(x, reshape(gather<T>(tape, learned ? learned->weight : some(), ids), x.shape));
}

template struct Embedding<float>;
template struct Embedding<double>;

template struct PositionalEncoding<float>;
template struct PositionalEncoding<double>;

}  // namespace primer::nn
