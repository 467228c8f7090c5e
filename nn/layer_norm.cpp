#include "nn/layer_norm.h"

#include "autograd/ops/layer_norm.h"

namespace primer::nn {

template <class T>
Tensor<T> LayerNorm<T>::operator()(Tensor<T> x) const {
  return layer_norm(x, weight, bias, epsilon);
}

template struct LayerNorm<float>;
template struct LayerNorm<double>;

}  // namespace primer::nn
