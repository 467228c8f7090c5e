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
  if (c.decoder_layers > 0) {
    cross_norm = declare_norm(parameters, path + ".cross_norm", c);
    cross_attention.emplace(parameters, path + ".cross_attention",
                            CrossAttentionOptions{.channels = c.channels,
                                                  .heads = c.heads,
                                                  .kv_heads = c.kv_heads,
                                                  .head_size = c.head_size,
                                                  .bias = c.bias,
                                                  .dropout = c.dropout,
                                                  .deviation = c.deviation,
                                                  .residual_deviation = c.residual_deviation()});
  }
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
Tensor<T> Block<T>::operator()(Tensor<T> x, std::span<const int> lengths, LayerCache<T> cache,
                               const Memory<T>& memory) const {
  Tape<T>& tape = *x.tape;
  // x and what a layer makes of it, with its norm: in one op, or apart where somebody watches layer.path.output.
  // f(residual, y) is the residual + what it makes of y, and that alone if the residual is none.
  const auto join = [&](const auto& layer, const std::optional<Norm<T>>& its_norm, auto f) {
    const Tensor<T> y = norm == NormPlace::pre ? (*its_norm)(x) : x;
    x = !tape.watched(layer.path, "output") ? f(x, y) : add(x, tape.watch(f(Tensor<T>(), y), layer.path, "output"));
    if (norm == NormPlace::post) x = (*its_norm)(x);
  };
  x = tape.watch(x, path, "input");
  join(attention, attention_norm, [&](auto residual, auto y) { return attention(residual, y, lengths, cache); });
  x = tape.watch(x, path, "attended");
  if (cross_attention)
    join(*cross_attention, cross_norm, [&](auto residual, auto y) { return (*cross_attention)(residual, y, memory); });
  if (feed_forward)
    join(*feed_forward, feed_forward_norm, [&](auto residual, auto y) { return (*feed_forward)(residual, y); });
  return tape.watch(x, path, "output");
}

template struct Block<float>;
template struct Block<double>;

}  // namespace primer::nn
