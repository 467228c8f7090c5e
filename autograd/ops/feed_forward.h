// feed_forward: both layers of a block's feed-forward part in one op.
#pragma once

#include "autograd/expect.h"
#include "autograd/ops/activate.h"
#include "autograd/ops/linear.h"

namespace primer::autograd::PRIMER_COMPILED {

/// Weights [F, C] and biases [F] of up and gate, of down [C, F] and [C]. Without a gate, or without biases, none.
template <class T>
struct FeedForwardLayers {
  Tensor<T> up{}, up_bias{}, down{}, down_bias{}, gate{}, gate_bias{};
};

/// y = residual + dropout(f(x up^T + up_bias) down^T + down_bias); x, residual and y [..., C]. Vaswani et al. 2017,
/// equation 2, with the activation f of choice. With a gate: f(x gate^T + gate_bias) (x up^T + up_bias), element by
/// element, goes down. Shazeer 2020, equation 6.
///
/// Only what stands before f is kept, [rows, F] or two of them; f of it is made again in backward, so that a block
/// keeps one wide array less. Forward goes through 1024 rows at a time, while they are in the last cache.
template <class T>
Tensor<T> feed_forward(Tensor<T> residual, Tensor<T> x, FeedForwardLayers<T> l, Activation activation,
                       Dropout dropout = {}) {
  expect_linear("feed_forward", x, l.up, l.up_bias);
  const long rows = x.shape.rows(), C = x.shape.last(), F = l.up.shape[0];
  const bool gated = static_cast<bool>(l.gate);
  if (gated) expect_shape("feed_forward", "a gate", l.gate, l.up.shape);
  if (l.gate_bias) expect_shape("feed_forward", "a gate's bias", l.gate_bias, {F});
  expect_shape("feed_forward", "a second weight", l.down, {C, F});
  if (l.down_bias) expect_shape("feed_forward", "a second bias", l.down_bias, {C});
  expect_shape("feed_forward", "a residual", residual, x.shape);
  expect_probability("feed_forward", dropout.probability);
  Tape<T>& tape = tape_of("feed_forward", {residual, x, l.up, l.up_bias, l.down, l.down_bias, l.gate, l.gate_bias});
  Tensor<T> y = tape.output(x.shape, {residual, x, l.up, l.up_bias, l.down, l.down_bias, l.gate, l.gate_bias});
  const DropoutMask<T> mask(tape, dropout, y.size());
  const bool later = mask.active();
  T* hidden = tape.template keep<T>(rows * F);                  // [rows, F], x up^T + up_bias
  T* gates = gated ? tape.template keep<T>(rows * F) : hidden;  // [rows, F], x gate^T + gate_bias

  constexpr long block = 1024;
  tape.moves((gated ? 3 : 2) * rows * F);  // these, and what goes down
  const auto activated = tape.scratch(std::min(block, rows) * F);
  for (long at = 0; at < rows; at += block) {
    const long n = std::min(block, rows - at);
    T *a = activated.data(), *r = y.data() + at * C;  // [n, F], [n, C]
    linear_rows<T>(tape, n, x.data() + at * C, l.up, l.up_bias, hidden + at * F);
    if (gated) linear_rows<T>(tape, n, x.data() + at * C, l.gate, l.gate_bias, gates + at * F);
    tape.split(n, 20 * F, [=](long begin, long end, int) {
      const long i = (at + begin) * F;
      activate_row<T>(activation, gates + i, gated ? hidden + i : nullptr, (end - begin) * F, a + begin * F);
      start_rows<T>(r + begin * C, later ? nullptr : residual.data() + (at + begin) * C,
                    l.down_bias ? l.down_bias.data() : nullptr, end - begin, C);
    });
    tape.product(n, C, F, as_is<T>(a, F), transposed<T>(l.down.data(), F), 1, r, C);
    if (later) drop_rows<T>(tape, mask, at, n, C, r, residual.data() + at * C, r);
  }

  return tape.record("feed_forward", y, [=, t = &tape](const T* dy) {
    const auto dropped = t->scratch(mask.active() ? rows * C : 0);  // dy m
    if (mask.active()) drop_rows<T>(*t, mask, 0, rows, C, dy, nullptr, dropped.data());
    const T* const d = mask.active() ? dropped.data() : dy;
    if (auto db = t->grad(l.down_bias)) add_columns(*t, d, rows, C, db);
    t->moves((gated ? 6 : 4) * rows * F);  // what was kept, what went down, and the gradients of all
    const auto dh = t->scratch(rows * F), dv = t->scratch(gated ? rows * F : 0);  // of hidden and gates
    {
      const auto a = t->scratch(rows * F);                                        // what went down
      t->product(rows, F, C, as_is(d, C), as_is<T>(l.down.data(), F), 0, dh, F);  // d a = d down
      t->split(rows, 40 * F, [=, as = a.data(), dhs = dh.data(), dvs = dv.data()](long begin, long end, int) {
        const long i = begin * F, n = (end - begin) * F;
        activate_row_again<T>(activation, gates + i, gated ? hidden + i : nullptr, n, as + i, dhs + i,
                              (gated ? dvs : dhs) + i);
      });
      if (auto dw = t->grad(l.down))  // d down [C, F] = d^T a
        t->product(C, F, rows, transposed(d, C), as_is<T>(a, F), dw.beta(), dw.data, F);
    }
    linear_backward<T>(*t, dh, x, l.up, l.up_bias);
    if (gated) linear_backward<T>(*t, dv, x, l.gate, l.gate_bias);
    t->pass(y, residual);
  });
}

template <class Table>
void feed_forward_examples(Table& table) {
  // behind residual and x: up and down, with biases from 6 inputs on, and the gate at the end
  const auto layers = []<class T>(const std::vector<Tensor<T>>& in) {
    using L = FeedForwardLayers<T>;
    if (in.size() < 6) return L{.up = in[2], .down = in[3], .gate = in.size() == 5 ? in[4] : Tensor<T>()};
    return in.size() == 6 ? L{in[2], in[3], in[4], in[5]} : L{in[2], in[3], in[4], in[5], in[6], in[7]};
  };
  const auto textbook = []<class T>(Tensor<T> x, FeedForwardLayers<T> l, Activation activation) {
    const Tensor<T> up = linear_textbook(x, l.up, l.up_bias);
    const Tensor<T> gate = l.gate ? linear_textbook(x, l.gate, l.gate_bias) : up,
                    f = activate_textbook(gate, activation);
    return linear_textbook(l.gate ? multiply(f, up) : f, l.down, l.down_bias);
  };
  const std::vector<std::vector<Shape>> shapes = {{{3, 5}, {3, 5}, {7, 5}, {7}, {5, 7}, {5}},
                                                  {{1, 1}, {1, 1}, {1, 1}, {1}, {1, 1}, {1}},
                                                  {{2, 37, 3}, {2, 37, 3}, {5, 3}, {5}, {3, 5}, {3}}};
  table.add(
      {"feed_forward",
       shapes,
       {{{3, 5}, {3, 5}, {7, 5}, {7}, {7, 5}, {5}}, {{3, 5}, {5, 3}, {7, 5}, {7}, {5, 7}, {5}}}},
      [=](auto& in) { return feed_forward(in[0], in[1], layers(in), Activation::gelu); },
      [=](auto& in) { return add(in[0], textbook(in[1], layers(in), Activation::gelu)); });
  table.add(
      {"feed_forward", {{{3, 5}, {3, 5}, {7, 5}, {5, 7}}, {{2, 37, 3}, {2, 37, 3}, {5, 3}, {3, 5}}}},
      [=](auto& in) {
        return feed_forward(in[0], in[1], layers(in), Activation::gelu_erf, {0.5, 3});
      },
      [=](auto& in) {
        return add(in[0], dropout(textbook(in[1], layers(in), Activation::gelu_erf), {0.5, 3}));
      });
  table.add(
      {"feed_forward",
       {{{3, 5}, {3, 5}, {7, 5}, {7}, {5, 7}, {5}, {7, 5}, {7}},
        {{1, 1}, {1, 1}, {1, 1}, {1}, {1, 1}, {1}, {1, 1}, {1}},
        {{2, 37, 3}, {2, 37, 3}, {5, 3}, {5}, {3, 5}, {3}, {5, 3}, {5}}},
       {{{3, 5}, {3, 5}, {7, 5}, {7}, {5, 7}, {5}, {6, 5}, {7}},
        {{3, 5}, {3, 5}, {7, 5}, {7}, {5, 7}, {5}, {7, 5}, {5}}}},
      [=](auto& in) { return feed_forward(in[0], in[1], layers(in), Activation::swiglu); },
      [=](auto& in) { return add(in[0], textbook(in[1], layers(in), Activation::swiglu)); });
  table.add(
      {"feed_forward", {{{2, 37, 3}, {2, 37, 3}, {5, 3}, {3, 5}, {5, 3}}}},
      [=](auto& in) {
        return feed_forward(in[0], in[1], layers(in), Activation::swiglu, {0.5, 3});
      },
      [=](auto& in) {
        const auto y = textbook(in[1], layers(in), Activation::swiglu);
        return add(in[0], dropout(y, {0.5, 3}));
      });
}

}  // namespace primer::autograd::PRIMER_COMPILED
