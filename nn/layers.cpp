// What the small layers compute: each is one op, or two.
#include "autograd/ops.h"
#include "nn/feed_forward.h"
#include "nn/linear.h"
#include "nn/norm.h"

namespace primer::nn {

template <class T>
Tensor<T> Linear<T>::operator()(Tensor<T> x) const {
  return linear(x, weight, bias);
}

template <class T>
Tensor<T> Linear<T>::add_to(Tensor<T> residual, Tensor<T> x, Dropout dropout) const {
  if (!residual) return autograd::dropout(linear(x, weight, bias), dropout);
  return linear_residual(residual, x, weight, bias, dropout);
}

template <class T>
Tensor<T> Norm<T>::operator()(Tensor<T> x) const {
#define PRIMER_CASE(name, has_bias, y) \
  case NormKind::name: return y;
  switch (kind) { PRIMER_NORM_KINDS(PRIMER_CASE) }
#undef PRIMER_CASE
  return x;
}

template <class T>
Tensor<T> FeedForward<T>::operator()(Tensor<T> residual, Tensor<T> x) const {
  if (!residual) {
    const Tensor<T> wide = gate ? multiply(activate((*gate)(x), activation), up(x)) : activate(up(x), activation);
    return autograd::dropout(down(wide), dropout);
  }
  autograd::FeedForwardLayers<T> layers{up.weight, up.bias, down.weight, down.bias};
  if (gate) layers.gate = gate->weight, layers.gate_bias = gate->bias;
  return feed_forward(residual, x, layers, activation, dropout);
}

template struct Linear<float>;
template struct Linear<double>;
template struct Norm<float>;
template struct Norm<double>;
template struct FeedForward<float>;
template struct FeedForward<double>;

}  // namespace primer::nn
