// Kernels of the activations, on one row of numbers.
#pragma once

#include "autograd/options.h"
#include "autograd/vector_math.h"

namespace primer::autograd::PRIMER_COMPILED {

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

/// y[i] = f(x[i]), gated f(x[i]) up[i]
template <bool gated, class T, class F>
void map_row(const T* x, const T* up, long n, T* y, F f) {
#pragma omp simd
  for (long i = 0; i < n; ++i) y[i] = gated ? f(x[i]) * up[i] : f(x[i]);
}

/// `up` may be null: then nothing is gated.
template <class T>
void activate_row(Activation kind, const T* x, const T* up, long n, T* y) {
  with_activation<T>(kind, [=](auto f, auto) { up ? map_row<true>(x, up, n, y, f) : map_row<false>(x, up, n, y, f); });
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

/// y as above and, since value and slope share most of their work, the gradients too: of y's, which is d, those of x
/// and of up, dx[i] = d[i] up[i] f'(x[i]) and d[i] *= f(x[i]). Not gated dx[i] = d[i] f'(x[i]), and dx may be d.
template <bool gated, class T, class F, class G>
void map_and_slope_row(const T* x, const T* up, long n, T* y, T* d, T* dx, F f, G slope) {
#pragma omp simd
  for (long i = 0; i < n; ++i) {
    const T v = x[i], value = f(v), dy = d[i];
    y[i] = gated ? value * up[i] : value;
    if (gated) d[i] = dy * value;
    dx[i] = (gated ? dy * up[i] : dy) * slope(v);
  }
}

template <class T>
void activate_row_again(Activation kind, const T* x, const T* up, long n, T* y, T* d, T* dx) {
  with_activation<T>(kind, [=](auto f, auto slope) {
    if (up) map_and_slope_row<true>(x, up, n, y, d, dx, f, slope);
    else map_and_slope_row<false>(x, up, n, y, d, dx, f, slope);
  });
}

}  // namespace primer::autograd::PRIMER_COMPILED
