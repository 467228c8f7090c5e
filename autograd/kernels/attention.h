// Attention of one head of one sequence, in strips of query rows. The pattern, queries by keys, is never held whole:
// forward keeps the logarithm of each row's normaliser, and backward makes the pattern again from it
// (Rabe & Staats 2021; Dao et al. 2022, FlashAttention).
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/kernels/dropout.h"
#include "autograd/kernels/rows.h"
#include "autograd/kernels/tile.h"

namespace primer::autograd::PRIMER_COMPILED {

/// One head's queries [queries, D], keys and values [keys, D], rows a stride apart.
template <class T>
struct Head {
  const T *q, *k, *v;
  long q_stride, k_stride, v_stride;
  long queries, keys, D;
  long real_keys;   // keys beyond are padding
  bool causal;      // query i sees keys 0 ... i + keys - queries
  long mask_begin;  // index of the pattern's first element for dropout, row-major [queries, keys]

  static constexpr long block = 72;  // query rows at a time in backward, whole strips

  /// How many keys query i sees, from the first on.
  long visible(long i) const { return causal ? std::min(real_keys, i + 1 + keys - queries) : real_keys; }
  T factor() const { return 1 / std::sqrt(static_cast<T>(D)); }

  // What forward and backward need as scratch, in numbers.
  long wide() const { return Tile<T>::padded(keys); }
  long forward_scratch() const { return wide() * D + keys * Tile<T>::padded(D) + Tile<T>::rows * wide(); }
  long backward_scratch() const {
    return 2 * wide() * D + (keys + 2 * block) * Tile<T>::padded(D) + 3 * block * wide();
  }
};

/// Turns the scores of query i, `row` [seen], into e^(score - largest) with dropout, followed by zeros up to `width`
/// and to the end of a vector, and returns 1 / their sum before dropout; 0 for a query that sees nothing.
template <class T>
T softmax_scores(const Head<T>& h, const DropoutMask<T>& mask, long i, long seen, long width, T* row, T& normaliser) {
  const long even = Tile<T>::whole_vectors(seen);
  std::fill(row + seen, row + even, -std::numeric_limits<T>::infinity());
  const T largest = seen > 0 ? max_row(row, even) : T(0);
  const T total = exp_row(row, largest, even, row);
  std::fill(row + even, row + std::max(even, width), T(0));
  normaliser = largest + std::log(total);
  if (mask.active()) mask.apply(h.mask_begin + i * h.keys, even, row, nullptr, row);
  return seen > 0 ? 1 / total : T(0);
}

/// Forward for few queries, as when decoding: keys and values are read, not packed. The sums are in the same order.
template <class T>
void attention_forward_few(const Head<T>& h, const DropoutMask<T>& mask, T* out, long out_stride, T* normaliser,
                           T* pattern) {
  const long wide = h.wide(), D = h.D;
  multiply_few<T>(h.queries, 0, h.keys, h.keys, D, D, h.q, h.q_stride, h.k, h.k_stride, h.factor(), false,
                  {pattern, wide, 1});
  for (long i = 0; i < h.queries; ++i) {
    const long seen = std::max(h.visible(i), 0L);
    T *o = out + i * out_stride, *p = pattern + i * wide;
    const T inverse = softmax_scores(h, mask, i, seen, seen, p, normaliser[i]);
    std::fill_n(o, D, T(0));
    for (long j = 0; j < seen; ++j) add_row(h.v + j * h.v_stride, p[j], D, o);
    scale_row(o, inverse, D);
  }
}

/// out[i] = sum over visible j of pattern[i, j] v[j], pattern = softmax(factor q k^T) with dropout;
/// normaliser[i] = ln sum over j of e^(factor q[i] k[j]). scratch: h.forward_scratch().
template <class T>
void attention_forward(const Head<T>& h, const DropoutMask<T>& mask, T* out, long out_stride, T* normaliser,
                       T* scratch) {
  if (h.queries <= 4 && h.keys >= Tile<T>::width)
    return attention_forward_few(h, mask, out, out_stride, normaliser, scratch);
  const long wide = h.wide(), D = h.D, packed = h.keys * Tile<T>::padded(D);
  T* k = scratch;           // factor k^T [D, keys], in panels
  T* v = k + wide * D;      // v [keys, D], in panels
  T* pattern = v + packed;  // [strip, wide]
  pack(transposed(h.k, h.k_stride), D, h.keys, h.factor(), k);
  pack(as_is(h.v, h.v_stride), h.keys, D, T(1), v);
  // A row's pattern is 0 at keys it does not see, and 0 times NaN would let a later token change an earlier one:
  // values that are not finite are left out of the product and added where they are seen.
  const bool careful = h.visible(0) < h.real_keys && any_not_finite(v, packed);
  for (long i = 0; careful && i < packed; ++i)
    if (!std::isfinite(v[i])) v[i] = 0;

  for (long first = 0; first < h.queries; first += Tile<T>::rows) {
    const long rows = std::min<long>(Tile<T>::rows, h.queries - first);
    const long width = std::max(h.visible(first + rows - 1), 0L);
    T *o = out + first * out_stride, inverse[Tile<T>::rows];
    multiply_strip<T>(rows, width, D, {h.q + first * h.q_stride, h.q_stride, 1}, k, D, false, {pattern, wide, 1});
    for (long r = 0; r < rows; ++r) {
      const long seen = std::max(h.visible(first + r), 0L);
      inverse[r] = softmax_scores(h, mask, first + r, seen, width, pattern + r * wide, normaliser[first + r]);
    }
    multiply_strip<T>(rows, D, width, {pattern, wide, 1}, v, h.keys, false, {o, out_stride, 1});
    for (long r = 0; careful && r < rows; ++r)
      for (long j = 0; j < h.visible(first + r); ++j)
        for (long d = 0; d < D; ++d) {
          const T x = h.v[j * h.v_stride + d];
          if (!std::isfinite(x)) o[r * out_stride + d] += pattern[r * wide + j] * x;
        }
    for (long r = 0; r < rows; ++r) scale_row(o + r * out_stride, inverse[r], D);
  }
}

/// Where a head's gradients go: rows strides apart as in Head, each assigned or added to; null where none is wanted.
template <class T>
struct HeadGradient {
  T *dq, *dk, *dv;
  bool add_q, add_k, add_v;
};

/// p[j] = e^(p[j] - normaliser): the row of the pattern again.
template <class T>
void pattern_again_row(T* p, T normaliser, long n) {
#pragma omp simd
  for (long j = 0; j < n; ++j) p[j] = fast::exp(p[j] - normaliser);
}

/// ds[j] = p[j] (dp[j] - delta)
template <class T>
void scores_gradient_row(const T* p, T delta, long n, T* dp) {
#pragma omp simd
  for (long j = 0; j < n; ++j) dp[j] = p[j] * (dp[j] - delta);
}

/// m[j] becomes p[j] m[j], and dp[j] m[j] too.
template <class T>
void drop_row(const T* p, long n, T* m, T* dp) {
#pragma omp simd
  for (long j = 0; j < n; ++j) {
    dp[j] *= m[j];
    m[j] *= p[j];
  }
}

/// The gradients of q, k and v from that of out. With p the pattern and m dropout's factors:
/// dv = (p m)^T dout, dp = (dout v^T) m, ds = p (dp - sum over j of dp p), dq = factor ds k, dk = factor ds^T q.
/// The sum over j equals dout . out, so that it needs no pass over the keys. scratch: h.backward_scratch().
template <class T>
void attention_backward(const Head<T>& h, const DropoutMask<T>& mask, const T* out, const T* dout, long out_stride,
                        const T* normaliser, HeadGradient<T> g, T* scratch) {
  // The last block sees the most keys: it goes first, and assigns what the others then add to.
  const long widest = h.queries > 0 ? std::max(h.visible(h.queries - 1), 0L) : 0, D = h.D, wide = h.wide();
  const auto clear = [&h](T* dx, long stride, long from) {
    for (long j = from; j < h.keys; ++j) std::fill_n(dx + j * stride, h.D, T(0));
  };
  if (g.dk && !g.add_k) clear(g.dk, h.k_stride, widest);
  if (g.dv && !g.add_v) clear(g.dv, h.v_stride, widest);

  constexpr long block = Head<T>::block, strip = Tile<T>::rows;
  T* k = scratch;                                            // factor k^T [D, keys], in panels
  T* v = k + wide * D;                                       // v^T [D, keys], in panels
  T* k_rows = v + wide * D;                                  // factor k [keys, D], in panels
  T* q = k_rows + h.keys * Tile<T>::padded(D);               // factor q of a block [block, D], in panels
  T* d = q + block * Tile<T>::padded(D);                     // dout of a block [block, D], in panels
  T* pattern = d + block * Tile<T>::padded(D);               // [block, wide]
  T* ds = pattern + block * wide;                            // [block, wide]
  T* dropped = mask.active() ? ds + block * wide : pattern;  // pattern times m
  pack(transposed(h.k, h.k_stride), D, h.keys, h.factor(), k);
  pack(transposed(h.v, h.v_stride), D, h.keys, T(1), v);
  if (g.dq) pack(as_is(h.k, h.k_stride), h.keys, D, h.factor(), k_rows);

  for (long first = (h.queries - 1) / block * block; first >= 0 && h.queries > 0; first -= block) {
    const long rows = std::min(block, h.queries - first);
    const long width = std::max(h.visible(first + rows - 1), 0L);  // of the block
    for (long begin = 0; begin < rows; begin += strip) {
      const long n = std::min(strip, rows - begin), at = first + begin;
      const long seen_by_strip = std::max(h.visible(at + n - 1), 0L);
      T *p = pattern + begin * wide, *s = ds + begin * wide;
      const T* dy = dout + at * out_stride;
      multiply_strip<T>(n, seen_by_strip, D, {h.q + at * h.q_stride, h.q_stride, 1}, k, D, false, {p, wide, 1});
      multiply_strip<T>(n, seen_by_strip, D, {dy, out_stride, 1}, v, D, false, {s, wide, 1});
      for (long r = 0; r < n; ++r) {
        const long seen = std::max(h.visible(at + r), 0L), even = Tile<T>::whole_vectors(seen);
        T *pr = p + r * wide, *sr = s + r * wide, *mr = dropped + (begin + r) * wide;
        std::fill(pr + seen, pr + even, -std::numeric_limits<T>::infinity());
        pattern_again_row(pr, normaliser[at + r], even);
        std::fill(pr + even, pr + std::max(even, width), T(0));
        std::fill(sr + seen, sr + std::max(even, width), T(0));
        if (mask.active()) {
          mask.factors(h.mask_begin + (at + r) * h.keys, even, mr);
          drop_row(pr, even, mr, sr);
          std::fill(mr + even, mr + std::max(even, width), T(0));
        }
        scores_gradient_row(pr, dot_row(dy + r * out_stride, out + (at + r) * out_stride, D), even, sr);
      }
      if (g.dq)
        multiply_strip<T>(n, D, seen_by_strip, {s, wide, 1}, k_rows, h.keys, g.add_q,
                          {g.dq + at * h.q_stride, h.q_stride, 1});
    }
    if (g.dk) pack(as_is(h.q + first * h.q_stride, h.q_stride), rows, D, h.factor(), q);
    if (g.dv) pack(as_is(dout + first * out_stride, out_stride), rows, D, T(1), d);
    const bool add = first + block < h.queries;
    for (long j = 0; j < width; j += strip) {
      const long n = std::min(strip, width - j);
      const long from = h.causal ? std::max(0L, j - (h.keys - h.queries) - first) : 0;  // the first row that sees key j
      const auto rows_of = [=](const T* x) { return Left<T>{x + from * wide + j, 1, wide}; };
      constexpr long columns = Tile<T>::columns;
      if (g.dv)
        multiply_strip<T>(n, D, rows - from, rows_of(dropped), d + from * columns, rows, add || g.add_v,
                          {g.dv + j * h.v_stride, h.v_stride, 1});
      if (g.dk)
        multiply_strip<T>(n, D, rows - from, rows_of(ds), q + from * columns, rows, add || g.add_k,
                          {g.dk + j * h.k_stride, h.k_stride, 1});
    }
  }
}

}  // namespace primer::autograd::PRIMER_COMPILED
