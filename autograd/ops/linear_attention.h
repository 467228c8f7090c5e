// linear_attention: attention whose similarity of query and key is a product of their features.
#pragma once

#include <cstring>

#include "autograd/example.h"
#include "autograd/kernels/linear_attention.h"
#include "autograd/ops/attention.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"

namespace primer::autograd::PRIMER_COMPILED {

/// What key s counts for query t: e^(weight[s] + decay[s + 1] + ... + decay[t]), [B, S, K] each, or none for 0.
template <class T>
struct KeyWeights {
  Tensor<T> weight, decay;
};

/// What B sequences begin with if past > 0, and what they have come to afterwards, on no tape: for each head of keys
/// the mean [M, D + 1], then the bytes of a double, the logarithm of the weights' sum.
template <class T>
struct LinearState {
  T* numbers = nullptr;  // [B, K, M (D + 1) + 2]
  long past = 0;
};

/// The least sum that is divided by. Below sqrt of the smallest number a quotient's gradient would leave T's range.
template <class T>
double least_sum(double least) {
  return std::max(least, std::sqrt(static_cast<double>(std::numeric_limits<T>::min())));
}

/// max(z, least)
template <class T>
Tensor<T> at_least(Tensor<T> z, double least) {
  return scale(relu(scale(z, 1, -least_sum<T>(least))), 1, least_sum<T>(least));
}

/// The way of what is not causal: y = q (k^T [v, 1]), the first D columns divided by the last.
template <class T>
Tensor<T> linear_attention_whole(Tensor<T> q, Tensor<T> k, Tensor<T> v, const AttentionOptions& options,
                                 Tensor<T> weight, double least) {
  const long B = q.shape[0], steps = q.shape[1], H = options.heads, K = options.key_heads();
  const long M = q.shape[2] / H, D = v.shape[2] / K;
  const auto filled = [&](Shape shape, T value) {
    return q.tape->constant(shape, std::vector<T>(shape.size(), value));
  };
  const Tensor<T> w = weight ? permute(weight, {0, 2, 1}) : filled({B, K, steps}, 0);
  const Tensor<T> shares = reshape(softmax(hide(reshape(w, {B, K, 1, steps}), options)), {B, K, steps});
  const Tensor<T> counted = multiply(split_heads(k, K), spread(shares, M));                     // [B, K, T, M]
  const Tensor<T> values = concat(split_heads(v, K), filled({B, K, steps, 1}, 1), 3);           // [B, K, T, D + 1]
  const Tensor<T> state = read_heads(matmul(permute(counted, {0, 1, 3, 2}), values), options);  // [B, H, M, D + 1]
  const Tensor<T> n = matmul(split_heads(q, H), state);                                         // [B, H, T, D + 1]
  const Tensor<T> z = at_least(reshape(slice(n, 3, D, 1), {B, H, steps}), least);
  return join_heads(divide(slice(n, 3, 0, D), spread(z, D)));
}

/// y[t] = sum over s <= t of w(t, s) (q[t] k[s]) v[s] / max(sum of w(t, s) (q[t] k[s]), least sum of w(t, s)), with w
/// as KeyWeights says; q [B, T, H M] and k [B, T, K M] are features, v [B, T, K D], y [B, T, H D]. Heads and their
/// sharing as in attention. Katharopoulos et al. 2020, Transformers are RNNs, equations 9, 18 and 19. Needs no memory
/// of T x T, nor of T x M x D. `least` is for features whose products may be negative; it is 1e-19 at least (double:
/// 1e-154), so that a sum of 0 gives 0. With a state
/// the tape must be paused. Not causal: every t sees all s, those beyond options.lengths excepted, and keys do not
/// decay. Causal: lengths hide nothing, since what is padded stands behind. There is no dropout.
template <class T>
Tensor<T> linear_attention(Tensor<T> q, Tensor<T> k, Tensor<T> v, const AttentionOptions& options,
                           KeyWeights<T> weights = {}, double least = 0, LinearState<T> state = {}) {
  const long H = options.heads, K = options.key_heads();
  const bool fits = q.shape.rank == 3 && k.shape.rank == 3 && v.shape.rank == 3 && H > 0 && H % K == 0 &&
                    q.shape[2] % H == 0 && v.shape[2] % K == 0 &&
                    k.shape == Shape{q.shape[0], q.shape[1], q.shape[2] / H * K} && v.shape[0] == k.shape[0] &&
                    v.shape[1] == k.shape[1];
  if (!fits)
    refuse("linear_attention", "expected q [B, T, H M], k [B, T, K M] and v [B, T, K D], got " + q.shape.text() + ", " +
                                   k.shape.text() + " and " + v.shape.text());
  const long B = q.shape[0], steps = q.shape[1], M = q.shape[2] / H, D = v.shape[2] / K;
  for (const Tensor<T>& w : {weights.weight, weights.decay})
    if (w) expect_shape("linear_attention", "weights", w, {B, steps, K});
  Tape<T>& tape = tape_of("linear_attention", {q, k, v, weights.weight, weights.decay});
  if (options.dropout.probability > 0) refuse("linear_attention", "expected no dropout: there is no pattern to drop");
  expect_lengths("linear_attention", options.lengths, B, steps);
  if (state.numbers && tape.recording()) refuse("linear_attention", "expected a paused tape: a state has no gradient");
  if (!options.causal) {
    if (weights.decay) refuse("linear_attention", "expected causal attention where keys decay");
    return linear_attention_whole(q, k, v, options, weights.weight, least);
  }
  Tensor<T> y = tape.output({B, steps, H * D}, {q, k, v, weights.weight, weights.decay});
  T* const share = tape.template keep<T>(B * K * steps);                            // [B, K, T]
  T* const normaliser = tape.template keep<T>(B * H * steps);                       // [B, H, T]
  const auto rows = [=]<class U>(U* x, long b, long n, long heads, long columns) {  // of head n of sequence b
    return StateRows<U>{x ? x + (b * steps * heads + n) * columns : nullptr, heads * columns};
  };
  const long cost = 4 * steps * M * (D + 1), group = H / K, size = M * (D + 1) + 2;
  const auto head = [=](long b, long n) {
    const long at = n / group;
    return LinearHead<T>{
        rows(q.data(), b, n, H, M),   rows(k.data(), b, at, K, M),        rows(v.data(), b, at, K, D), steps, M, D,
        share + (b * K + at) * steps, static_cast<T>(least_sum<T>(least))};
  };
  const double sums = static_cast<double>(B * K), reads = static_cast<double>(B * H);
  tape.multiplier.count({M, D + 1, steps, true, false, sums});    // k^T [v, 1]
  tape.multiplier.count({steps, D + 1, M, false, false, reads});  // q of that
  each_with_scratch(tape, B * K, cost * group, head(0, 0).scratch(), [=](long i, T* scratch) {
    const long b = i / K, last = i % K * group + group - 1;  // of the heads that read one head of keys, in turn
    T* const saved = state.numbers ? state.numbers + i * size : nullptr;
    const auto numbers = [=](Tensor<T> w) { return w ? w.data() + b * steps * K + i % K : nullptr; };
    double total = -std::numeric_limits<double>::infinity();
    if (state.past > 0) std::memcpy(&total, saved + size - 2, sizeof total);
    shares_of_keys<T>(steps, numbers(weights.weight), numbers(weights.decay), K, total, share + i * steps);
    for (long n = last + 1 - group; n <= last; ++n)
      head(b, n).forward(rows(y.data(), b, n, H, D), normaliser + (b * H + n) * steps, saved, state.past,
                         saved && n == last, scratch);
    if (saved) std::memcpy(saved + size - 2, &total, sizeof total);
  });
  return tape.record("linear_attention", y, [=, t = &tape](const T* dy) {
    const auto dq = t->grad(q), dk = t->grad(k), dv = t->grad(v);
    const auto dw = t->grad(weights.weight), dd = t->grad(weights.decay);
    Multiplier& counter = t->multiplier;
    counter.count({M, D + 1, steps, true, false, reads});                     // q^T d[N, z]
    if (dq) counter.count({steps, M, D + 1, false, true, reads});             // dq
    if (dk || dw || dd) counter.count({steps, M, D + 1, false, true, sums});  // dk
    if (dv) counter.count({steps, D, M, false, false, sums});                 // dv
    each_with_scratch(*t, B * K, 3 * cost * group, head(0, 0).scratch() + steps, [=](long i, T* e) {
      const long b = i / K, first = i % K * group;
      std::fill_n(e, steps, T(0));
      for (long n = first; n < first + group; ++n) {
        const LinearHeadGradient<T> to{rows(dq.data, b, n, H, M),
                                       rows(dk.data, b, i % K, K, M),
                                       rows(dv.data, b, i % K, K, D),
                                       dq.add,
                                       dk.add || n > first,
                                       dv.add || n > first,
                                       e};
        head(b, n).backward(rows(y.data(), b, n, H, D), rows(dy, b, n, H, D), normaliser + (b * H + n) * steps, to,
                            e + steps);
      }
      T rest = 0;  // decay[t] weighs all keys before t: sum over s >= t of -e[s]
      for (long j = steps - 1; j >= 0; --j) {
        const long at = (b * steps + j) * K + i % K;
        rest -= e[j];
        if (dw) dw.data[at] = (dw.add ? dw.data[at] : 0) + e[j];
        if (dd) dd.data[at] = (dd.add ? dd.data[at] : 0) + rest;
      }
    });
  });
}

// ---- the same from primitives ---------------------------------------------------------------------------------------

/// The similarities q[t] k[s], times what share of the weights that t sees key s has: [B, H, T, S].
template <class T>
Tensor<T> linear_attention_scores(Tensor<T> q, Tensor<T> k, const AttentionOptions& options, KeyWeights<T> weights) {
  const long B = q.shape[0], queries = q.shape[1], keys = k.shape[1], H = options.heads, K = options.key_heads();
  Tape<T>& tape = *q.tape;
  Tensor<T> w = weights.weight ? weights.weight : tape.constant({B, keys, K}, std::vector<T>(B * keys * K));
  if (weights.decay) {  // decay[s + 1] + ... + decay[t] = a[t] - a[s], of which a[t] is the same for all keys
    std::vector<T> lower(B * keys * keys);
    for (long i = 0; i < B * keys * keys; ++i) lower[i] = i % keys <= i / keys % keys ? T(1) : T(0);
    w = subtract(w, matmul(tape.constant({B, keys, keys}, lower), weights.decay));
  }
  const Tensor<T> heads = reshape(split_key_heads(w, options), {B, H, keys});
  const Tensor<T> shares = softmax(hide(permute(repeat(heads, queries), {1, 2, 0, 3}), options));
  return multiply(matmul(split_heads(q, H), permute(split_key_heads(k, options), {0, 1, 3, 2})), shares);
}

/// Scores [B, H, T, S] -> pattern: each row divided by its sum.
template <class T>
Tensor<T> linear_attention_pattern(Tensor<T> scores, double least) {
  return divide(scores, spread(at_least(sum_last(scores), least), scores.shape[3]));
}

template <class Table>
void linear_attention_examples(Table& table) {
  static constexpr int lengths[] = {3, 2};
  const auto textbook = []<class T>(const std::vector<Tensor<T>>& in, const AttentionOptions& o, KeyWeights<T> w,
                                    double least) {
    return attention_apply(linear_attention_pattern(linear_attention_scores(in[0], in[1], o, w), least), in[2], o);
  };
  const AttentionOptions causal{2, true}, grouped{4, true, {}, {}, 2}, both_ways{2, false},
      padded{4, false, lengths, {}, 2};
  for (const AttentionOptions& o : {causal, grouped, both_ways, padded})
    for (const double least : {0.0, 1.93}) {
      const long H = o.heads, K = o.key_heads();
      const auto shapes = [=](long steps, long M, long D) {
        std::vector<Shape> all{{2, steps, H * M}, {2, steps, K * M}, {2, steps, K * D}, {2, steps, K}};
        if (o.causal) all.push_back({2, steps, K});
        return all;
      };
      const auto wrong = [=](int which, Shape shape) {
        auto all = shapes(4, 3, 2);
        all[which] = shape;
        return all;
      };
      const auto weights = [](auto& in) {
        KeyWeights w{in[3], in[3]};
        w.decay = in.size() > 4 ? scale(in[4], -0.5) : decltype(w.decay){};  // nearly as much for all keys
        return w;
      };
      table.add(
          {"linear_attention",
           {shapes(3, 2, 1), shapes(9, 3, 2), shapes(5, 2, 9)},
           {wrong(0, {2, 4, H * 3 + 1}), wrong(1, {2, 3, K * 3}), wrong(2, {2, 4}), wrong(3, {2, 4, K + 1})},
           0.1,
           1.5},
          [=](auto& in) { return linear_attention(in[0], in[1], in[2], o, weights(in), least); },
          [=](auto& in) { return textbook(in, o, weights(in), least); });
      table.add(
          {"linear_attention", {{{2, 7, H * 3}, {2, 7, K * 3}, {2, 7, K * 2}}}, {}, 0.1, 1.5},
          [=](auto& in) { return linear_attention(in[0], in[1], in[2], o, {}, least); },
          [=](auto& in) { return textbook(in, o, {}, least); });
    }
}

}  // namespace primer::autograd::PRIMER_COMPILED
