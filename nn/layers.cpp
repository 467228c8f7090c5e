// What the small layers compute: each is one op, or two.
#include "autograd/ops/feed_forward.h"
#include "autograd/ops/layer_norm.h"
#include "autograd/ops/linear.h"
#include "nn/feed_forward.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace primer::nn {

template <class T>
Tensor<T> Linear<T>::operator()(Tensor<T> x) const {
  return linear(x, weight, bias);
}

template <class T>
Tensor<T> Linear<T>::add_to(Tensor<T> residual, Tensor<T> x, Dropout dropout) const {
  return linear_residual(residual, x, weight, bias, dropout);
}

template <class T>
Tensor<T> LayerNorm<T>::operator()(Tensor<T> x) const {
  return layer_norm(x, weight, bias, epsilon);
}

template <class T>
Tensor<T> FeedForward<T>::operator()(Tensor<T> residual, Tensor<T> x) const {
  return feed_forward(residual, x, {up.weight, up.bias, down.weight, down.bias}, activation, dropout);
}

template struct Linear<float>;
template struct Linear<double>;
template struct LayerNorm<float>;
template struct LayerNorm<double>;
template struct FeedForward<float>;
template struct FeedForward<double>;

}  // namespace primer::nn
