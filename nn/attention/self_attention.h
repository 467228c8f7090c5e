// Multi-head self-attention, as a layer.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "autograd/random.h"
#include "nn/attention/kv_cache.h"
#include "nn/linear.h"
#include "nn/model_config.h"

namespace primer::nn {

/// softmax(q k^T / sqrt(D)) v of a layer: z [B, T, H D]. The fused op never makes its scores and pattern [B, H, T, S]:
/// if somebody watches these under `path`, it is the textbook way, the same numbers with more memory.
template <class T>
Tensor<T> softmax_attention(const std::string& path, const autograd::AttentionLayout<T>& at,
                            const autograd::AttentionOptions& options);

struct SelfAttentionOptions {
  long channels = 0, heads = 1;      // C, H
  long kv_heads = 0, head_size = 0;  // K, which divides H, and D; 0: H, and C / H
  AttentionKind kind = AttentionKind::softmax;
  long features = 0, landmarks = 0;  // M, of random features; of nystrom
  bool causal = true, bias = true;
  bool qk_norm = false;                                // RMS norm of every query and key, before they are turned
  double norm_epsilon = 1e-5;                          // of that norm
  std::optional<double> rope_theta = {};               // base of rotary positions; none: no such
  bool smear_keys = false;                             // each key is mixed with the one before
  double dropout = 0;                                  // of what is added to the residual, and of a softmax's pattern
  double deviation = 0.02, residual_deviation = 0.02;  // of the initial weights: qkv's, and the output's
};

template <class T>
struct SelfAttention {
  std::string path;
  long heads, kv_heads;  // H, K
  AttentionKind kind;
  long landmarks;
  bool causal;
  Linear<T> qkv;             // [(H + 2 K) D, C]: rows of queries, keys, values, each cut into heads
  Linear<T> output;          // [C, H D]
  Tensor<T> q_norm, k_norm;  // [D], or none
  double norm_epsilon;
  std::optional<double> rope_theta;
  Tensor<T> smear;       // [K], or none
  Tensor<T> directions;  // w of random features, which are drawn and never trained: favor's [M, D], rfa's [M / 2, D]
  Tensor<T> sigma;       // [D], sizes of rfa's queries and keys; or none
  Linear<T> gate;        // [K, C], how much of the past each of rfa's heads keeps
  Tensor<T> positions = {};  // [context, C], added to what queries and keys are made of; or none. The body's table
  Dropout pattern_dropout, residual_dropout;

  SelfAttention(Parameters<T>& parameters, const std::string& path, const SelfAttentionOptions& o);

  /// residual + attention(x), without a residual what would be added; x and residual [B, T, C]; lengths [B] of real
  /// tokens, or none for all. With a cache, x are the tokens after its past ones: they join it and see those too.
  ///
  /// Under `path` can be watched q [B, T, H D], k and v [B, T, K D] of these tokens, as they are multiplied, and z
  /// [B, T, H D], what the heads bring; scores and pattern as above, S = T and the past. The scores of a kernel are
  /// phi(q) phi(k) times the key's share, and its pattern is these over their sum, of rfa over a hundredth of the
  /// similarity of equal vectors at least; nystrom has no scores.
  Tensor<T> operator()(Tensor<T> residual, Tensor<T> x, std::span<const int> lengths, LayerCache<T> cache = {}) const;
};

}  // namespace primer::nn
