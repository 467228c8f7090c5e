// The feed-forward part of a block: two linear layers with an activation between, or a gate.
#pragma once

#include <optional>
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
  std::string path;
  Linear<T> up;                   // [F, C]
  std::optional<Linear<T>> gate;  // [F, C]; there if the activation is_gated
  Linear<T> down;                 // [C, F]
  Activation activation = Activation::gelu;
  Dropout dropout;

  FeedForward(Parameters<T>& parameters, const std::string& path_, const FeedForwardOptions& o)
      : path(path_),
        up(parameters, path + ".up", options_of_up(o)),
        down(parameters, path + ".down",
             {.in = o.hidden, .out = o.channels, .bias = o.bias, .deviation = o.residual_deviation}),
        activation(o.activation),
        dropout{o.dropout, autograd::hash(path + ".residual")} {
    if (is_gated(activation)) gate.emplace(parameters, path + ".gate", options_of_up(o));
  }

  /// residual + dropout(down(activation(up(x)))), with a gate down(activation(gate(x)) up(x)). x and residual
  /// [B, T, C]; without a residual what would be added to it, the textbook way: the same numbers, more memory.
  Tensor<T> operator()(Tensor<T> residual, Tensor<T> x) const;

 private:
  static LinearOptions options_of_up(const FeedForwardOptions& o) {
    return {.in = o.channels, .out = o.hidden, .bias = o.bias, .deviation = o.deviation};
  }
};

}  // namespace primer::nn
