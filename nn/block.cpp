#include "nn/block.h"

#include "autograd/ops/arithmetic.h"

namespace primer::nn {

template <class T>
static std::optional<Norm<T>> declare_norm(Parameters<T>& parameters, const std::string& path, const ModelConfig& c) {
  if (c.norm == NormPlace::none) return {};
  return Norm<T>(parameters, path, norm_options(c));
}

template <class T>
Block<T>::Block(Parameters<T>& parameters, const std::string& path_, const ModelConfig& c)
    : path(path_),
      norm(c.norm),
      attention_norm(declare_norm(parameters, path + ".attention_norm", c)),
      attention(parameters, path + ".attention",
                {.channels = c.channels,
                 .heads = c.heads,
                 .kv_heads = c.kv_heads,
                 .head_size = c.head_size,
                 .kind = c.attention,
                 .features = c.feature_count(),
                 .landmarks = c.landmarks,
                 .causal = c.causal,
                 .bias = c.bias,
                 .qk_norm = c.qk_norm,
                 .norm_epsilon = c.norm_epsilon,
                 .rope_theta = c.position == Position::rotary ? std::optional(c.rope_theta) : std::nullopt,
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

// residual + what a layer brings: in one op, or apart where somebody watches `path`.output. add_to(r) is r + that, and
// that alone if r is none.
template <class T, class Layer>
static Tensor<T> join(Tensor<T> residual, const std::string& path, Layer add_to) {
  Tape<T>& tape = *residual.tape;
  if (!tape.watched(path, "output")) return add_to(residual);
  return add(residual, tape.watch(add_to(Tensor<T>()), path, "output"));
}

template <class T>
Tensor<T> Block<T>::operator()(Tensor<T> x, std::span<const int> lengths, LayerCache<T> cache) const {
  const bool pre = norm == NormPlace::pre, post = norm == NormPlace::post;
  x = x.tape->watch(x, path, "input");
  const Tensor<T> attending = pre ? (*attention_norm)(x) : x;
  x = join(x, attention.path, [&](Tensor<T> residual) { return attention(residual, attending, lengths, cache); });
  if (post) x = (*attention_norm)(x);
  x = x.tape->watch(x, path, "attended");
  if (feed_forward) {
    const Tensor<T> fed = pre ? (*feed_forward_norm)(x) : x;
    x = join(x, feed_forward->path, [&](Tensor<T> residual) { return (*feed_forward)(residual, fed); });
    if (post) x = (*feed_forward_norm)(x);
  }
  return x.tape->watch(x, path, "output");
}

template struct Block<float>;
template struct Block<double>;

}  // namespace primer::nn
