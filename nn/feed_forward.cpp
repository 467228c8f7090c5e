#include "nn/feed_forward.h"

#include "autograd/ops/feed_forward.h"

namespace primer::nn {

template <class T>
Tensor<T> FeedForward<T>::operator()(Tensor<T> residual, Tensor<T> x) const {
  return feed_forward(residual, x, up.weight, up.bias, down.weight, down.bias, activation, dropout);
}

template struct FeedForward<float>;
template struct FeedForward<double>;

}  // namespace primer::nn
