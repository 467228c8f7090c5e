// The feed-forward part of a block: two linear layers with an activation between.
#pragma once

#include <string>

#include "autograd/random.h"
#include "nn/linear.h"
#include "nn/model_config.h"

namespace primer::nn {

struct FeedForwardOptions {
  long channels = 0, hidden = 0;  // C, F
  Activation activation = Activation::gelu;
  bool bias = true;
  double dropout = 0;
  double deviation = 0.02, residual_deviation = 0.02;  // of the initial weights: up's, and down's
};

template <class T>
struct FeedForward {
  Linear<T> up;    // [F, C]
  Linear<T> down;  // [C, F]
  Activation activation = Activation::gelu;
  Dropout dropout;

  FeedForward(Parameters<T>& parameters, const std::string& path, const FeedForwardOptions& o)
      : up(parameters, path + ".up", {.in = o.channels, .out = o.hidden, .bias = o.bias, .deviation = o.deviation}),
        down(parameters, path + ".down",
             {.in = o.hidden, .out = o.channels, .bias = o.bias, .deviation = o.residual_deviation}),
        activation(o.activation),
        dropout{o.dropout, autograd::hash(path + ".residual")} {}

  /// residual + dropout(down(activation(up(x)))); x and residual [B, T, C].
  Tensor<T> operator()(Tensor<T> residual, Tensor<T> x) const;
};

}  // namespace primer::nn
