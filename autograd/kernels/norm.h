// Kernels of layer norm and RMS norm, on one row of C numbers. Both are y = (x - mean) inverse w + b; a row that is not
// `centred` keeps its mean, and 0 stands for it.
#pragma once

#include <cmath>

#include "autograd/kernels/rows.h"
#include "autograd/parallel.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y = (x - mean) inverse w + b, inverse = 1 / sqrt(mean of (x - mean)^2 + epsilon); b may be null. The variance is
/// taken from the mean, in two passes: stable.
template <bool centred, class T>
void norm_row(const T* x, const T* w, const T* b, T epsilon, long C, T* y, T& mean, T& inverse) {
  const T m = centred ? sum_row(x, C) / static_cast<T>(C) : 0;
  T squares = 0;
#pragma omp simd reduction(+ : squares)
  for (long c = 0; c < C; ++c) squares += (x[c] - m) * (x[c] - m);
  const T s = 1 / std::sqrt(squares / static_cast<T>(C) + epsilon);
  if (b) {
#pragma omp simd
    for (long c = 0; c < C; ++c) y[c] = (x[c] - m) * s * w[c] + b[c];
  } else {
#pragma omp simd
    for (long c = 0; c < C; ++c) y[c] = (x[c] - m) * s * w[c];
  }
  mean = m;
  inverse = s;
}

/// sum_w[c] += dy[c] xhat[c], sum_b[c] += dy[c], with xhat = (x - mean) inverse.
template <class T>
void norm_columns(const T* x, const T* dy, T mean, T inverse, long C, T* sum_w, T* sum_b) {
#pragma omp simd
  for (long c = 0; c < C; ++c) {
    sum_w[c] += dy[c] * ((x[c] - mean) * inverse);
    sum_b[c] += dy[c];
  }
}

/// dx = inverse (g - mean of g if centred - xhat mean of (g xhat)), with g = dy w; assigned or added.
template <bool centred, bool add, class T>
void norm_row_backward(const T* x, const T* w, const T* dy, T mean, T inverse, long C, T* dx) {
  T sum_g = 0, sum_gx = 0;
#pragma omp simd reduction(+ : sum_g, sum_gx)
  for (long c = 0; c < C; ++c) {
    const T g = dy[c] * w[c];
    sum_g += g;
    sum_gx += g * ((x[c] - mean) * inverse);
  }
  const T mean_g = centred ? sum_g / static_cast<T>(C) : 0, mean_gx = sum_gx / static_cast<T>(C);
#pragma omp simd
  for (long c = 0; c < C; ++c) {
    const T d = inverse * (dy[c] * w[c] - mean_g - (x[c] - mean) * inverse * mean_gx);
    dx[c] = add ? dx[c] + d : d;
  }
}

}  // namespace primer::autograd::PRIMER_COMPILED
