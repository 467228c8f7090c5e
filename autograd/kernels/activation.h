// Kernels of the activations, on one row of numbers.
#pragma once

#include "autograd/activation.h"
#include "autograd/vector_math.h"

namespace primer::autograd {

/// Calls use(f, slope): the function of this kind, of one number, and its derivative.
template <class T, class Use>
void with_activation(Activation kind, Use use) {
  switch (kind) {
    case Activation::gelu: return use([](T v) { return fast::gelu(v); }, [](T v) { return fast::gelu_grad(v); });
    case Activation::gelu_erf:
      return use([](T v) { return fast::gelu_erf(v); }, [](T v) { return fast::gelu_erf_grad(v); });
    case Activation::relu: return use([](T v) { return v < 0 ? T(0) : v; }, [](T v) { return v > 0 ? T(1) : T(0); });
    case Activation::relu2:
      return use([](T v) { return v < 0 ? T(0) : v * v; }, [](T v) { return v > 0 ? 2 * v : T(0); });
    case Activation::swiglu: return use([](T v) { return fast::silu(v); }, [](T v) { return fast::silu_grad(v); });
  }
}

/// y[i] = f(x[i])
template <class T, class F>
void map_row(const T* x, long n, T* y, F f) {
#pragma omp simd
  for (long i = 0; i < n; ++i) y[i] = f(x[i]);
}

template <class T>
void activate_row(Activation kind, const T* x, long n, T* y) {
  with_activation<T>(kind, [=](auto f, auto) { map_row(x, n, y, f); });
}

/// dx[i] = dy[i] f'(x[i]); dx may be dy.
template <class T, class F>
void slope_row(const T* x, const T* dy, long n, T* dx, F slope) {
#pragma omp simd
  for (long i = 0; i < n; ++i) dx[i] = dy[i] * slope(x[i]);
}

template <class T>
void activate_row_backward(Activation kind, const T* x, const T* dy, long n, T* dx) {
  with_activation<T>(kind, [=](auto, auto slope) { slope_row(x, dy, n, dx, slope); });
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
  with_activation<T>(kind, [=](auto f, auto slope) { map_and_slope_row(x, n, y, d, f, slope); });
}

/// y[i] = f(gate[i]) x[i]
template <class T, class F>
void map_gate_row(const T* gate, const T* x, long n, T* y, F f) {
#pragma omp simd
  for (long i = 0; i < n; ++i) y[i] = f(gate[i]) * x[i];
}

template <class T>
void gate_row(Activation kind, const T* gate, const T* x, long n, T* y) {
  with_activation<T>(kind, [=](auto f, auto) { map_gate_row(gate, x, n, y, f); });
}

/// y as above, and of its gradient d those of gate and x: dg[i] = d[i] x[i] f'(gate[i]), d[i] *= f(gate[i]).
template <class T, class F, class G>
void map_and_slope_gate_row(const T* gate, const T* x, long n, T* y, T* d, T* dg, F f, G slope) {
#pragma omp simd
  for (long i = 0; i < n; ++i) {
    const T v = gate[i], value = f(v), dy = d[i];
    y[i] = value * x[i];
    dg[i] = dy * x[i] * slope(v);
    d[i] = dy * value;
  }
}

template <class T>
void gate_row_again(Activation kind, const T* gate, const T* x, long n, T* y, T* d, T* dg) {
  with_activation<T>(kind, [=](auto f, auto slope) { map_and_slope_gate_row(gate, x, n, y, d, dg, f, slope); });
}

}  // namespace primer::autograd
