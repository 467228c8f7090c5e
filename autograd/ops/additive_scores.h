// additive_scores: how well queries and keys fit by a layer of tanh units. Bahdanau, Cho & Bengio 2015, appendix A.1.2.
#pragma once

#include <limits>

#include "autograd/kernels/alignment.h"
#include "autograd/ops/attention.h"
#include "autograd/ops/linear.h"

namespace primer::autograd::PRIMER_COMPILED {

/// e[b, t, j] = v' tanh(q[b, t] + k[b, j]); q [B, T, n], k [B, S, n], v [n], e [B, T, S]. lengths [B], real keys of
/// each sequence, or none for all: -inf behind them, which softmax makes 0. The tanh units, [B, T, S, n], are never
/// kept: backward makes them again.
template <class T>
Tensor<T> additive_scores(Tensor<T> q, Tensor<T> k, Tensor<T> v, std::span<const int> lengths = {}) {
  const long n = v.shape.last();
  if (q.shape.rank != 3 || k.shape.rank != 3 || q.shape[0] != k.shape[0] || q.shape[2] != n || k.shape[2] != n)
    refuse("additive_scores", "expected q [B, T, n], k [B, S, n] and v [n], got " + q.shape.text() + ", " +
                                  k.shape.text() + " and " + v.shape.text());
  expect_shape("additive_scores", "weights v", v, {n});
  const long B = q.shape[0], steps = q.shape[1], keys = k.shape[1];
  expect_lengths("additive_scores", lengths, B, keys);
  Tape<T>& tape = tape_of("additive_scores", {q, k, v});
  Tensor<T> e = tape.output({B, steps, keys}, {q, k, v});
  const int* kept = lengths.empty() ? nullptr : tape.keep(lengths);  // [B]
  const auto real = [=](long b) { return kept ? kept[b] : keys; };
  long pairs = 0;  // of a query and a key
  for (long b = 0; b < B; ++b) pairs += steps * real(b);
  tape.multiplier.count({pairs, 1, n, false, true, 1});  // e = tanh(q + k) v
  const long cost = 20 * steps * keys * n;
  tape.split(B, cost, [=](long begin, long end, int) {
    for (long b = begin; b < end; ++b)
      for (long t = 0; t < steps; ++t) {
        T* row = e.data() + (b * steps + t) * keys;
        std::fill_n(row, keys, -std::numeric_limits<T>::infinity());
        for (long j = 0; j < real(b); ++j)
          row[j] = additive_score(q.data() + (b * steps + t) * n, k.data() + (b * keys + j) * n, v.data(), n);
      }
  });
  return tape.record("additive_scores", e, [=, t = &tape](const T* de) {
    T *dq = t->grad_zeroed(q), *dk = t->grad_zeroed(k);
    t->multiplier.count({1, n, pairs, true, false, 1});   // dv = de^T tanh(q + k)
    t->multiplier.count({pairs, n, 1, false, false, 1});  // d tanh = de v^T
    const auto dv = t->scratch(B * n);                    // of each sequence
    const auto unused = t->scratch(threads() * n);        // the gradient of what wants none
    t->each(threads() * n, [none = unused.data()](long i) { none[i] = 0; });
    t->split(B, 2 * cost, [=, sums = dv.data(), none = unused.data()](long begin, long end, int thread) {
      for (long b = begin; b < end; ++b) {
        std::fill_n(sums + b * n, n, T(0));
        for (long i = 0; i < steps; ++i)
          for (long j = 0; j < real(b); ++j) {
            const long at = (b * steps + i) * n, key = (b * keys + j) * n;
            additive_score_backward(de[(b * steps + i) * keys + j], q.data() + at, k.data() + key, v.data(), n,
                                    dq ? dq + at : none + thread * n, dk ? dk + key : none + thread * n, sums + b * n);
          }
      }
    });
    if (auto into = t->grad(v)) add_columns(*t, dv.data(), B, n, into);
  });
}

/// additive_scores from primitives.
template <class T>
Tensor<T> additive_scores_textbook(Tensor<T> q, Tensor<T> k, Tensor<T> v, std::span<const int> lengths = {}) {
  const long B = q.shape[0], steps = q.shape[1], keys = k.shape[1], n = v.size();
  const Tensor<T> every_q = permute(spread(reshape(q, {B * steps, n}), keys), {0, 2, 1});  // [B T, S, n]
  const Tensor<T> every_k = permute(repeat(reshape(k, {B, keys * n}), steps), {1, 0, 2});  // [B, T, S n]
  const Tensor<T> units = tanh(add(reshape(every_q, {B * steps * keys, n}), reshape(every_k, {B * steps * keys, n})));
  const Tensor<T> scores = matmul(units, reshape(on(*q.tape, v), {n, 1}));
  return reshape(hide(reshape(scores, {B, 1, steps, keys}), {1, false, lengths}), {B, steps, keys});
}

template <class Table>
void additive_scores_examples(Table& table) {
  static constexpr int ends[] = {3, 1};
  const std::span<const int> lengths = ends;
  const std::vector<std::vector<Shape>> shapes = {{{2, 3, 5}, {2, 4, 5}, {5}},
                                                  {{1, 1, 1}, {1, 1, 1}, {1}},
                                                  {{3, 1, 19}, {3, 2, 19}, {19}},
                                                  {{0, 1, 2}, {0, 1, 2}, {2}}};
  table.add(
      {"additive_scores",
       shapes,
       {{{2, 3, 5}, {2, 4, 4}, {5}},
        {{2, 3, 5}, {1, 4, 5}, {5}},
        {{2, 3, 5}, {2, 4, 5}, {1, 5}},
        {{3, 5}, {2, 4, 5}, {5}}}},
      [](auto& in) { return additive_scores(in[0], in[1], in[2]); },
      [](auto& in) { return additive_scores_textbook(in[0], in[1], in[2]); });
  table.add(
      {"additive_scores", {{{2, 3, 5}, {2, 4, 5}, {5}}}},
      [=](auto& in) { return softmax(additive_scores(in[0], in[1], in[2], lengths)); },
      [=](auto& in) { return softmax(additive_scores_textbook(in[0], in[1], in[2], lengths)); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
