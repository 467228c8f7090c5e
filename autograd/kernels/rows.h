// Kernels on one row of numbers: free functions on plain pointers, which compilers turn into vector code; as loops
// inside a capturing lambda they would be left in memory. The loops ask for vectors with `omp simd`.
#pragma once

#include <cmath>

#include "autograd/vector_math.h"

namespace primer::autograd::PRIMER_COMPILED {

/// sum of a[i] b[i]
template <class T>
T dot_row(const T* a, const T* b, long n) {
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (long i = 0; i < n; ++i) total += a[i] * b[i];
  return total;
}

template <class T>
T sum_row(const T* x, long n) {
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (long i = 0; i < n; ++i) total += x[i];
  return total;
}

/// The largest of n >= 1 numbers. NaNs are passed over here; they show in the sum that follows.
template <class T>
T max_row(const T* x, long n) {
  T largest = x[0];
#pragma omp simd reduction(max : largest)
  for (long i = 0; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

/// y[i] = e^(x[i] - shift); returns their sum. y may be x.
template <class T>
T exp_row(const T* x, T shift, long n, T* y) {
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (long i = 0; i < n; ++i) total += y[i] = fast::exp(x[i] - shift);
  return total;
}

/// True if one of x[0] ... x[n-1] is NaN or infinite.
template <class T>
bool any_not_finite(const T* x, long n) {
  T probe = 0;  // 0 * finite = 0; anything else makes it NaN for good
#pragma omp simd reduction(+ : probe)
  for (long i = 0; i < n; ++i) probe += x[i] * 0;
  return probe != 0 || probe != probe;
}

/// y[i] += factor x[i]
template <class T>
void add_row(const T* x, T factor, long n, T* y) {
#pragma omp simd
  for (long i = 0; i < n; ++i) y[i] += factor * x[i];
}

/// x[i] *= factor
template <class T>
void scale_row(T* x, T factor, long n) {
#pragma omp simd
  for (long i = 0; i < n; ++i) x[i] *= factor;
}

/// x[i] += offset
template <class T>
void shift_row(T* x, T offset, long n) {
#pragma omp simd
  for (long i = 0; i < n; ++i) x[i] += offset;
}

template <class T>
void softmax_row(const T* x, long n, T* y) {
  if (n == 0) return;
  const T total = exp_row(x, max_row(x, n), n, y);
  scale_row(y, 1 / total, n);
}

}  // namespace primer::autograd::PRIMER_COMPILED
