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
Tensor<T> PositionalEncoding<T>::operator()(Tensor<T> x, long past) const {
  if (kind == Position::none) return x;
  const long B = x.shape[0], length = x.shape[1];
  Tape<T>& tape = *x.tape;
  const std::span<int> ids(tape.template keep<int>(B * length), B * length);
  const bool learns = kind == Position::learned;
  for (long i = 0; i < B * length; ++i) ids[i] = static_cast<int>(i % length + (learns ? past : 0));
  const std::span rows(fixed.data() + (learns ? 0 : past * channels), learns ? 0 : length * channels);
  const Tensor<T> table = learns ? learned.weight : tape.constant({length, channels}, rows);
  return add(x, reshape(gather<T>(tape, table, ids), x.shape));
}

template struct Embedding<float>;
template struct Embedding<double>;

template struct PositionalEncoding<float>;
template struct PositionalEncoding<double>;

}  // namespace primer::nn
