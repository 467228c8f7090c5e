// Attention from one sequence to another, as a layer: what a decoder reads of its encoder. Vaswani et al. 2017,
// section 3.2.3.
#pragma once

#include <span>
#include <string>

#include "nn/attention/kv_cache.h"
#include "nn/linear.h"

namespace primer::nn {

/// What an encoder has made of the sources.
template <class T>
struct Memory {
  Tensor<T> rows = {};                // [B, S, C]; none: the cache has the keys and values of them
  std::span<const int> lengths = {};  // [B], how many rows of each are real; none: all
  LayerCache<T> cache = {};           // keeps the keys and values, if given
};

struct CrossAttentionOptions {
  long channels = 0, heads = 1;      // C, H
  long kv_heads = 0, head_size = 0;  // K, which divides H, and D; 0: H, and C / H
  bool bias = true;
  double dropout = 0;                                  // of what is added to the residual, and of the pattern
  double deviation = 0.02, residual_deviation = 0.02;  // of the initial weights: query's and kv's, and the output's
};

template <class T>
struct CrossAttention {
  std::string path;
  long heads, kv_heads;  // H, K
  Linear<T> query;       // [H D, C]
  Linear<T> kv;          // [2 K D, C]: rows of keys, then values, each cut into heads
  Linear<T> output;      // [C, H D]
  Dropout pattern_dropout, residual_dropout;

  CrossAttention(Parameters<T>& parameters, const std::string& path, const CrossAttentionOptions& o);

  /// residual + attention(x, memory), without a residual what would be added; x and residual [B, T, C]. Every place
  /// sees all real rows of its memory. Under `path` can be watched q [B, T, H D], k and v [B, S, K D] where they are
  /// made, z [B, T, H D], scores and pattern: see softmax_attention.
  Tensor<T> operator()(Tensor<T> residual, Tensor<T> x, const Memory<T>& memory) const;
};

}  // namespace primer::nn
