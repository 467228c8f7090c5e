#include "nn/attention.h"

#include "autograd/ops/attention.h"

namespace primer::nn {

template <class T>
Tensor<T> SelfAttention<T>::operator()(Tensor<T> residual, Tensor<T> x, std::span<const int> lengths,
                                       LayerCache<T> cache) const {
  const autograd::AttentionOptions options{heads, causal, lengths, pattern_dropout};
  const Tensor<T> packed = qkv(x);  // [B, T, 3C]
  Tape<T>& tape = *x.tape;
  auto layout = attention_layout(packed, options);
  if (cache.rows) cache.join(layout);
  if (!tape.watched(path, "pattern") && !tape.watched(path, "z"))
    return output.add_to(residual, attention(layout, options), residual_dropout);
  const long C = x.shape[2];
  const Tensor<T> seen = cache.rows ? slice(on(tape, cache.rows), 1, 0, layout.keys) : packed;  // [B, S, 2C or 3C]
  const Tensor<T> q = slice(packed, 2, 0, C), k = slice(seen, 2, layout.k_at, C), v = slice(seen, 2, layout.v_at, C);
  const Tensor<T> pattern = tape.watch(attention_pattern(q, k, options), path, "pattern");
  return output.add_to(residual, tape.watch(attention_apply(pattern, v, options), path, "z"), residual_dropout);
}

template struct SelfAttention<float>;
template struct SelfAttention<double>;

}  // namespace primer::nn
