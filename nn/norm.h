// A norm of rows, of the kind that the configuration names, with a learned weight and perhaps a bias per channel.
#pragma once

#include <string>

#include "autograd/parameters.h"
#include "nn/linear.h"
#include "nn/model_config.h"

namespace primer::nn {

struct NormOptions {
  NormKind kind = NormKind::layer;
  long channels = 0;
  bool bias = true;       // in a kind that has one
  double epsilon = 1e-5;  // added to the mean square
};

template <class T>
struct Norm {
  NormKind kind;
  Tensor<T> weight;  // [C], starts at 1
  Tensor<T> bias;    // [C], starts at 0; or none
  double epsilon;

  Norm(Parameters<T>& parameters, const std::string& path, const NormOptions& o)
      : kind(o.kind), weight(parameters.declare(path + ".weight", {o.channels}, {0, 1}, false)), epsilon(o.epsilon) {
    if (o.bias && has_bias(kind)) bias = parameters.declare(path + ".bias", {o.channels}, {}, false);
  }

  /// x [..., C] -> [..., C]
  Tensor<T> operator()(Tensor<T> x) const;
};

}  // namespace primer::nn
