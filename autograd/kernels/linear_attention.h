// Linear attention of one head of one sequence, as a recurrence over a state that does not grow.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/kernels/rows.h"
#include "autograd/kernels/tile.h"

namespace primer::autograd::PRIMER_COMPILED {

/// Row t begins at data + t stride. A negative stride: the rows from the last to the first.
template <class T>
struct StateRows {
  T* data;
  long stride;

  T* operator[](long t) const { return data + t * stride; }
  operator StateRows<const T>() const { return {data, stride}; }
};

/// One vector of columns of walk_state, `count` steps at once, so that the state is read and written once for all.
template <int count, class T>
void walk_columns(long n, const T* const* a, const T* const* c, const T* fade, const typename Tile<T>::Vector* b,
                  T* state, long stride, typename Tile<T>::Vector* out) {
  using V = typename Tile<T>::Vector;
  V y[count], x[count], f[count];
  for (int k = 0; k < count; ++k) y[k] = V{}, x[k] = b[k], f[k] = fade[k] - V{};
  for (long i = 0; i < n; ++i) {
    V& at = *reinterpret_cast<V*>(state + i * stride);
    V s = at;
#pragma GCC unroll 4
    for (int k = 0; k < count; ++k) {
      s = f[k] * s + a[k][i] * x[k];
      y[k] += c[k][i] * s;
    }
    at = s;
  }
  for (int k = 0; k < count; ++k) out[k] = y[k];
}

/// For t = 0 ... steps-1: s[i] = fade[t] s[i] + a[t][i] b[t] and out[t] = sum over i of c[t][i] s[i], where s [n, m] is
/// the state, its rows padded to whole vectors; a[t], c[t] [n], b[t], out[t] [m].
template <class T>
void walk_state(long steps, long n, long m, StateRows<const T> fade, StateRows<const T> a, StateRows<const T> b,
                StateRows<const T> c, T* state, StateRows<T> out) {
  using V = typename Tile<T>::Vector;
  constexpr long width = Tile<T>::width, most = 4;
  const long stride = Tile<T>::whole_vectors(m);
  for (long j = 0; j < m; j += width)
    for (long t = 0; t < steps;) {
      const long count = t + most <= steps ? most : 1, some = std::min(width, m - j);
      const T *at[most], *ct[most];
      T ft[most];
      alignas(64) V x[most] = {}, y[most];
      for (long k = 0; k < count; ++k) {
        at[k] = a[t + k], ct[k] = c[t + k], ft[k] = *fade[t + k];
        std::copy_n(b[t + k] + j, some, reinterpret_cast<T*>(&x[k]));
      }
      (count == most ? walk_columns<most, T> : walk_columns<1, T>)(n, at, ct, ft, x, state + j, stride, y);
      for (long k = 0; k < count; ++k) std::copy_n(reinterpret_cast<T*>(&y[k]), some, out[t + k] + j);
      t += count;
    }
}

/// The share p of each key in the weights up to it, and `total`, the logarithm of their sum, carried on:
/// total' = ln(e^(total + decay) + e^weight), p = e^(weight - total'). weight and decay: a number a step, or null for
/// 0.
template <class T>
void shares_of_keys(long steps, const T* weight, const T* decay, long stride, double& total, T* share) {
  for (long t = 0; t < steps; ++t) {
    const double own = weight ? weight[t * stride] : 0, before = total + (decay ? decay[t * stride] : 0);
    const double largest = std::max(own, before);
    total = largest + std::log(std::exp(own - largest) + std::exp(before - largest));
    share[t] = static_cast<T>(std::exp(own - total));
  }
}

/// Where a head's gradients go: rows as in LinearHead, each assigned or added to; null where none is wanted. e [steps],
/// d loss / d ln(what a key weighs), is added to.
template <class T>
struct LinearHeadGradient {
  StateRows<T> dq, dk, dv;
  bool add_q, add_k, add_v;
  T* e;
};

/// One head's maps of queries and keys [steps, M] and its values [steps, D]. With p[t] the share of key t among the
/// weights of keys 0 ... t, the state is the mean S[t] = (1 - p[t]) S[t - 1] + p[t] k[t] [v[t], 1]^T over the keys up
/// to t, and with [N, z] = q[t] S[t] the head brings N / max(z, least).
template <class T>
struct LinearHead {
  StateRows<const T> q, k, v;
  long steps, M, D;
  const T* share;  // [steps], p
  T least;         // above 0

  long state() const { return std::max(M * Tile<T>::whole_vectors(D + 1), (D + 1) * Tile<T>::whole_vectors(M)); }
  long scratch() const { return state() + (steps + 1) + steps * (2 * (D + 1) + std::max(M, D + 1)); }

  /// saved [M, D + 1]: the state to begin with, if past > 0, and to leave; or null. y [steps, D]; normaliser [steps],
  /// max(z, least). scratch: scratch().
  void forward(StateRows<T> y, T* normaliser, T* saved, long past, bool leave, T* scratch) const {
    const Parts at = parts(scratch);
    const long wide = Tile<T>::whole_vectors(D + 1);
    for (long i = 0; past > 0 && i < M; ++i) std::copy_n(saved + i * (D + 1), D + 1, at.state + i * wide);
    walk_state<T>(steps, M, D + 1, {at.fade, 1}, k, {at.values, D + 1}, q, at.state, {at.rows, D + 1});
    for (long t = 0; t < steps; ++t) {
      const T *mean = at.rows + t * (D + 1), z = normaliser[t] = std::max(mean[D], least);
      for (long d = 0; d < D; ++d) y[t][d] = mean[d] / z;
    }
    for (long i = 0; leave && i < M; ++i) std::copy_n(at.state + i * wide, D + 1, saved + i * (D + 1));
  }

  /// From no past. The gradient of [N, z] is g = [dy, -dy y] / z, or [dy, 0] / z where z was raised. Then
  ///   dq[t] = S[t] g[t],   dk[t] = p[t] R[t] [v[t], 1],   dv[t] = p[t] R[t]^T k[t],
  /// with R[t] = (1 - p[t + 1]) R[t + 1] + q[t] g[t]^T. A factor on all weights changes nothing, so
  ///   e[t] = dk[t] k[t] - p[t] r[t],   r[t] = g[t] [N, z][t] + (1 - p[t + 1]) r[t + 1].
  void backward(StateRows<const T> y, StateRows<const T> dy, const T* normaliser, const LinearHeadGradient<T>& to,
                T* scratch) const {
    const Parts at = parts(scratch);
    const long E = D + 1, last = steps - 1;
    T* const slopes = at.rows + steps * std::max(M, E);  // g [steps, E]
    for (long t = 0; t < steps; ++t) {
      T *g = slopes + t * E, z = normaliser[t], inverse = 1 / z;
      for (long d = 0; d < D; ++d) g[d] = dy[t][d] * inverse;
      g[D] = z == least ? T(0) : -dot_row(dy[t], y[t], D) * inverse;
    }
    const auto back = [=](StateRows<const T> x) { return StateRows<const T>{x[last], -x.stride}; };
    const StateRows<const T> values{at.values, E}, g{slopes, E}, fade{at.fade, 1}, late{at.fade + steps, -1};
    const auto put = [&](long n, StateRows<T> dx, bool add) {
      for (long t = 0; t < steps && dx.data; ++t) {
        if (!add) std::fill_n(dx[t], n, T(0));
        add_row(at.rows + t * n, T(1), n, dx[t]);
      }
    };
    if (to.dq.data) {
      walk_state<T>(steps, E, M, fade, values, k, g, at.state, {at.rows, M});
      put(M, to.dq, to.add_q);
    }
    std::fill_n(at.state, state(), T(0));
    walk_state<T>(steps, E, M, late, back(g), back(q), back(values), at.state, {at.rows + last * M, -M});
    put(M, to.dk, to.add_k);
    T r = 0;
    for (long t = last; t >= 0; --t) {
      r = at.fade[t + 1] * r + (normaliser[t] == least ? dot_row(dy[t], y[t], D) : T(0));
      to.e[t] += dot_row<T>(at.rows + t * M, k[t], M) - share[t] * r;
    }
    if (!to.dv.data) return;
    std::fill_n(at.state, state(), T(0));
    walk_state<T>(steps, M, D, late, back(q), back(g), back(k), at.state, {at.rows + last * D, -D});
    for (long t = 0; t < steps; ++t) scale_row(at.rows + t * D, share[t], D);
    put(D, to.dv, to.add_v);
  }

 private:
  struct Parts {
    T *state, *fade, *values, *rows;  // 0; 1 - p [steps + 1]; p [v, 1] [steps, D + 1]; room
  };
  Parts parts(T* scratch) const {
    T *fade = scratch + state(), *values = fade + steps + 1;
    std::fill_n(scratch, state(), T(0));
    for (long t = 0; t < steps; ++t) {
      T* row = values + t * (D + 1);
      fade[t] = 1 - share[t];
      std::copy_n(v[t], D, row);
      row[D] = 1;
      scale_row(row, share[t], D + 1);
    }
    fade[steps] = 0;
    return {scratch, fade, values, values + steps * (D + 1)};
  }
};

}  // namespace primer::autograd::PRIMER_COMPILED
