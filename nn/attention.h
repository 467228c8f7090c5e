// Multi-head self-attention, as a layer.
#pragma once

#include <span>
#include <string>

#include "autograd/random.h"
#include "nn/kv_cache.h"
#include "nn/linear.h"

namespace primer::nn {

struct SelfAttentionOptions {
  long channels = 0, heads = 1;  // channels is a multiple
  bool causal = true, bias = true;
  double dropout = 0;
  double deviation = 0.02, residual_deviation = 0.02;  // of the initial weights: qkv's, and the output's
};

template <class T>
struct SelfAttention {
  std::string path;
  long heads = 1;
  bool causal = true;
  Linear<T> qkv;     // [3C, C]: rows of queries, keys, values, each cut into heads
  Linear<T> output;  // [C, C]
  Dropout pattern_dropout, residual_dropout;

  SelfAttention(Parameters<T>& parameters, const std::string& path_, const SelfAttentionOptions& o)
      : path(path_),
        heads(o.heads),
        causal(o.causal),
        qkv(parameters, path + ".qkv",
            {.in = o.channels, .out = 3 * o.channels, .bias = o.bias, .deviation = o.deviation}),
        output(parameters, path + ".output",
               {.in = o.channels, .out = o.channels, .bias = o.bias, .deviation = o.residual_deviation}),
        pattern_dropout{o.dropout, autograd::hash(path + ".pattern")},
        residual_dropout{o.dropout, autograd::hash(path + ".residual")} {}

  /// residual + attention(x), without a residual what would be added; x and residual [B, T, C]; lengths [B] of real
  /// tokens, or none for all. With a cache, x are the tokens after its past ones: they join it and see those too.
  ///
  /// The fused op never makes its pattern. If somebody watches `path`.pattern [B, H, T, S], S = T and the past, or
  /// `path`.z [B, T, C], what the heads bring, the layer goes the textbook way: the same numbers, more memory.
  Tensor<T> operator()(Tensor<T> residual, Tensor<T> x, std::span<const int> lengths, LayerCache<T> cache = {}) const;
};

}  // namespace primer::nn
