// recurrent: one layer of a recurrent network over whole sequences, or over one step of them, in one op.
//
// With a state h before a step, and s(a) = 1 / (1 + e^-a), at every step x of a sequence:
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
#include "autograd/kernels/cell_walk.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linear.h"
#include "autograd/options.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y, the state after every step, [B, T, H], of x [B, T, C]: `input` and `bias` are W [G H, C] and b [G H] or none,
/// `weight` is U [G H, H], `inner` a GRU's d [H] or none. Without `input` x is W x + b already, [B, T, G H]. The
/// sequences begin with `begin` [B, S], or with 0: h, of an LSTM h and then c, S = H or 2 H. Steps beyond a sequence's
/// length are not read, and y is 0 there. W x + b is one product for all steps, and so are the gradients of W, U and x.
template <class T>
Tensor<T> recurrent(Cell cell, Tensor<T> x, Tensor<T> input, Tensor<T> bias, Tensor<T> weight, Tensor<T> inner = {},
                    Tensor<T> begin = {}, const RecurrentOptions& options = {}) {
  const long G = static_cast<long>(cell), wide = weight.shape[0], H = wide / G, S = cell == Cell::lstm ? 2 * H : H;
  if (input) expect_linear("recurrent", x, input, bias);
  if (x.shape.rank != 3 || (input ? input.shape[0] : x.shape[2]) != wide)
    refuse("recurrent", "expected x [B, T, C] and a weight of " + std::to_string(G) + " rows for each channel, got " +
                            x.shape.text() + " and " + (input ? input : weight).shape.text());
  expect_shape("recurrent", "a recurrent weight", weight, {G * H, H});
  if (inner) expect_shape("recurrent", "an inner bias, of a GRU alone,", inner, {cell == Cell::gru ? H : 0});
  const long B = x.shape[0], steps = x.shape[1], rows = B * steps;
  if (begin) expect_shape("recurrent", "a state", begin, {B, S});
  expect_lengths("recurrent", options.lengths, B, steps);
  Tape<T>& tape = tape_of("recurrent", {x, input, bias, weight, inner, begin});
  const long width = options.cells ? S : H;
  Tensor<T> y = tape.output({B, steps, width}, {x, input, bias, weight, inner, begin});
  T* const gates = tape.template keep<T>(rows * wide);
  const long second = cell == Cell::rnn || width > H ? 0 : rows * H;
  T* const kept = width > H ? y.data() + H : tape.template keep<T>(second);
  T* const zeros = tape.template keep<T>(S);
  tape.each(S, [=](long i) { zeros[i] = 0; });
  const int* lengths = options.lengths.empty() ? nullptr : tape.keep(options.lengths);
  const CellWalk<T> layer{cell,
                          steps,
                          H,
                          wide,
                          options.backwards,
                          lengths,
                          inner ? inner.data() : zeros,
                          begin ? begin.data() : zeros,
                          begin ? S : 0,
                          gates,
                          y.data(),
                          kept,
                          width,
                          width > H ? S : H};
  if (input) linear_rows<T>(tape, rows, x.data(), input, bias, gates);
  else
    tape.split(rows, wide,
               [=, p = x.data()](long b, long e, int) { std::copy(p + b * wide, p + e * wide, gates + b * wide); });
  tape.moves(2 * rows * wide + second + rows * width);  // gates twice, c, y
  layer.forward(tape, B, weight);
  return tape.record("recurrent", y, [=, t = &tape](const T* dy) {
    t->moves(2 * rows * wide + second + 2 * rows * width);  // gates twice, c, y, dy
    layer.backward(*t, B, weight, dy, t->grad(begin));
    if (auto db = t->grad(inner)) add_columns(*t, kept, rows, H, db);
    if (input) linear_backward<T>(*t, gates, x, input, bias);
    else if (auto dx = t->grad(x)) dx.each_element(rows * wide, [=](long i) { return gates[i]; });
    const auto dw = t->grad(weight);
    if (!dw) return;
    // dU = sum over rows of du h^T, with h before the step; of a GRU du is kept for n
    const bool single = steps == 1 && begin;
    const auto all = t->scratch(single ? 0 : rows * H);
    const Operand<T> h = single ? as_is<T>(begin.data(), S) : as_is<T>(all.data(), H);  // [rows, H]
    t->split(single ? 0 : B, steps * H, [=, p = all.data()](long from, long to, int) {
      for (long b = from; b < to; ++b)
        for (long s = 0; s < steps; ++s)
          std::copy_n(s < layer.real(b) ? layer.h_before(b, s) : zeros, H, p + (b * steps + s) * H);
    });
    const long shared = cell == Cell::gru ? 2 * H : wide;
    t->product(shared, H, rows, transposed(gates, wide), h, dw.beta(), dw.data, H);
    if (shared < wide) t->product(H, H, rows, transposed(kept, H), h, dw.beta(), dw.data + shared * H, H);
  });
}

/// When a GRU's r multiplies: what U_n has made of h, as in PyTorch, or h, as Cho et al. write it.
enum class Reset { after, before };

/// recurrent from primitives, step by step.
template <class T>
Tensor<T> recurrent_textbook(Cell cell, Tensor<T> x, Tensor<T> input, Tensor<T> bias, Tensor<T> weight,
                             Tensor<T> inner = {}, Tensor<T> begin = {}, const RecurrentOptions& options = {},
                             Reset reset = Reset::after) {
  const long B = x.shape[0], steps = x.shape[1], H = weight.shape[1], wide = weight.shape[0];
  const Tensor<T> brought = input ? linear_textbook(x, input, bias) : x, u = permute(on(*x.tape, weight), {1, 0});
  const auto zeros = [&](Shape shape) { return x.tape->constant(shape, std::vector<T>(shape.size())); };
  Tensor<T> h = begin ? slice(begin, 1, 0, H) : zeros({B, H}), c = h, y;
  if (cell == Cell::lstm && begin) c = slice(begin, 1, H, H);
  for (long k = 0; k < steps; ++k) {
    const long t = options.backwards ? steps - 1 - k : k;
    const Tensor<T> a = reshape(slice(brought, 1, t, 1), {B, wide}), h_before = h, c_before = c;
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
    std::vector<T> read(B * H, T(1));  // 0 in sequences that have ended: their state waits
    for (long i = 0; i < B * H; ++i)
      if (!options.lengths.empty() && t >= options.lengths[i / H]) read[i] = 0;
    const Tensor<T> now = x.tape->constant({B, H}, read);
    h = add(h_before, multiply(now, subtract(h, h_before)));
    c = add(c_before, multiply(now, subtract(c, c_before)));
    Tensor<T> row = multiply(now, h);
    if (options.cells && cell == Cell::lstm) row = concat(row, multiply(now, c), 1);
    row = reshape(row, {B, 1, row.shape[1]});
    y = k == 0 ? row : options.backwards ? concat(row, y, 1) : concat(y, row, 1);
  }
  return y;
}

template <class Table>
void recurrent_examples(Table& table) {
  static constexpr int lengths[] = {2, 4, 0};
  for (const Cell cell : {Cell::rnn, Cell::gru, Cell::lstm}) {
    const long G = static_cast<long>(cell), of_state = cell == Cell::lstm ? 2 : 1;
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
    // from a state, in both directions, with and without ends, on what W x + b is already; one step, and several
    for (const RecurrentOptions& o : {RecurrentOptions{}, {true, {}, true}, {false, lengths, true}, {true, lengths}}) {
      const auto begun = [=](long steps, long H) {
        return std::vector<Shape>{{3, steps, G * H}, {G * H, H}, {3, of_state * H}};
      };
      table.add(
          {"recurrent",
           std::vector{begun(4, 3), begun(o.lengths.empty() ? 1 : 4, 5)},
           {{{3, 4, 3 * G}, {3 * G, 3}, {2, of_state * 3}}, {{3, 4, 3 * G + 1}, {3 * G, 3}, {3, of_state * 3}}}},
          [=](auto& in) { return recurrent(cell, in[0], {}, {}, in[1], {}, in[2], o); },
          [=](auto& in) { return recurrent_textbook(cell, in[0], {}, {}, in[1], {}, in[2], o); });
    }
    table.add(
        {"recurrent", {{{3, 4, 2}, {3 * G, 2}, {3 * G, 3}}}},
        [cell](auto& in) {
          return recurrent(cell, in[0], in[1], {}, in[2], {}, {}, {true, lengths});
        },
        [cell](auto& in) {
          return recurrent_textbook(cell, in[0], in[1], {}, in[2], {}, {}, {true, lengths});
        });
  }
  table.add(
      {"recurrent", {{{2, 4, 3}, {15, 3}, {15}, {15, 5}, {5}}}, {{{2, 4, 3}, {15, 3}, {15}, {15, 5}, {15}}}},
      [](auto& in) { return recurrent(Cell::gru, in[0], in[1], in[2], in[3], in[4]); },
      [](auto& in) { return recurrent_textbook(Cell::gru, in[0], in[1], in[2], in[3], in[4]); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
