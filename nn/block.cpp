#include "nn/block.h"

namespace primer::nn {

template <class T>
static std::optional<LayerNorm<T>> declare_norm(Parameters<T>& parameters, const std::string& path,
                                                const ModelConfig& c) {
  if (c.norm == Norm::none) return {};
  return LayerNorm<T>(parameters, path, norm_options(c));
}

template <class T>
Block<T>::Block(Parameters<T>& parameters, const std::string& path_, const ModelConfig& c)
    : path(path_),
      norm(c.norm),
      attention_norm(declare_norm(parameters, path + ".attention_norm", c)),
      attention(parameters, path + ".attention",
                {.channels = c.channels,
                 .heads = c.heads,
                 .causal = c.causal,
                 .bias = c.bias,
                 .dropout = c.dropout,
                 .deviation = c.deviation,
                 .residual_deviation = c.residual_deviation()}) {
  if (c.hidden() == 0) return;
  feed_forward_norm = declare_norm(parameters, path + ".feed_forward_norm", c);
  feed_forward.emplace(parameters, path + ".feed_forward",
                       FeedForwardOptions{.channels = c.channels,
                                          .hidden = c.hidden(),
                                          .activation = c.activation,
                                          .bias = c.bias,
                                          .dropout = c.dropout,
                                          .deviation = c.deviation,
                                          .residual_deviation = c.residual_deviation()});
}

template <class T>
Tensor<T> Block<T>::operator()(Tensor<T> x, std::span<const int> lengths, LayerCache<T> cache) const {
  const bool pre = norm == Norm::pre, post = norm == Norm::post;
  x = attention(x, pre ? (*attention_norm)(x) : x, lengths, cache);
  if (post) x = (*attention_norm)(x);
  x = x.tape->watch(x, path, "attended");
  if (feed_forward) {
    x = (*feed_forward)(x, pre ? (*feed_forward_norm)(x) : x);
    if (post) x = (*feed_forward_norm)(x);
  }
  return x.tape->watch(x, path, "output");
}

template struct Block<float>;
template struct Block<double>;

}  // namespace primer::nn
