// Kernels of additive alignment, on one query and one key of n channels.
#pragma once

#include "autograd/vector_math.h"

namespace primer::autograd::PRIMER_COMPILED {

/// v' tanh(q + k)
template <class T>
T additive_score(const T* q, const T* k, const T* v, long n) {
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (long c = 0; c < n; ++c) total += v[c] * fast::tanh(q[c] + k[c]);
  return total;
}

/// Adds to the gradients of q, k and v, from de, that of the score.
template <class T>
void additive_score_backward(T de, const T* q, const T* k, const T* v, long n, T* dq, T* dk, T* dv) {
#pragma omp simd
  for (long c = 0; c < n; ++c) {
    const T u = fast::tanh(q[c] + k[c]), d = de * v[c] * (1 - u * u);
    dq[c] += d, dk[c] += d, dv[c] += de * u;
  }
}

}  // namespace primer::autograd::PRIMER_COMPILED
