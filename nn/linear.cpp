#include "nn/linear.h"

#include "autograd/ops/linear.h"

namespace primer::nn {

template <class T>
Tensor<T> Linear<T>::operator()(Tensor<T> x) const {
  return linear(x, weight, bias);
}

template <class T>
Tensor<T> Linear<T>::add_to(Tensor<T> residual, Tensor<T> x, Dropout dropout) const {
  return linear_residual(residual, x, weight, bias, dropout);
}

template struct Linear<float>;
template struct Linear<double>;

}  // namespace primer::nn
