// Kernels of recurrent cells, on one row of H channels at one step; autograd/ops/recurrent.h has the equations. g, a
// row of gates: what the input brings becomes what the gates are, and in backward the gradient of the former.
#pragma once

#include "autograd/vector_math.h"

namespace primer::autograd::PRIMER_COMPILED {

/// g[i] = f(g[i] + u[i])
template <class T, class F>
void gate_row(const T* u, long n, T* g, F f) {
#pragma omp simd
  for (long i = 0; i < n; ++i) g[i] = f(g[i] + u[i]);
}

/// h after the step, from h before it, u = U h and d; inner = U_n h + d.
template <class T>
void gru_row(const T* u, const T* d, const T* before, long H, T* g, T* inner, T* h) {
  gate_row(u, 2 * H, g, [](T x) { return fast::sigmoid(x); });
  const T *r = g, *z = r + H;
#pragma omp simd
  for (long k = 0; k < H; ++k) {
    inner[k] = u[2 * H + k] + d[k];
    const T n = g[2 * H + k] = fast::tanh(g[2 * H + k] + r[k] * inner[k]);
    h[k] = n + z[k] * (before[k] - n);
  }
}

/// c and h after the step, from c before it and u = U h.
template <class T>
void lstm_row(const T* u, const T* before, long H, T* g, T* c, T* h) {
  gate_row(u, 2 * H, g, [](T x) { return fast::sigmoid(x); });
  gate_row(u + 2 * H, H, g + 2 * H, [](T x) { return fast::tanh(x); });
  gate_row(u + 3 * H, H, g + 3 * H, [](T x) { return fast::sigmoid(x); });
#pragma omp simd
  for (long k = 0; k < H; ++k) {
    c[k] = g[H + k] * before[k] + g[k] * g[2 * H + k];
    h[k] = g[3 * H + k] * fast::tanh(c[k]);
  }
}

/// dy + dh is the gradient of h after the step; dh of h before it is left but for what goes through U.
template <class T>
void rnn_row_backward(const T* dy, long H, T* g, T* dh) {
#pragma omp simd
  for (long k = 0; k < H; ++k) g[k] = (dy[k] + dh[k]) * (1 - g[k] * g[k]), dh[k] = 0;
}

/// inner becomes its own gradient, in which n's differs from what the input brought.
template <class T>
void gru_row_backward(const T* dy, const T* before, long H, T* g, T* inner, T* dh) {
  T *r = g, *z = r + H, *n = z + H;
#pragma omp simd
  for (long k = 0; k < H; ++k) {
    const T d = dy[k] + dh[k], dn = d * (1 - z[k]) * (1 - n[k] * n[k]), dr = dn * inner[k] * r[k] * (1 - r[k]);
    dh[k] = d * z[k];
    z[k] = d * (before[k] - n[k]) * z[k] * (1 - z[k]);
    inner[k] = dn * r[k], r[k] = dr, n[k] = dn;
  }
}

/// dc: the gradient of c after the step, and then before it.
template <class T>
void lstm_row_backward(const T* dy, const T* before, const T* c, long H, T* g, T* dh, T* dc) {
  T *i = g, *f = i + H, *j = f + H, *o = j + H;
#pragma omp simd
  for (long k = 0; k < H; ++k) {
    const T y = fast::tanh(c[k]), d = dy[k] + dh[k], e = dc[k] + d * o[k] * (1 - y * y);
    const T di = e * j[k] * i[k] * (1 - i[k]);
    dh[k] = 0, dc[k] = e * f[k];
    o[k] = d * y * o[k] * (1 - o[k]);
    f[k] = e * before[k] * f[k] * (1 - f[k]);
    j[k] = e * i[k] * (1 - j[k] * j[k]), i[k] = di;
  }
}

}  // namespace primer::autograd::PRIMER_COMPILED
