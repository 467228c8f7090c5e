// One block of a transformer: attention, in a decoder then attention to the source, then feed-forward, each added to
// the residual stream.
#pragma once

#include <optional>
#include <string>

#include "nn/attention/cross_attention.h"
#include "nn/attention/self_attention.h"
#include "nn/feed_forward.h"
#include "nn/model_config.h"
#include "nn/norm.h"

namespace primer::nn {

inline NormOptions norm_options(const ModelConfig& c) { return {c.norm_kind, c.channels, c.bias, c.norm_epsilon}; }

template <class T>
struct Block {
  std::string path;
  NormPlace norm;
  std::optional<Norm<T>> attention_norm, cross_norm, feed_forward_norm;
  SelfAttention<T> attention;
  std::optional<CrossAttention<T>> cross_attention;  // in a decoder
  std::optional<FeedForward<T>> feed_forward;

  Block(Parameters<T>& parameters, const std::string& path, const ModelConfig& c);

  /// x [B, T, C] -> [B, T, C]. Pre-norm: x + f(norm(x)). Post-norm: norm(x + f(x)) (Vaswani et al. 2017). With a
  /// cache, x are the tokens after its past ones. A decoder's block reads `memory` besides.
  Tensor<T> operator()(Tensor<T> x, std::span<const int> lengths, LayerCache<T> cache = {},
                       const Memory<T>& memory = {}) const;
};

}  // namespace primer::nn
