// The feed-forward part of a block: two linear layers with an activation between.
#pragma once

#include <string>

#include "autograd/random.h"
#include "nn/linear.h"
#include "nn/model_config.h"

namespace primer::nn {

template <class T>
struct FeedForward {
  Linear<T> up;    // [F, C]
  Linear<T> down;  // [C, F]
  Activation activation = Activation::gelu;
  Dropout dropout;

  FeedForward() = default;
  FeedForward(Parameters<T>& parameters, const std::string& path, long channels, long hidden, Activation a, bool bias,
              double dropout_, double deviation, double residual_deviation)
      : up(parameters, path + ".up", channels, hidden, bias, deviation),
        down(parameters, path + ".down", hidden, channels, bias, residual_deviation),
        activation(a),
        dropout{dropout_, autograd::hash(path + ".residual")} {}

  /// residual + dropout(down(activation(up(x)))); x and residual [B, T, C].
  Tensor<T> operator()(Tensor<T> residual, Tensor<T> x) const;
};

}  // namespace primer::nn
