// attention: scaled dot-product attention over several heads, causal or not, with padding and dropout.
#pragma once

#include <span>

#include "autograd/example.h"
#include "autograd/expect.h"
#include "autograd/kernels/attention.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/softmax.h"

namespace primer::autograd::PRIMER_COMPILED {

/// What a query may look at.
struct AttentionOptions {
  long heads = 1;
  bool causal = false;                // query i sees keys 0 ... i (shifted by keys - queries if these differ)
  std::span<const int> lengths = {};  // [B], real keys of each sequence; none: all of them
  Dropout dropout = {};               // on the pattern
  long kv_heads = 0;                  // K, of keys and values: K divides heads; 0: as many

  long key_heads() const { return kv_heads > 0 ? kv_heads : heads; }
};

/// Shapes of an attention, and the rows of q, k and v: apart, or side by side in one array.
template <class T>
struct AttentionLayout {
  Tensor<T> q, k, v;
  long q_at, k_at, v_at;              // the column where each begins
  long q_stride, k_stride, v_stride;  // from row to row
  long B, queries, keys, H, K, D;     // K heads of keys and values, each read by H / K heads of queries in a row
  long apart;  // rows from one sequence's keys to the next one's: more than `keys` where room is left for others

  /// Where what head n of sequence b reads begins in each.
  long q_offset(long b, long n) const { return b * queries * q_stride + q_at + n * D; }
  long k_offset(long b, long n) const { return b * apart * k_stride + k_at + n * K / H * D; }
  long v_offset(long b, long n) const { return b * apart * v_stride + v_at + n * K / H * D; }
};

template <class T>
AttentionLayout<T> attention_layout(Tensor<T> q, Tensor<T> k, Tensor<T> v, const AttentionOptions& options) {
  if (q.shape.rank != 3 || k.shape.rank != 3 || !(k.shape == v.shape) || q.shape[0] != k.shape[0])
    refuse("attention", "expected q [B, T, H D] and k, v [B, S, K D], got " + q.shape.text() + ", " + k.shape.text() +
                            " and " + v.shape.text());
  const long C = q.shape[2], E = k.shape[2], H = options.heads, K = options.key_heads();
  if (H < 1 || H % K != 0 || C % H != 0 || C / H * K != E)
    refuse("attention", "expected queries of H heads, and keys of K heads of their size, K a divisor of H, got H = " +
                            std::to_string(H) + ", K = " + std::to_string(K) + ", " + q.shape.text() + " and " +
                            k.shape.text());
  return {q, k, v, 0, 0, 0, C, E, E, q.shape[0], q.shape[1], k.shape[1], H, K, C / H, k.shape[1]};
}

/// The three of a packed [B, T, (H + 2 K) D]: columns of queries, then keys, then values.
template <class T>
AttentionLayout<T> attention_layout(Tensor<T> qkv, const AttentionOptions& options) {
  const long H = options.heads, K = options.key_heads();
  if (qkv.shape.rank != 3 || H < 1 || qkv.shape[2] % (H + 2 * K) != 0)
    refuse("attention", "expected qkv [B, T, (H + 2 K) D], H = " + std::to_string(H) + ", K = " + std::to_string(K) +
                            ", got " + qkv.shape.text());
  const long D = qkv.shape[2] / (H + 2 * K);
  Tensor<T> q = qkv, k = qkv;  // only for their shapes
  q.shape = qkv.shape.with_last(H * D);
  k.shape = qkv.shape.with_last(K * D);
  AttentionLayout<T> layout = attention_layout(q, k, k, options);
  layout.k_at = H * D;
  layout.v_at = (H + K) * D;
  layout.q_stride = layout.k_stride = layout.v_stride = qkv.shape[2];
  layout.q = layout.k = layout.v = qkv;
  return layout;
}

/// Of queries, and another tensor that has keys and values side by side, keys first: q [B, T, H D], kv [B, S, 2 K D].
template <class T>
AttentionLayout<T> attention_layout(Tensor<T> q, Tensor<T> kv, const AttentionOptions& options) {
  if (kv.shape.rank != 3 || kv.shape[2] % 2 != 0)
    refuse("attention", "expected kv [B, S, 2 K D], got " + kv.shape.text());
  const long E = kv.shape[2] / 2;
  Tensor<T> k = kv;  // only for its shape
  k.shape = kv.shape.with_last(E);
  AttentionLayout<T> layout = attention_layout(q, k, k, options);
  layout.v_at = E;
  layout.k_stride = layout.v_stride = 2 * E;
  layout.k = layout.v = kv;
  return layout;
}

/// Calls f(i, scratch) for i = 0 ... n - 1 in parallel, where one may take longer than another. scratch [room] is the
/// thread's own, contents undefined.
template <class T, class F>
void each_with_scratch(Tape<T>& tape, long n, long cost, long room, F f) {
  const auto all = tape.scratch(threads() * room);
  if (tape.computes()) each_unequal(n, cost, [=, s = all.data()](long i, int thread) { f(i, s + thread * room); });
}

template <class T>
Tensor<T> attention(const AttentionLayout<T>& at, const AttentionOptions& options) {
  expect_lengths("attention", options.lengths, at.B, at.keys);
  expect_probability("attention", options.dropout.probability);
  Tape<T>& tape = tape_of("attention", {at.q, at.k, at.v});
  const long B = at.B, H = at.H, K = at.K, C = at.H * at.D, queries = at.queries, keys = at.keys;
  Tensor<T> y = tape.output({B, queries, C}, {at.q, at.k, at.v});
  T* normaliser = tape.template keep<T>(B * H * queries);                               // [B, H, queries]
  const int* lengths = options.lengths.empty() ? nullptr : tape.keep(options.lengths);  // [B]
  const DropoutMask<T> mask(tape, options.dropout, B * H * queries * keys);

  const auto head = [=, causal = options.causal](long b, long n) {
    const T *q = at.q.data() + at.q_offset(b, n), *k = at.k.data() + at.k_offset(b, n);
    const T* v = at.v.data() + at.v_offset(b, n);
    const long real = lengths ? lengths[b] : keys, mask_begin = (b * H + n) * queries * keys;
    return Head<T>{q, k, v, at.q_stride, at.k_stride, at.v_stride, queries, keys, at.D, real, causal, mask_begin};
  };
  const long cost = 4 * queries * keys * at.D;  // of one head
  // Counted are the textbook's products, of them what is seen: the kernel makes the pattern again in backward.
  long pairs = 0;  // of a query and a key that it sees, in a head of every sequence
  for (long b = 0; b < B; ++b)
    for (long i = 0; i < queries; ++i) pairs += std::max(head(b, 0).visible(i), 0L);
  const double times = static_cast<double>(H * pairs) / static_cast<double>(std::max(queries * keys, 1L));
  tape.multiplier.count({queries, keys, at.D, false, true, times});   // scores = q k^T
  tape.multiplier.count({queries, at.D, keys, false, false, times});  // y = pattern v
  each_with_scratch(tape, B * H, cost, head(0, 0).forward_scratch(), [=](long i, T* scratch) {
    const long b = i / H, n = i % H;
    attention_forward(head(b, n), mask, y.data() + b * queries * C + n * at.D, C, normaliser + i * queries, scratch);
  });
  return tape.record("attention", y, [=, t = &tape](const T* dy) {
    // packed, the three gradients are one array: asked for once, since asking says it is written
    const auto dq = t->grad(at.q);
    const auto dk = at.k.node == at.q.node ? dq : t->grad(at.k);
    const auto dv = at.v.node == at.q.node ? dq : at.v.node == at.k.node ? dk : t->grad(at.v);
    Multiplier& counter = t->multiplier;
    if (dv) counter.count({keys, at.D, queries, true, false, times});        // dv = pattern^T dy
    if (dq || dk) counter.count({queries, keys, at.D, false, true, times});  // d pattern = dy v^T
    if (dq) counter.count({queries, at.D, keys, false, false, times});       // dq = d scores k
    if (dk) counter.count({keys, at.D, queries, true, false, times});        // dk = d scores^T q
    each_with_scratch(*t, B * K, 3 * cost * (H / K), head(0, 0).backward_scratch(), [=](long i, T* scratch) {
      const long b = i / K, first = i % K * (H / K);  // of the heads that read one head of keys and values, in turn
      const auto begin = [](Into<T> d, long offset) { return d ? d.data + offset : nullptr; };
      for (long n = first; n < first + H / K; ++n) {
        T *q = begin(dq, at.q_offset(b, n)), *k = begin(dk, at.k_offset(b, n)), *v = begin(dv, at.v_offset(b, n));
        const HeadGradient<T> g{q, k, v, dq.add, dk.add || n > first, dv.add || n > first};
        const long o = b * queries * C + n * at.D;
        attention_backward(head(b, n), mask, y.data() + o, dy + o, C, normaliser + (b * H + n) * queries, g, scratch);
      }
    });
  });
}

/// y = concat over heads of softmax(q k^T / sqrt(D) + mask) v; q [B, T, H D], k and v [B, S, K D], y [B, T, H D].
/// Vaswani et al. 2017, equation 1. With fewer heads of keys and values, head n reads that of n K / H, rounded down:
/// Ainslie et al. 2023, GQA. A query that sees no key gives 0. q, k and v are three different tensors.
template <class T>
Tensor<T> attention(Tensor<T> q, Tensor<T> k, Tensor<T> v, const AttentionOptions& options) {
  if (q.node == k.node || q.node == v.node || k.node == v.node)
    refuse("attention", "expected three different tensors; pack them as [q | k | v] or copy one with scale(x, 1)");
  return attention(attention_layout(q, k, v, options), options);
}

/// The same from one packed qkv [B, T, (H + 2 K) D]: columns of queries, then keys, then values.
template <class T>
Tensor<T> attention(Tensor<T> qkv, const AttentionOptions& options) {
  return attention(attention_layout(qkv, options), options);
}

// ---- the same from primitives: what attention is, and the way when its pattern is asked for -------------------------

/// Heads apart: [B, T, C] -> [B, H, T, D].
template <class T>
Tensor<T> split_heads(Tensor<T> x, long heads) {
  return permute(reshape(x, {x.shape[0], x.shape[1], heads, x.shape[2] / heads}), {0, 2, 1, 3});
}

/// Heads of keys or values [B, K, ...], each as often as it is read: [B, H, ...].
template <class T>
Tensor<T> read_heads(Tensor<T> x, const AttentionOptions& options) {
  const long H = options.heads, K = options.key_heads(), B = x.shape[0];
  if (K == H) return x;
  std::vector<int> read;  // [B, H]
  for (long i = 0; i < B * H; ++i) read.push_back(static_cast<int>(i * K / H));
  const Tensor<T> rows = reshape(x, {B * K, x.shape.trailing(2)});
  return reshape(gather<T>(*x.tape, rows, read), {B, H, x.shape[2], x.shape[3]});
}

/// The same of keys or values [B, S, K D], each head as often as it is read: [B, H, S, D].
template <class T>
Tensor<T> split_key_heads(Tensor<T> x, const AttentionOptions& options) {
  return read_heads(split_heads(x, options.key_heads()), options);
}

/// Heads side by side again: [B, H, T, D] -> [B, T, H D].
template <class T>
Tensor<T> join_heads(Tensor<T> x) {
  return reshape(permute(x, {0, 2, 1, 3}), {x.shape[0], x.shape[2], x.shape[1] * x.shape[3]});
}

/// Scores [B, H, T, S] with -inf where a query may not look.
template <class T>
Tensor<T> hide(Tensor<T> scores, const AttentionOptions& options) {
  if (!options.causal && options.lengths.empty()) return scores;
  const long H = scores.shape[1], queries = scores.shape[2], keys = scores.shape[3];
  const Tensor<T> mask = scores.tape->output(scores.shape, {});
  scores.tape->each(scores.size(), [&](long i) {
    const long j = i % keys, query = i / keys % queries, b = i / (keys * queries * H);
    const bool hidden =
        (options.causal && j > query + keys - queries) || (!options.lengths.empty() && j >= options.lengths[b]);
    mask.data()[i] = hidden ? -std::numeric_limits<T>::infinity() : T(0);
  });
  return add(scores, mask);
}

/// The scores q k^T / sqrt(D), with -inf where a query may not look: [B, H, T, S].
template <class T>
Tensor<T> attention_scores(Tensor<T> q, Tensor<T> k, const AttentionOptions& options) {
  const AttentionLayout<T> at = attention_layout(q, k, k, options);
  return hide(scale(matmul(split_heads(q, at.H), permute(split_key_heads(k, options), {0, 1, 3, 2})),
                    1 / std::sqrt(static_cast<double>(at.D))),
              options);
}

/// Who looks at whom: pattern [B, H, T, S], every row a distribution over keys.
template <class T>
Tensor<T> attention_pattern(Tensor<T> q, Tensor<T> k, const AttentionOptions& options) {
  return softmax(attention_scores(q, k, options));
}

/// What the heads bring home along a pattern [B, H, T, S]: [B, T, H D] from v [B, S, K D].
template <class T>
Tensor<T> attention_apply(Tensor<T> pattern, Tensor<T> v, const AttentionOptions& options) {
  return join_heads(matmul(dropout(pattern, options.dropout), split_key_heads(v, options)));
}

template <class Table>
void attention_examples(Table& table) {
  static constexpr int lengths[] = {3, 1};
  const auto textbook = [](auto q, auto k, auto v, const AttentionOptions& o) {
    return attention_apply(attention_pattern(q, k, o), v, o);
  };
  for (const AttentionOptions options :
       {AttentionOptions{2, false}, {2, true}, {1, true, lengths}, {2, false, lengths}, {2, true, {}, {0.5, 3}}}) {
    const long B = options.lengths.empty() ? 3 : 2;
    const auto square = [B](long T_, long C) { return std::vector<Shape>{{B, T_, C}, {B, T_, C}, {B, T_, C}}; };
    table.add(
        {"attention",
         {square(3, 4), square(7, 6), square(67, 2)},
         {{{3, 4}, {3, 4}, {3, 4}}, {{B, 3, 4}, {B, 3, 6}, {B, 3, 6}}}},
        [options](auto& in) { return attention(in[0], in[1], in[2], options); },
        [=](auto& in) { return textbook(in[0], in[1], in[2], options); });
    table.add(
        {"attention", {{{B, 5, 12}}, {{B, 3, 6}}}, {{{B, 5, 7}}, {{5, 12}}}},
        [options](auto& in) { return attention(in[0], options); },
        [=](auto& in) {
          const long C = in[0].shape[2] / 3;
          return textbook(slice(in[0], 2, 0, C), slice(in[0], 2, C, C), slice(in[0], 2, 2 * C, C), options);
        });
  }
  for (const AttentionOptions& grouped : {AttentionOptions{4, true, {}, {0.5, 3}, 2}, {6, false, lengths, {}, 1}}) {
    const long H = grouped.heads, K = grouped.kv_heads;
    const auto shapes = [=](long T_, long D) {
      return std::vector<Shape>{{2, T_, H * D}, {2, T_, K * D}, {2, T_, K * D}};
    };
    table.add(
        {"attention", {shapes(3, 1), shapes(7, 3), shapes(75, 1)}, {{{2, 3, 12}, {2, 3, 12}, {2, 3, 12}}}},
        [grouped](auto& in) { return attention(in[0], in[1], in[2], grouped); },
        [=](auto& in) { return textbook(in[0], in[1], in[2], grouped); });
    table.add(
        {"attention", {{{2, 5, (H + 2 * K) * 3}}}, {{{2, 5, 12}}}},
        [grouped](auto& in) { return attention(in[0], grouped); },
        [=](auto& in) {
          const long D = in[0].shape[2] / (H + 2 * K);
          return textbook(slice(in[0], 2, 0, H * D), slice(in[0], 2, H * D, K * D), slice(in[0], 2, (H + K) * D, K * D),
                          grouped);
        });
  }
  const AttentionOptions last{2, true};  // queries are the last of the keys, as when decoding
  table.add(
      {"attention", {{{2, 3, 4}, {2, 5, 4}, {2, 5, 4}}}},
      [last](auto& in) { return attention(in[0], in[1], in[2], last); },
      [=](auto& in) { return textbook(in[0], in[1], in[2], last); });
  static constexpr int most[] = {66, 2};  // of keys of another sequence, more and fewer than queries
  for (const AttentionOptions& cross : {AttentionOptions{2}, {4, false, most, {0.5, 3}, 2}}) {
    const long H = cross.heads, K = cross.key_heads();
    table.add(
        {"attention",
         {{{2, 75, H * 2}, {2, 67, K * 4}}, {{2, 7, H}, {2, 66, K * 2}}, {{2, 3, H * 3}, {2, 70, K * 6}}},
         {{{2, 3, H}, {2, 70, K * 2 + 1}}, {{2, 3, H}, {3, 70, K * 2}}, {{6, H}, {2, 70, K * 2}}}},
        [cross](auto& in) { return attention(attention_layout(in[0], in[1], cross), cross); },
        [=](auto& in) {
          const long E = in[1].shape[2] / 2;
          return textbook(in[0], slice(in[1], 2, 0, E), slice(in[1], 2, E, E), cross);
        });
  }
}

}  // namespace primer::autograd::PRIMER_COMPILED
