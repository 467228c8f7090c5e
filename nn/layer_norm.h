// Layer norm: rows to mean 0 and variance 1, then a learned weight and bias per channel.
#pragma once

#include <string>

#include "autograd/parameters.h"
#include "nn/linear.h"

namespace primer::nn {

template <class T>
struct LayerNorm {
  Tensor<T> weight;  // [C], starts at 1
  Tensor<T> bias;    // [C], starts at 0; or none
  double epsilon = 1e-5;

  LayerNorm() = default;
  LayerNorm(Parameters<T>& parameters, const std::string& path, long channels, bool with_bias, double epsilon_ = 1e-5)
      : weight(parameters.declare(path + ".weight", {channels}, {0, 1}, false)), epsilon(epsilon_) {
    if (with_bias) bias = parameters.declare(path + ".bias", {channels}, {}, false);
  }

  /// x [..., C] -> [..., C]. Without parameters (a model without norms) x itself.
  Tensor<T> operator()(Tensor<T> x) const;
};

}  // namespace primer::nn
