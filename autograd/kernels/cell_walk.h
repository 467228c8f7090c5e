// How a recurrent layer goes through its steps, forward and backward; autograd/ops/recurrent.h has the equations.
#pragma once

#include <algorithm>

#include "autograd/kernels/recurrent.h"
#include "autograd/kernels/rows.h"
#include "autograd/kernels/tile.h"
#include "autograd/options.h"
#include "autograd/tape.h"

namespace primer::autograd::PRIMER_COMPILED {

/// A layer's way through the steps of B sequences. S, the width of a state: H, of an LSTM 2 H, h and then c.
template <class T>
struct CellWalk {
  Cell cell;
  long steps, H, wide;  // wide = G H
  bool backwards;
  const int* lengths;   // [B], or null
  const T *d, *begin;   // [H]; [B, S], or [S] for all
  long begin_stride;    // S, or 0
  T *gates, *y, *kept;  // [B, steps, wide]; [B, steps, width]; [B, steps, H], an LSTM's c, of a GRU U_n h + d
  long width, apart;    // of a row of y: H or S; from a row of `kept` to the next
  static constexpr long strip = Tile<T>::rows, gap = 16;  // between rows: else they fall into the same sets of a cache

  long real(long b) const { return lengths ? lengths[b] : steps; }
  bool is_first(long b, long t) const { return t == (backwards ? real(b) - 1 : 0); }
  long row_before(long b, long t) const { return b * steps + (backwards ? t + 1 : t - 1); }
  /// h before step t, and an LSTM's c.
  const T* h_before(long b, long t) const {
    return is_first(b, t) ? begin + b * begin_stride : y + row_before(b, t) * width;
  }
  const T* c_before(long b, long t) const {
    return is_first(b, t) ? begin + b * begin_stride + H : kept + row_before(b, t) * apart;
  }

  /// Step t of n sequences from `first` on, with u = U h [n, stride]. Beyond a sequence's length all is 0.
  void step(long first, long n, long t, const T* u, long stride) const {
    for (long b = first; b < first + n; ++b, u += stride) {
      const long i = b * steps + t;
      T *g = gates + i * wide, *k = kept + i * apart, *h = y + i * width;
      if (t >= real(b)) {
        std::fill_n(g, wide, T(0)), std::fill_n(h, width, T(0));
        if (cell != Cell::rnn) std::fill_n(k, H, T(0));
        continue;
      }
      switch (cell) {
        case Cell::rnn:
          gate_row(u, H, g, [](T x) { return fast::tanh(x); });
          std::copy_n(g, H, h);
          break;
        case Cell::gru: gru_row(u, d, h_before(b, t), H, g, k, h); break;
        case Cell::lstm: lstm_row(u, c_before(b, t), H, g, k, h); break;
      }
    }
  }

  /// Of the same rows, from dy [B, steps, width], and dh and dc, the gradients of the states after the step: the gates
  /// become their gradients, and of a GRU what is kept; du [n, stride] is that of U h; dh and dc are then those of the
  /// states before the step, but for what goes through U.
  void step_backward(long first, long n, long t, const T* dy, T* du, long stride, T* dh, long dh_stride, T* dc) const {
    for (long b = first; b < first + n; ++b, du += stride, dh += dh_stride, dc += H) {
      const long i = b * steps + t;
      T *g = gates + i * wide, *k = kept + i * apart;
      const T* dy_row = dy + i * width;
      if (t < real(b)) switch (cell) {
          case Cell::rnn: rnn_row_backward(dy_row, H, g, dh); break;
          case Cell::gru: gru_row_backward(dy_row, h_before(b, t), H, g, k, dh); break;
          case Cell::lstm:
            if (width > H) add_row(dy_row + H, T(1), H, dc);
            lstm_row_backward(dy_row, c_before(b, t), k, H, g, dh, dc);
            break;
        }
      std::copy_n(g, wide, du);
      if (cell == Cell::gru) std::copy_n(k, H, du + 2 * H);
    }
  }

  /// All steps, a strip of sequences at a time: threads need not meet, and every sum is the same for any number of
  /// them.
  void forward(Tape<T>& tape, long B, Tensor<T> weight) const {
    if (steps == 1 && begin_stride > 0) {  // packing the weight would take as long as the product
      const auto u = tape.scratch(B * wide);
      tape.product(B, wide, H, as_is(begin, begin_stride), transposed<T>(weight.data(), H), 0, u.data(), wide);
      return tape.split(B, 20 * wide,
                        [*this, p = u.data()](long b, long end, int) { step(b, end - b, 0, p + b * wide, wide); });
    }
    tape.multiplier.count({B, wide, H, false, true, static_cast<double>(steps)});  // U h
    walk(tape, B, transposed<T>(weight.data(), H), H, wide, [*this](long first, long n, const T* panels, T* scratch) {
      T *h = scratch, *u = h + strip * (H + gap);  // [strip, H], [strip, wide]
      std::fill_n(h, strip * (H + gap), T(0));
      for (long k = 0; k < steps; ++k) {
        const long t = backwards ? steps - 1 - k : k;
        for (long r = 0; r < n; ++r)
          if (t < real(first + r)) std::copy_n(h_before(first + r, t), H, h + r * (H + gap));
        multiply_strip<T>(n, wide, H, {h, H + gap, 1}, panels, H, false, {u, wide + gap, 1});
        step(first, n, t, u, wide + gap);
      }
    });
  }

  /// The gradient of what the sequences begin with, [B, S], goes to dbegin, if there is one.
  void backward(Tape<T>& tape, long B, Tensor<T> weight, const T* dy, Into<T> dbegin) const {
    const auto finish = [S = begin_stride, H = H, dbegin](long b, const T* dh, const T* dc) {
      dbegin.visit([=](auto put) {
        for (long k = 0; k < S; ++k) put(b * S + k, k < H ? dh[k] : dc[k - H]);
      });
    };
    if (steps == 1 && begin_stride > 0) {
      const auto all = tape.scratch(B * (wide + 2 * H));
      T *du = all.data(), *dh = du + B * wide, *dc = dh + B * H;
      tape.split(B, 20 * wide, [=, *this](long b, long end, int) {
        std::fill(dh + b * H, dh + end * H, T(0)), std::fill(dc + b * H, dc + end * H, T(0));
        step_backward(b, end - b, 0, dy, du + b * wide, wide, dh + b * H, H, dc + b * H);
      });
      if (!dbegin) return;
      tape.product(B, H, wide, as_is(du, wide), as_is<T>(weight.data(), H), 1, dh, H);
      return tape.each(B, [=, H = H](long b) { finish(b, dh + b * H, dc + b * H); });
    }
    const double products = std::max(steps - (dbegin ? 0.0 : 1.0), 0.0);
    tape.multiplier.count({B, H, wide, false, false, products});  // dh = du U
    walk(tape, B, as_is<T>(weight.data(), H), wide, H, [=, *this](long first, long n, const T* panels, T* scratch) {
      T *dh = scratch, *du = dh + strip * (H + gap), *dc = du + strip * (wide + gap);
      std::fill_n(scratch, this->scratch(), T(0));
      for (long k = steps - 1; k >= 0; --k) {
        step_backward(first, n, backwards ? steps - 1 - k : k, dy, du, wide + gap, dh, H + gap, dc);
        if (k > 0 || dbegin) multiply_strip<T>(n, H, wide, {du, wide + gap, 1}, panels, wide, true, {dh, H + gap, 1});
      }
      for (long r = 0; r < n && dbegin; ++r) finish(first + r, dh + r * (H + gap), dc + r * H);
    });
  }

 private:
  long scratch() const { return strip * (H + gap + wide + gap + H); }

  /// Calls f(first, n, panels, scratch) for strips of all B sequences; the panels hold b [rows, columns].
  template <class F>
  void walk(Tape<T>& tape, long B, Operand<T> b, long rows, long columns, F f) const {
    const long panels = std::max(Tile<T>::padded(wide) * H, Tile<T>::padded(H) * wide);
    const auto space = tape.scratch(panels + threads() * scratch());
    T *packed = space.data(), *own = packed + panels;
    if (tape.computes()) pack(b, rows, columns, T(1), packed);
    tape.split(B, 2 * steps * wide * H, [=, each = scratch()](long from, long end, int thread) {
      for (long at = from; at < end; at += strip) f(at, std::min(strip, end - at), packed, own + thread * each);
    });
  }
};

}  // namespace primer::autograd::PRIMER_COMPILED
