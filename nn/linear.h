// A linear layer: y = x weight^T + bias.
#pragma once

#include <string>

#include "autograd/ops/linear.h"
#include "autograd/parameters.h"

namespace primer::nn {

using autograd::Dropout;
using autograd::Parameters;
using autograd::Shape;
using autograd::Tape;
using autograd::Tensor;

template <class T>
struct Linear {
  Tensor<T> weight;  // [out, in]
  Tensor<T> bias;    // [out], or none

  Linear() = default;

  /// Declares `path`.weight, normal with the given deviation and decayed, and `path`.bias, zero and not decayed.
  Linear(Parameters<T>& parameters, const std::string& path, long in, long out, bool with_bias, double deviation)
      : weight(parameters.declare(path + ".weight", {out, in}, {deviation}, true)) {
    if (with_bias) bias = parameters.declare(path + ".bias", {out}, {}, false);
  }

  /// x [..., in] -> [..., out]
  Tensor<T> operator()(Tensor<T> x) const { return linear(x, weight, bias); }

  /// residual + dropout(y), in one op.
  Tensor<T> add_to(Tensor<T> residual, Tensor<T> x, Dropout dropout) const {
    return linear_residual(residual, x, weight, bias, dropout);
  }
};

}  // namespace primer::nn
