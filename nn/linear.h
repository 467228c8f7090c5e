// A linear layer: y = x weight^T + bias.
#pragma once

#include <string>

#include "autograd/options.h"
#include "autograd/parameters.h"
#include "autograd/tape.h"

namespace primer::nn {

using autograd::Dropout;
using autograd::Parameters;
using autograd::Shape;
using autograd::Tape;
using autograd::Tensor;

struct LinearOptions {
  long in = 0, out = 0;
  bool bias = true;
  double deviation = 0.02;  // of the initial weights
};

template <class T>
struct Linear {
  Tensor<T> weight;  // [out, in]
  Tensor<T> bias;    // [out], or none

  Linear() = default;

  /// Declares `path`.weight, normal with the given deviation and decayed, and `path`.bias, zero and not decayed.
  Linear(Parameters<T>& parameters, const std::string& path, const LinearOptions& o)
      : weight(parameters.declare(path + ".weight", {o.out, o.in}, {o.deviation}, true)) {
    if (o.bias) bias = parameters.declare(path + ".bias", {o.out}, {}, false);
  }

  /// x [..., in] -> [..., out]
  Tensor<T> operator()(Tensor<T> x) const;

  /// residual + dropout(y), in one op; without a residual dropout(y).
  Tensor<T> add_to(Tensor<T> residual, Tensor<T> x, Dropout dropout) const;
};

}  // namespace primer::nn
