// Layer norm: rows to mean 0 and variance 1, then a learned weight and bias per channel.
#pragma once

#include <string>

#include "autograd/parameters.h"
#include "nn/linear.h"

namespace primer::nn {

struct LayerNormOptions {
  long channels = 0;
  bool bias = true;
  double epsilon = 1e-5;  // added to the variance
};

template <class T>
struct LayerNorm {
  Tensor<T> weight;  // [C], starts at 1
  Tensor<T> bias;    // [C], starts at 0; or none
  double epsilon = 1e-5;

  LayerNorm(Parameters<T>& parameters, const std::string& path, const LayerNormOptions& o)
      : weight(parameters.declare(path + ".weight", {o.channels}, {0, 1}, false)), epsilon(o.epsilon) {
    if (o.bias) bias = parameters.declare(path + ".bias", {o.channels}, {}, false);
  }

  /// x [..., C] -> [..., C]
  Tensor<T> operator()(Tensor<T> x) const;
};

}  // namespace primer::nn
