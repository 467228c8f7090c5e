// recurrent: one layer of a recurrent network over whole sequences, in one op.
//
// With a state h, 0 before the first step, and s(a) = 1 / (1 + e^-a), at every step x of a sequence:
//   rnn    h' = tanh(W x + b + U h)                                                     Elman 1990
//   gru    r, z = s(W x + b + U h), each with its rows; n = tanh(W_n x + b_n + r (U_n h + d)), h' = (1 - z) n + z h
//                                                                                       Cho et al. 2014, with U_n (r h)
//   lstm   i, f, o = s(W x + b + U h) likewise, g = tanh(W x + b + U h); c' = f c + i g, h' = o tanh(c')
//                                   Hochreiter & Schmidhuber 1997; f: Gers, Schmidhuber & Cummins 2000
// The rows stand as in PyTorch, r z n and i f g o, and r multiplies what U_n has made of h, as there: U h is one
// product. PyTorch has two biases where they are added; here they are one.
#pragma once

#include "autograd/example.h"
#include "autograd/expect.h"
#include "autograd/kernels/recurrent.h"
#include "autograd/kernels/tile.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linear.h"
#include "autograd/options.h"

namespace primer::autograd::PRIMER_COMPILED {

/// What B sequences begin with, and what they have come to afterwards; on no tape, [B, H] each. c: an LSTM's.
template <class T>
struct CellState {
  T *h = nullptr, *c = nullptr;
};

/// A layer's way through all steps, a strip of sequences at a time: threads need not meet, and every sum is the same
/// for any number of them.
template <class T>
struct CellWalk {
  Cell cell;
  long steps, H, wide;  // wide = G H
  const T* d;           // [H], or null
  T *gates, *kept, *y;  // [B, steps, wide]; [B, steps, H], an LSTM's c, of a GRU U_n h + d; [B, steps, H]

  static constexpr long strip = Tile<T>::rows, gap = 16;  // between rows: else they fall into the same sets of a cache
  long panels() const { return std::max(Tile<T>::padded(wide) * H, Tile<T>::padded(H) * wide); }
  long scratch() const { return strip * (H + gap + wide + gap + H) + H; }

  void forward(long first, long n, const T* panels, CellState<T> state, T* scratch) const {
    T *h = scratch, *u = h + strip * (H + gap), *zeros = u + strip * (wide + gap);  // [strip, H], [strip, wide], [H]
    std::fill_n(zeros, H, T(0));
    for (long r = 0; r < n; ++r) std::copy_n(state.h ? state.h + (first + r) * H : zeros, H, h + r * (H + gap));
    for (long t = 0; t < steps; ++t) {
      multiply_strip<T>(n, wide, H, {h, H + gap, 1}, panels, H, false, {u, wide + gap, 1});
      for (long r = 0; r < n; ++r) {
        const long b = first + r, i = b * steps + t;
        T *g = gates + i * wide, *k = kept + i * H, *out = y + i * H, *before = h + r * (H + gap);
        const T *ur = u + r * (wide + gap), *c = t > 0 ? k - H : state.c ? state.c + b * H : zeros;
        switch (cell) {
          case Cell::rnn:
            gate_row(ur, H, g, [](T x) { return fast::tanh(x); });
            std::copy_n(g, H, out);
            break;
          case Cell::gru: gru_row(ur, d ? d : zeros, before, H, g, k, out); break;
          case Cell::lstm: lstm_row(ur, c, H, g, k, out); break;
        }
        std::copy_n(out, H, before);
        if (t == steps - 1 && state.h) std::copy_n(out, H, state.h + b * H);
        if (t == steps - 1 && state.c) std::copy_n(k, H, state.c + b * H);
      }
    }
  }

  /// From a state of 0. The gates become their gradients, and of a GRU what is kept.
  void backward(long first, long n, const T* panels, const T* dy, T* scratch) const {
    T *dh = scratch, *du = dh + strip * (H + gap), *dc = du + strip * (wide + gap), *zeros = dc + strip * H;
    std::fill_n(scratch, this->scratch(), T(0));
    for (long t = steps - 1; t >= 0; --t) {
      for (long r = 0; r < n; ++r) {
        const long i = (first + r) * steps + t;
        T *g = gates + i * wide, *k = kept + i * H, *own = du + r * (wide + gap), *dhr = dh + r * (H + gap);
        switch (cell) {
          case Cell::rnn: rnn_row_backward(dy + i * H, H, g, dhr); break;
          case Cell::gru: gru_row_backward(dy + i * H, t > 0 ? y + (i - 1) * H : zeros, H, g, k, dhr); break;
          case Cell::lstm: lstm_row_backward(dy + i * H, t > 0 ? k - H : zeros, k, H, g, dhr, dc + r * H); break;
        }
        std::copy_n(g, wide, own);
        if (cell == Cell::gru) std::copy_n(k, H, own + 2 * H);
      }
      if (t > 0) multiply_strip<T>(n, H, wide, {du, wide + gap, 1}, panels, wide, true, {dh, H + gap, 1});
    }
  }

  /// Calls f(first, n, panels, scratch) for strips of all B sequences; the panels hold b [rows, columns].
  template <class F>
  void walk(Tape<T>& tape, long B, Operand<T> b, long rows, long columns, F f) const {
    const auto space = tape.scratch(panels() + threads() * scratch());
    T *packed = space.data(), *own = packed + panels();
    if (tape.computes()) pack(b, rows, columns, T(1), packed);
    tape.split(B, 2 * steps * wide * H, [=, each = scratch()](long begin, long end, int thread) {
      for (long at = begin; at < end; at += strip) f(at, std::min(strip, end - at), packed, own + thread * each);
    });
  }
};

/// y, the state after every step, [B, T, H], of x [B, T, C]: `input` and `bias` are W [G H, C] and b [G H] or none,
/// `weight` is U [G H, H], `inner` a GRU's d [H] or none. Backward goes through all T steps, and no further: with a
/// `state` the tape must be paused. W x + b is one product for all steps, and so are the gradients of W, U and x.
template <class T>
Tensor<T> recurrent(Cell cell, Tensor<T> x, Tensor<T> input, Tensor<T> bias, Tensor<T> weight, Tensor<T> inner = {},
                    CellState<T> state = {}) {
  expect_linear("recurrent", x, input, bias);
  const long G = static_cast<long>(cell), wide = input.shape[0], H = wide / G;
  if (x.shape.rank != 3 || wide % G != 0)
    refuse("recurrent", "expected x [B, T, C] and a weight of " + std::to_string(G) + " rows for each channel, got " +
                            x.shape.text() + " and " + input.shape.text());
  expect_shape("recurrent", "a recurrent weight", weight, {wide, H});
  if (inner) expect_shape("recurrent", "an inner bias, of a GRU alone,", inner, {cell == Cell::gru ? H : 0});
  Tape<T>& tape = tape_of("recurrent", {x, input, bias, weight, inner});
  if (state.h && tape.recording()) refuse("recurrent", "expected a paused tape: what is kept has no gradient");
  const long B = x.shape[0], steps = x.shape[1], rows = B * steps, second = cell == Cell::rnn ? 0 : rows * H;
  Tensor<T> y = tape.output({B, steps, H}, {x, input, bias, weight, inner});
  T *gates = tape.template keep<T>(rows * wide), *kept = tape.template keep<T>(second);
  linear_rows<T>(tape, rows, x.data(), input, bias, gates);
  const CellWalk<T> layer{cell, steps, H, wide, inner ? inner.data() : nullptr, gates, kept, y.data()};
  tape.multiplier.count({B, wide, H, false, true, static_cast<double>(steps)});  // U h
  tape.moves(2 * rows * wide + second + rows * H);                               // gates twice, c, h
  layer.walk(tape, B, transposed<T>(weight.data(), H), H, wide,
             [=](long first, long n, const T* u, T* scratch) { layer.forward(first, n, u, state, scratch); });
  return tape.record("recurrent", y, [=, t = &tape](const T* dy) {
    t->multiplier.count({B, H, wide, false, false, std::max(steps - 1.0, 0.0)});  // dh = du U, but for the first step
    t->moves(2 * rows * wide + second + 2 * rows * H);                            // gates twice, c, h, dy
    layer.walk(*t, B, as_is<T>(weight.data(), H), wide, H,
               [=](long first, long n, const T* u, T* scratch) { layer.backward(first, n, u, dy, scratch); });
    if (auto db = t->grad(inner)) add_columns(*t, kept, rows, H, db);
    linear_backward<T>(*t, gates, x, input, bias);
    const auto dw = t->grad(weight);
    if (!dw) return;
    // dU = sum over rows of du h^T: beside a row of du stands the row of y before it, and where that belongs to another
    // sequence, at a first step, 0 beside it. A GRU's du is kept for n. The row without a neighbour counts all the
    // same.
    const long pairs = std::max(rows - 1, 0L), shared = cell == Cell::gru ? 2 * H : wide;
    t->each(rows > 0 ? B : 0, [=](long b) {
      std::fill_n(gates + b * steps * wide, wide, T(0));
      if (shared < wide) std::fill_n(kept + b * steps * H, H, T(0));
    });
    t->multiplier.count({wide, H, rows - pairs, true, false, 1});
    t->product(shared, H, pairs, transposed(gates + wide, wide), as_is<T>(y.data(), H), dw.beta(), dw.data, H);
    if (shared < wide)
      t->product(H, H, pairs, transposed(kept + H, H), as_is<T>(y.data(), H), dw.beta(), dw.data + shared * H, H);
  });
}

/// When a GRU's r multiplies: what U_n has made of h, as in PyTorch, or h, as Cho et al. write it.
enum class Reset { after, before };

/// recurrent from primitives, step by step.
template <class T>
Tensor<T> recurrent_textbook(Cell cell, Tensor<T> x, Tensor<T> input, Tensor<T> bias, Tensor<T> weight,
                             Tensor<T> inner = {}, Reset reset = Reset::after) {
  const long B = x.shape[0], steps = x.shape[1], H = weight.shape[1];
  const Tensor<T> brought = linear_textbook(x, input, bias), u = permute(on(*x.tape, weight), {1, 0});  // u [H, G H]
  Tensor<T> h = x.tape->constant({B, H}, std::vector<T>(B * H)), c = h, y = x.tape->constant({B, 0, H}, {});
  for (long t = 0; t < steps; ++t) {
    const Tensor<T> a = reshape(slice(brought, 1, t, 1), {B, input.shape[0]});
    const auto part = [=](Tensor<T> all, long g) { return slice(all, 1, g * H, H); };
    const auto both = [=](long g) { return add(part(a, g), matmul(h, part(u, g))); };
    if (cell == Cell::rnn) h = tanh(both(0));
    if (cell == Cell::gru) {
      const Tensor<T> r = sigmoid(both(0)), z = sigmoid(both(1));
      Tensor<T> m = matmul(reset == Reset::before ? multiply(r, h) : h, part(u, 2));
      if (inner) m = add(m, repeat(on(*x.tape, inner), B));
      const Tensor<T> n = tanh(add(part(a, 2), reset == Reset::before ? m : multiply(r, m)));
      h = add(n, multiply(z, subtract(h, n)));
    }
    if (cell == Cell::lstm) {
      c = add(multiply(sigmoid(both(1)), c), multiply(sigmoid(both(0)), tanh(both(2))));
      h = multiply(sigmoid(both(3)), tanh(c));
    }
    y = concat(y, reshape(h, {B, 1, H}), 1);
  }
  return y;
}

template <class Table>
void recurrent_examples(Table& table) {
  for (const Cell cell : {Cell::rnn, Cell::gru, Cell::lstm}) {
    const long G = static_cast<long>(cell);
    const auto shapes = [G](long B, long steps, long C, long H) {
      return std::vector<Shape>{{B, steps, C}, {G * H, C}, {G * H}, {G * H, H}};
    };
    const auto wrong = [=](int which, Shape shape) {
      auto all = shapes(2, 3, 5, 4);
      all[which] = shape;
      return all;
    };
    table.add(
        {"recurrent",
         {shapes(2, 5, 3, 4), shapes(1, 1, 1, 1), shapes(15, 3, 2, 3), shapes(2, 2, 2, 19), shapes(0, 3, 2, 2)},
         {wrong(0, {6, 5}), wrong(1, {4 * G + 1, 5}), wrong(2, {7}), wrong(3, {4 * G, 5})}},
        [cell](auto& in) { return recurrent(cell, in[0], in[1], in[2], in[3]); },
        [cell](auto& in) { return recurrent_textbook(cell, in[0], in[1], in[2], in[3]); });
    table.add(
        {"recurrent", {{{2, 4, 3}, {2 * G, 3}, {2 * G, 2}}}},
        [cell](auto& in) { return recurrent(cell, in[0], in[1], {}, in[2]); },
        [cell](auto& in) { return recurrent_textbook(cell, in[0], in[1], {}, in[2]); });
  }
  table.add(
      {"recurrent", {{{2, 4, 3}, {15, 3}, {15}, {15, 5}, {5}}}, {{{2, 4, 3}, {15, 3}, {15}, {15, 5}, {15}}}},
      [](auto& in) { return recurrent(Cell::gru, in[0], in[1], in[2], in[3], in[4]); },
      [](auto& in) { return recurrent_textbook(Cell::gru, in[0], in[1], in[2], in[3], in[4]); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
