#include "nn/attention.h"

#include "autograd/ops/attention.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/rms_norm.h"
#include "autograd/ops/rotary.h"

namespace primer::nn {

template <class T>
SelfAttention<T>::SelfAttention(Parameters<T>& parameters, const std::string& path_, const SelfAttentionOptions& o)
    : path(path_),
      heads(o.heads),
      kv_heads(o.kv_heads > 0 ? o.kv_heads : o.heads),
      causal(o.causal),
      norm_epsilon(o.norm_epsilon),
      rope_theta(o.rope_theta),
      pattern_dropout{o.dropout, autograd::hash(path + ".pattern")},
      residual_dropout{o.dropout, autograd::hash(path + ".residual")} {
  const long D = o.head_size > 0 ? o.head_size : o.channels / heads;
  qkv = {parameters,
         path + ".qkv",
         {.in = o.channels, .out = (heads + 2 * kv_heads) * D, .bias = o.bias, .deviation = o.deviation}};
  output = {parameters,
            path + ".output",
            {.in = heads * D, .out = o.channels, .bias = o.bias, .deviation = o.residual_deviation}};
  if (o.qk_norm) q_norm = parameters.declare(path + ".q_norm.weight", {D}, {0, 1}, false);
  if (o.qk_norm) k_norm = parameters.declare(path + ".k_norm.weight", {D}, {0, 1}, false);
  if (o.smear_keys) smear = parameters.declare(path + ".smear", {kv_heads}, {}, false);
}

// Key j of head h becomes s k[j] + (1 - s) k[j - 1], s = sigmoid(smear[h]); the first one stays. k [B, T, K D]. Olsson
// et al. 2022, In-context learning and induction heads, "Smeared keys".
template <class T>
static Tensor<T> smeared(Tensor<T> k, Tensor<T> smear) {
  const long B = k.shape[0], length = k.shape[1], D = k.shape[2] / smear.size();
  const Tensor<T> before = concat(slice(k, 1, 0, 1), slice(k, 1, 0, length - 1), 1);
  const Tensor<T> share = repeat(spread(sigmoid(on(*k.tape, smear)), D), B * length);  // [B T, K, D]
  return add(before, multiply(reshape(share, k.shape), subtract(k, before)));
}

// Queries, keys and values of x [B, T, C] as they are multiplied: one array as long as nothing is done to a part of it.
template <class T>
static autograd::AttentionLayout<T> projected(const SelfAttention<T>& a, Tensor<T> x, long past,
                                              const autograd::AttentionOptions& options) {
  Tape<T>& tape = *x.tape;
  const Tensor<T> packed = a.qkv(x);  // [B, T, (H + 2 K) D]
  const long B = x.shape[0], length = x.shape[1], D = packed.shape[2] / (a.heads + 2 * a.kv_heads);
  const auto turned = [&](Tensor<T> heads, long n) {
    return a.rope_theta ? rotary(heads, {n, D, past, *a.rope_theta}) : heads;
  };
  const bool watched = tape.watched(a.path, "q") || tape.watched(a.path, "k") || tape.watched(a.path, "v");
  if (!a.positions && !a.q_norm && !a.smear && !watched)
    return attention_layout(turned(packed, a.heads + a.kv_heads), options);

  const long Q = a.heads * D, K = a.kv_heads * D;  // columns
  Tensor<T> q = slice(packed, 2, 0, Q), k = slice(packed, 2, Q, K), v = slice(packed, 2, Q + K, K);
  if (a.positions) {                                                                          // (x + p) W = x W + p W
    const Tensor<T> p = linear(slice(on(tape, a.positions), 0, past, length), a.qkv.weight);  // [T, (H + 2 K) D]
    const auto placed = [&](Tensor<T> y, long from, long n) {
      return add(y, reshape(repeat(slice(p, 1, from, n), B), y.shape));
    };
    q = placed(q, 0, Q), k = placed(k, Q, K);
  }
  const auto normed = [&](Tensor<T> heads, Tensor<T> weight) {
    return reshape(rms_norm(reshape(heads, {heads.size() / D, D}), weight, a.norm_epsilon), heads.shape);
  };
  if (a.q_norm) q = normed(q, a.q_norm), k = normed(k, a.k_norm);
  if (a.smear) k = smeared(k, a.smear);
  q = tape.watch(turned(q, a.heads), a.path, "q");
  k = tape.watch(turned(k, a.kv_heads), a.path, "k");
  return attention_layout(q, k, tape.watch(v, a.path, "v"), options);
}

template <class T>
Tensor<T> SelfAttention<T>::operator()(Tensor<T> residual, Tensor<T> x, std::span<const int> lengths,
                                       LayerCache<T> cache) const {
  if (smear && cache.rows)
    autograd::refuse("attention",
                     "a smeared key needs the token before, which a cache does not keep; give the whole text");
  const autograd::AttentionOptions options{heads, causal, lengths, pattern_dropout, kv_heads};
  Tape<T>& tape = *x.tape;
  auto at = projected(*this, x, cache.past, options);
  if (cache.rows) cache.join(at);
  if (!tape.watched(path, "scores") && !tape.watched(path, "pattern"))
    return output.add_to(residual, tape.watch(attention(at, options), path, "z"), residual_dropout);

  const auto rows = [&](Tensor<T> from, long n, long column, long columns) {
    return slice(slice(on(tape, from), 1, 0, n), 2, column, columns);
  };
  const Tensor<T> q = rows(at.q, at.queries, at.q_at, at.H * at.D), k = rows(at.k, at.keys, at.k_at, at.K * at.D);
  const Tensor<T> scores = tape.watch(attention_scores(q, k, options), path, "scores");
  const Tensor<T> pattern = tape.watch(softmax(scores), path, "pattern");
  const Tensor<T> z = attention_apply(pattern, rows(at.v, at.keys, at.v_at, at.K * at.D), options);
  return output.add_to(residual, tape.watch(z, path, "z"), residual_dropout);
}

template struct SelfAttention<float>;
template struct SelfAttention<double>;

}  // namespace primer::nn
