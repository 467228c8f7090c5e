#include "studies/context/momentum.h"

#include <cmath>
#include <vector>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"

namespace primer::studies {

template <class T>
autograd::Tensor<T> Momentum<T>::see(std::string_view, std::string_view leaf, autograd::Tensor<T> x) {
  if (leaf == "v") return values_ = x;  // [B, n, C]
  const long n = x.shape[1];
  std::vector<T> decay(static_cast<std::size_t>(n * n), 0);  // [n, n]: eta^(t - i), i < t
  for (long t = 0; t < n; ++t) {
    for (long i = 0; i < t; ++i) decay[static_cast<std::size_t>(t * n + i)] = static_cast<T>(std::pow(eta_, t - i));
  }
  return add(x, matmul(repeat(x.tape->constant({n, n}, decay), x.shape[0]), values_));
}

template class Momentum<float>;
template class Momentum<double>;

}  // namespace primer::studies
