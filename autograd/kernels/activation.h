// Kernels of the activations, on one row of numbers.
#pragma once

#include "autograd/activation.h"
#include "autograd/vector_math.h"

namespace primer::autograd::inline PRIMER_COMPILED {

/// y[i] = f(x[i])
template <class T, class F>
void map_row(const T* x, long n, T* y, F f) {
#pragma omp simd
  for (long i = 0; i < n; ++i) y[i] = f(x[i]);
}

template <class T>
void activate_row(Activation kind, const T* x, long n, T* y) {
  switch (kind) {
    case Activation::gelu: return map_row(x, n, y, [](T v) { return fast::gelu(v); });
    case Activation::gelu_erf: return map_row(x, n, y, [](T v) { return fast::gelu_erf(v); });
    case Activation::relu: return map_row(x, n, y, [](T v) { return v < 0 ? T(0) : v; });
  }
}

/// dx[i] = dy[i] f'(x[i]); dx may be dy.
template <class T, class F>
void slope_row(const T* x, const T* dy, long n, T* dx, F slope) {
#pragma omp simd
  for (long i = 0; i < n; ++i) dx[i] = dy[i] * slope(x[i]);
}

template <class T>
void activate_row_backward(Activation kind, const T* x, const T* dy, long n, T* dx) {
  switch (kind) {
    case Activation::gelu: return slope_row(x, dy, n, dx, [](T v) { return fast::gelu_grad(v); });
    case Activation::gelu_erf: return slope_row(x, dy, n, dx, [](T v) { return fast::gelu_erf_grad(v); });
    case Activation::relu: return slope_row(x, dy, n, dx, [](T v) { return v > 0 ? T(1) : T(0); });
  }
}

/// Both at once, since value and slope share most of their work: y[i] = f(x[i]) and d[i] *= f'(x[i]).
template <class T, class F, class G>
void map_and_slope_row(const T* x, long n, T* y, T* d, F f, G slope) {
#pragma omp simd
  for (long i = 0; i < n; ++i) {
    const T v = x[i];
    y[i] = f(v);
    d[i] *= slope(v);
  }
}

template <class T>
void activate_row_again(Activation kind, const T* x, long n, T* y, T* d) {
  const auto both = [=](auto f, auto slope) { map_and_slope_row(x, n, y, d, f, slope); };
  switch (kind) {
    case Activation::gelu: return both([](T v) { return fast::gelu(v); }, [](T v) { return fast::gelu_grad(v); });
    case Activation::gelu_erf:
      return both([](T v) { return fast::gelu_erf(v); }, [](T v) { return fast::gelu_erf_grad(v); });
    case Activation::relu: return both([](T v) { return v < 0 ? T(0) : v; }, [](T v) { return v > 0 ? T(1) : T(0); });
  }
}

}  // namespace primer::autograd::inline PRIMER_COMPILED
