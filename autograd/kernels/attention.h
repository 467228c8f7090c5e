// Attention of one head of one sequence, in blocks of query rows. The pattern, queries by keys, is never held whole:
// forward keeps the logarithm of each row's normaliser, and backward makes the pattern again from it
// (Rabe & Staats 2021; Dao et al. 2022, FlashAttention).
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/blas.h"
#include "autograd/kernels/dropout.h"
#include "autograd/kernels/rows.h"

namespace primer::autograd {

/// One head's queries [queries, D], keys and values [keys, D], rows a stride apart.
template <class T>
struct Head {
  const T *q, *k, *v;
  long q_stride, k_stride, v_stride;
  long queries, keys, D;
  long real_keys;  // keys beyond are padding
  bool causal;     // query i sees keys 0 ... i + keys - queries
  long mask_begin; // index of the pattern's first element for dropout, row-major [queries, keys]

  static constexpr long block = 64;  // query rows at a time

  /// How many keys query i sees, from the first on.
  long visible(long i) const { return causal ? std::min(real_keys, i + 1 + keys - queries) : real_keys; }
  T factor() const { return 1 / std::sqrt(static_cast<T>(D)); }
};

/// True if a number of rows [count, D] is NaN or infinite.
template <class T>
bool any_not_finite(const T* x, long stride, long count, long D) {
  T probe = 0;  // 0 * finite = 0; anything else makes it NaN for good
  for (long r = 0; r < count; ++r) {
    const T* row = x + r * stride;
#pragma omp simd reduction(+ : probe)
    for (long d = 0; d < D; ++d) probe += row[d] * 0;
  }
  return probe != 0 || probe != probe;
}

/// scores[r, j] = factor q[first + r] . k[j], for the rows of a block and its `width` keys.
template <class T>
void attention_scores(const Head<T>& h, long first, long rows, long width, T* scores) {
  gemm<T>(rows, width, h.D, h.factor(), as_is(h.q + first * h.q_stride, h.q_stride), transposed(h.k, h.k_stride), 0,
          scores, width);
}

/// out[i] = sum over visible j of pattern[i, j] v[j], pattern = softmax(factor q k^T) with dropout;
/// normaliser[i] = ln sum over j of e^(factor q[i] k[j]). scratch: [block, keys] and [keys, D].
template <class T>
void attention_forward(const Head<T>& h, const DropoutMask<T>& mask, T* out, long out_stride, T* normaliser,
                       T* scratch) {
  // A row's pattern is 0 at keys it does not see, and 0 times NaN would let a later token change an earlier one:
  // values that are not finite are left out of the product and added where they are seen. Where the first row sees
  // all keys, as when decoding, none is unseen.
  const bool careful = h.visible(0) < h.real_keys && any_not_finite(h.v, h.v_stride, h.real_keys, h.D);
  const T* v = h.v;
  long v_stride = h.v_stride;
  if (careful) {
    T* finite = scratch + Head<T>::block * h.keys;
    for (long j = 0; j < h.real_keys; ++j)
      for (long d = 0; d < h.D; ++d) {
        const T x = h.v[j * h.v_stride + d];
        finite[j * h.D + d] = std::isfinite(x) ? x : T(0);
      }
    v = finite;
    v_stride = h.D;
  }
  for (long first = 0; first < h.queries; first += Head<T>::block) {
    const long rows = std::min(Head<T>::block, h.queries - first);
    const long width = std::max(h.visible(first + rows - 1), 0L);
    T* pattern = scratch;  // [rows, width]
    T* o = out + first * out_stride;
    if (width == 0) {
      for (long r = 0; r < rows; ++r) {
        std::fill_n(o + r * out_stride, h.D, T(0));
        normaliser[first + r] = -std::numeric_limits<T>::infinity();
      }
      continue;
    }
    attention_scores(h, first, rows, width, pattern);
    T inverse[Head<T>::block];
    for (long r = 0; r < rows; ++r) {
      T* row = pattern + r * width;
      const long seen = std::max(h.visible(first + r), 0L);
      const T largest = seen > 0 ? max_row(row, seen) : T(0);
      const T total = exp_row(row, largest, seen, row);
      std::fill(row + seen, row + width, T(0));
      inverse[r] = seen > 0 ? 1 / total : T(0);
      normaliser[first + r] = largest + std::log(total);
      if (mask.active()) mask.apply(h.mask_begin + (first + r) * h.keys, seen, row, nullptr, row);
    }
    gemm<T>(rows, h.D, width, 1, as_is<T>(pattern, width), as_is(v, v_stride), 0, o, out_stride);
    for (long r = 0; careful && r < rows; ++r)
      for (long j = 0; j < h.visible(first + r); ++j)
        for (long d = 0; d < h.D; ++d) {
          const T x = h.v[j * h.v_stride + d];
          if (!std::isfinite(x)) o[r * out_stride + d] += pattern[r * width + j] * x;
        }
    for (long r = 0; r < rows; ++r) scale_row(o + r * out_stride, inverse[r], h.D);
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

/// The gradients of q, k and v from that of out. With p the pattern and m dropout's factors:
/// dv = (p m)^T dout, dp = (dout v^T) m, ds = p (dp - sum over j of dp p), dq = factor ds k, dk = factor ds^T q.
/// The sum over j equals dout . out, so that it needs no pass over the keys. scratch: three of [block, keys].
template <class T>
void attention_backward(const Head<T>& h, const DropoutMask<T>& mask, const T* out, const T* dout, long out_stride,
                        const T* normaliser, HeadGradient<T> g, T* scratch) {
  // The last block sees the most keys: it goes first, and assigns what the others then add to.
  const long widest = h.queries > 0 ? std::max(h.visible(h.queries - 1), 0L) : 0;
  T beta_k = g.add_k ? T(1) : T(0), beta_v = g.add_v ? T(1) : T(0);
  const auto clear = [&h](T* dx, long stride, long from) {
    for (long j = from; j < h.keys; ++j) std::fill_n(dx + j * stride, h.D, T(0));
  };
  if (g.dk && !g.add_k) clear(g.dk, h.k_stride, widest);
  if (g.dv && !g.add_v) clear(g.dv, h.v_stride, widest);
  for (long first = (h.queries - 1) / Head<T>::block * Head<T>::block; first >= 0 && h.queries > 0;
       first -= Head<T>::block) {
    const long rows = std::min(Head<T>::block, h.queries - first);
    const long width = std::max(h.visible(first + rows - 1), 0L);
    T* dq = g.dq ? g.dq + first * h.q_stride : nullptr;
    if (width == 0) {
      for (long r = 0; dq && !g.add_q && r < rows; ++r) std::fill_n(dq + r * h.q_stride, h.D, T(0));
      continue;
    }
    const T* d = dout + first * out_stride;
    T* pattern = scratch;                     // [rows, width]
    T* ds = scratch + Head<T>::block * h.keys;  // [rows, width]
    T* dropped = mask.active() ? ds + Head<T>::block * h.keys : pattern;  // pattern times m
    attention_scores(h, first, rows, width, pattern);
    gemm<T>(rows, width, h.D, 1, as_is(d, out_stride), transposed(h.v, h.v_stride), 0, ds, width);
    for (long r = 0; r < rows; ++r) {
      const long seen = std::max(h.visible(first + r), 0L);
      T *p = pattern + r * width, *s = ds + r * width;
      pattern_again_row(p, normaliser[first + r], seen);
      std::fill(p + seen, p + width, T(0));
      if (mask.active()) {
        T* m = dropped + r * width;
        mask.factors(h.mask_begin + (first + r) * h.keys, seen, m);
#pragma omp simd
        for (long j = 0; j < seen; ++j) {
          s[j] *= m[j];
          m[j] *= p[j];
        }
        std::fill(m + seen, m + width, T(0));
      }
      const T delta = dot_row(d + r * out_stride, out + (first + r) * out_stride, h.D);
      scores_gradient_row(p, delta, seen, s);
      std::fill(s + seen, s + width, T(0));
    }
    if (g.dv)
      gemm<T>(width, h.D, rows, 1, transposed<T>(dropped, width), as_is(d, out_stride), beta_v, g.dv, h.v_stride);
    if (dq)
      gemm<T>(rows, h.D, width, h.factor(), as_is<T>(ds, width), as_is(h.k, h.k_stride), g.add_q ? T(1) : T(0), dq,
              h.q_stride);
    if (g.dk)
      gemm<T>(width, h.D, rows, h.factor(), transposed<T>(ds, width), as_is(h.q + first * h.q_stride, h.q_stride),
              beta_k, g.dk, h.k_stride);
    beta_k = beta_v = 1;
  }
}

}  // namespace primer::autograd
