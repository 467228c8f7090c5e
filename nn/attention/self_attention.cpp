#include "nn/attention/self_attention.h"

#include "autograd/ops/attention.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/linear_attention.h"
#include "autograd/ops/rms_norm.h"
#include "autograd/ops/rotary.h"
#include "nn/attention/feature_map.h"
#include "nn/attention/nystrom.h"

namespace primer::nn {

using autograd::AttentionLayout, autograd::AttentionOptions;

// What the bias of rfa's gate begins with: sigmoid(3) = 0.95, so that a head sees about 20 tokens back.
static constexpr double gate_bias = 3;

template <class T>
SelfAttention<T>::SelfAttention(Parameters<T>& parameters, const std::string& path_, const SelfAttentionOptions& o)
    : path(path_),
      heads(o.heads),
      kv_heads(o.kv_heads > 0 ? o.kv_heads : o.heads),
      kind(o.kind),
      landmarks(o.landmarks),
      causal(o.causal),
      norm_epsilon(o.norm_epsilon),
      rope_theta(o.rope_theta),
      pattern_dropout{kind == AttentionKind::softmax ? o.dropout : 0, autograd::hash(path + ".pattern")},
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
  const double length =
      kind == AttentionKind::rfa ? 1 / std::sqrt(static_cast<double>(D)) : 1;  // of a unit vector, below
  if (is_random(kind))
    directions = parameters.declare(path + ".directions", {kind == AttentionKind::rfa ? o.features / 2 : o.features, D},
                                    {.deviation = length, .fixed = true, .orthogonal = true}, false);
  if (kind != AttentionKind::rfa) return;
  sigma = parameters.declare(path + ".sigma", {D}, {0, 1}, false);
  gate = {parameters, path + ".gate", {.in = o.channels, .out = kv_heads, .bias = false, .deviation = o.deviation}};
  gate.bias = parameters.declare(path + ".gate.bias", {kv_heads}, {0, gate_bias}, false);
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
static AttentionLayout<T> projected(const SelfAttention<T>& a, Tensor<T> x, long past,
                                    const AttentionOptions& options) {
  Tape<T>& tape = *x.tape;
  const Tensor<T> packed = a.qkv(x);  // [B, T, (H + 2 K) D]
  const long B = x.shape[0], length = x.shape[1], D = packed.shape[2] / (a.heads + 2 * a.kv_heads);
  const auto turned = [&](Tensor<T> heads, long n) {
    return a.rope_theta ? rotary(heads, {n, D, past, *a.rope_theta}) : heads;
  };
  const bool watched = tape.watched(a.path, "q") || tape.watched(a.path, "k") || tape.watched(a.path, "v");
  if (a.kind == AttentionKind::softmax && !a.positions && !a.q_norm && !a.smear && !watched)
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
static bool shows_pattern(Tape<T>& tape, const std::string& path) {
  return tape.watched(path, "scores") || tape.watched(path, "pattern");
}

template <class T>
Tensor<T> softmax_attention(const std::string& path, const AttentionLayout<T>& at, const AttentionOptions& options) {
  Tape<T>& tape = *at.q.tape;
  if (!shows_pattern(tape, path)) return attention(at, options);
  const auto rows = [&](Tensor<T> from, long n, long column, long columns) {
    return slice(slice(on(tape, from), 1, 0, n), 2, column, columns);
  };
  const Tensor<T> q = rows(at.q, at.queries, at.q_at, at.H * at.D), k = rows(at.k, at.keys, at.k_at, at.K * at.D);
  const Tensor<T> scores = tape.watch(attention_scores(q, k, options), path, "scores");
  const Tensor<T> pattern = tape.watch(softmax(scores), path, "pattern");
  return attention_apply(pattern, rows(at.v, at.keys, at.v_at, at.K * at.D), options);
}

// Attention with phi(q) phi(k): what the features are, then the same for all. x [B, T, C] opens rfa's gate.
template <class T>
static Tensor<T> kernel_attention(const SelfAttention<T>& a, Tensor<T> x, const AttentionLayout<T>& at,
                                  const AttentionOptions& options, LayerCache<T> cache, bool shown) {
  Tape<T>& tape = *x.tape;
  const long B = at.B, length = at.queries, D = at.D;
  const auto heads_apart = [=](Tensor<T> y) { return reshape(y, {y.size() / D, D}); };
  const auto together = [=](Tensor<T> y) { return reshape(y, {B, length, y.size() / (B * length)}); };
  autograd::KeyWeights<T> weights;
  double least = 0;
  const auto features = [&](Tensor<T> y, bool weighted) -> Features<T> {
    if (a.kind == AttentionKind::linear) return {elu_plus_one(y), {}};
    if (a.kind == AttentionKind::favor)
      return positive_features(scale(heads_apart(y), std::pow(D, -0.25)), a.directions, weighted);
    // of unit vectors: an RMS norm's rows have the length sqrt(D)
    return trigonometric_features(rms_norm(heads_apart(y), a.sigma, a.norm_epsilon), a.directions, false);
  };
  const Features<T> of_keys = features(at.k, true), of_queries = features(at.q, false);
  const Tensor<T> q = together(of_queries.map), k = together(of_keys.map);
  if (of_keys.weight) weights.weight = together(of_keys.weight);
  if (a.kind == AttentionKind::rfa) {
    // S[t] = g S[t - 1] + (1 - g) phi(k) v, g = sigmoid(u): ln g and ln(1 - g) are the log_softmax of (u, 0)
    const Tensor<T> u = a.gate(x), none = tape.constant({B, length, at.K, 1}, std::vector<T>(u.size()));
    const Tensor<T> gates = log_softmax(concat(spread(u, 1), none, 3));  // [B, T, K, 2]
    weights.decay = together(slice(gates, 3, 0, 1)), weights.weight = together(slice(gates, 3, 1, 1));
    least = 0.01 * static_cast<double>(a.directions.shape[0]);  // a hundredth of the similarity of equal vectors
  }
  if (!shown)
    return linear_attention(q, k, at.v, options, weights, least,
                            {cache.rows ? cache.rows.data() : nullptr, cache.past});
  const Tensor<T> scores = tape.watch(linear_attention_scores(q, k, options, weights), a.path, "scores");
  return attention_apply(tape.watch(linear_attention_pattern(scores, least), a.path, "pattern"), at.v, options);
}

template <class T>
Tensor<T> SelfAttention<T>::operator()(Tensor<T> residual, Tensor<T> x, std::span<const int> lengths,
                                       LayerCache<T> cache) const {
  Tape<T>& tape = *x.tape;
  const bool shown = shows_pattern(tape, path);
  const auto needs_all = [&](bool holds, const char* what) {
    if (cache.rows && holds)
      autograd::refuse("attention", std::string(what) + ", which a state does not keep; give the whole text");
  };
  needs_all(bool(smear), "a smeared key needs the token before");
  needs_all(shown && kind != AttentionKind::softmax, "the pattern needs all keys");
  const AttentionOptions options{heads, causal, lengths, pattern_dropout, kv_heads};
  AttentionLayout<T> at = projected(*this, x, cache.past, options);
  Tensor<T> z;  // [B, T, H D]
  switch (kind) {
    case AttentionKind::softmax:
      if (cache.rows) cache.join(at);
      z = softmax_attention(path, at, options);
      break;
    case AttentionKind::linear:
    case AttentionKind::favor:
    case AttentionKind::rfa: z = kernel_attention(*this, x, at, options, cache, shown); break;
    case AttentionKind::nystrom: {
      const auto [to, inverse, from] = nystrom_factors(at.q, at.k, options, landmarks);
      if (shown) z = attention_apply(tape.watch(matmul(to, matmul(inverse, from)), path, "pattern"), at.v, options);
      else z = join_heads(matmul(to, matmul(inverse, matmul(from, split_key_heads(at.v, options)))));
    }
  }
  return output.add_to(residual, tape.watch(z, path, "z"), residual_dropout);
}

#define PRIMER_INSTANTIATE(T)                                                                                   \
  template Tensor<T> softmax_attention(const std::string&, const AttentionLayout<T>&, const AttentionOptions&); \
  template struct SelfAttention<T>;
PRIMER_INSTANTIATE(float)
PRIMER_INSTANTIATE(double)

}  // namespace primer::nn
