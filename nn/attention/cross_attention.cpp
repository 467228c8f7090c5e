#include "nn/attention/cross_attention.h"

#include "autograd/ops/attention.h"
#include "nn/attention/self_attention.h"

namespace primer::nn {

template <class T>
CrossAttention<T>::CrossAttention(Parameters<T>& parameters, const std::string& path_, const CrossAttentionOptions& o)
    : path(path_),
      heads(o.heads),
      kv_heads(o.kv_heads > 0 ? o.kv_heads : o.heads),
      pattern_dropout{o.dropout, autograd::hash(path + ".pattern")},
      residual_dropout{o.dropout, autograd::hash(path + ".residual")} {
  const long D = o.head_size > 0 ? o.head_size : o.channels / heads;
  const auto from_channels = [&](long out) {
    return LinearOptions{.in = o.channels, .out = out, .bias = o.bias, .deviation = o.deviation};
  };
  query = {parameters, path + ".query", from_channels(heads * D)};
  kv = {parameters, path + ".kv", from_channels(2 * kv_heads * D)};
  output = {parameters,
            path + ".output",
            {.in = heads * D, .out = o.channels, .bias = o.bias, .deviation = o.residual_deviation}};
}

template <class T>
Tensor<T> CrossAttention<T>::operator()(Tensor<T> residual, Tensor<T> x, const Memory<T>& memory) const {
  Tape<T>& tape = *x.tape;
  const autograd::AttentionOptions options{heads, false, memory.lengths, pattern_dropout, kv_heads};
  const Tensor<T> q = tape.watch(query(x), path, "q");
  autograd::AttentionLayout<T> at;
  if (memory.rows) {
    const Tensor<T> made = kv(memory.rows);  // [B, S, 2 K D]
    if (tape.watched(path, "k") || tape.watched(path, "v")) {
      const long E = made.shape[2] / 2;
      const Tensor<T> k = tape.watch(slice(made, 2, 0, E), path, "k"), v = slice(made, 2, E, E);
      at = attention_layout(q, k, tape.watch(v, path, "v"), options);
    } else {
      at = attention_layout(q, made, options);
    }
    if (memory.cache.rows) memory.cache.join(at);
  } else {
    at = attention_layout(q, memory.cache.rows, options);
    at.keys = memory.cache.past;
  }
  return output.add_to(residual, tape.watch(softmax_attention(path, at, options), path, "z"), residual_dropout);
}

template struct CrossAttention<float>;
template struct CrossAttention<double>;

}  // namespace primer::nn
