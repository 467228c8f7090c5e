// One block of a transformer: attention, then feed-forward, each added to the residual stream.
#pragma once

#include <string>

#include "nn/attention.h"
#include "nn/feed_forward.h"
#include "nn/layer_norm.h"
#include "nn/model_config.h"

namespace primer::nn {

template <class T>
struct Block {
  std::string path;
  Norm norm = Norm::pre;
  LayerNorm<T> attention_norm, feed_forward_norm;  // without parameters in a model without norms
  SelfAttention<T> attention;
  FeedForward<T> feed_forward;  // without parameters in an attention-only model

  Block(Parameters<T>& parameters, const std::string& path_, const ModelConfig& c) : path(path_), norm(c.norm) {
    const double deviation = c.deviation(), residual = c.residual_deviation();
    if (norm != Norm::none) attention_norm = {parameters, path + ".attention_norm", c.channels, c.bias, c.norm_epsilon};
    attention = {parameters, path + ".attention", c.channels, c.heads, c.causal,
                 c.bias,     c.dropout,           deviation,  residual};
    if (c.hidden() == 0) return;
    if (norm != Norm::none) {
      feed_forward_norm = {parameters, path + ".feed_forward_norm", c.channels, c.bias, c.norm_epsilon};
    }
    feed_forward = {
        parameters, path + ".feed_forward", c.channels, c.hidden(), c.activation, c.bias, c.dropout, deviation,
        residual};
  }

  /// x [B, T, C] -> [B, T, C]. Pre-norm: x + f(norm(x)). Post-norm: norm(x + f(x)) (Vaswani et al. 2017). With a
  /// cache, x are the tokens after its past ones.
  Tensor<T> operator()(Tensor<T> x, std::span<const int> lengths, LayerCache<T> cache = {}) const;
};

}  // namespace primer::nn
