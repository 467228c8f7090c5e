// feed_forward: both layers of a block's feed-forward part in one op.
#pragma once

#include "autograd/expect.h"
#include "autograd/ops/activate.h"
#include "autograd/ops/linear.h"

namespace primer::autograd::inline PRIMER_COMPILED {

/// y = residual + dropout(f(x up^T + up_bias) down^T + down_bias); x, residual and y [..., C], up [F, C], down [C, F],
/// biases [F] and [C] or none. Vaswani et al. 2017, equation 2, with the activation f of choice.
///
/// Only the hidden layer before f is kept, [rows, F]; f of it is made again in backward, so that a block keeps one
/// wide array instead of two. Forward goes through 1024 rows at a time, while they are in the last cache.
template <class T>
Tensor<T> feed_forward(Tensor<T> residual, Tensor<T> x, Tensor<T> up, Tensor<T> up_bias, Tensor<T> down,
                       Tensor<T> down_bias, Activation activation, Dropout dropout = {}) {
  expect_linear("feed_forward", x, up, up_bias);
  const long rows = x.shape.rows(), C = x.shape.last(), F = up.shape[0];
  expect_shape("feed_forward", "a second weight", down, {C, F});
  if (down_bias) expect_shape("feed_forward", "a second bias", down_bias, {C});
  expect_shape("feed_forward", "a residual", residual, x.shape);
  expect_probability("feed_forward", dropout.probability);
  Tape<T>& tape = tape_of("feed_forward", {residual, x, up, up_bias, down, down_bias});
  Tensor<T> y = tape.output(x.shape, {residual, x, up, up_bias, down, down_bias});
  const DropoutMask<T> mask(tape, dropout, y.size());
  const bool later = mask.active();
  T* hidden = tape.template keep<T>(rows * F);  // [rows, F], before the activation

  constexpr long block = 1024;
  tape.moves(2 * rows * F);  // the hidden layer, and f of it
  const auto activated = tape.scratch(std::min(block, rows) * F);
  for (long at = 0; at < rows; at += block) {
    const long n = std::min(block, rows - at);
    T *h = hidden + at * F, *g = activated.data(), *r = y.data() + at * C;  // [n, F], [n, F], [n, C]
    if (up_bias)
      tape.split(n, F, [=, b = up_bias.data()](long begin, long end, int) {
        start_rows<T>(h + begin * F, nullptr, b, end - begin, F);
      });
    tape.product(n, F, C, as_is<T>(x.data() + at * C, C), transposed<T>(up.data(), C), up_bias ? 1 : 0, h, F);
    tape.split(n, 20 * F, [=](long begin, long end, int) {
      activate_row(activation, h + begin * F, (end - begin) * F, g + begin * F);
      start_rows<T>(r + begin * C, later ? nullptr : residual.data() + (at + begin) * C,
                    down_bias ? down_bias.data() : nullptr, end - begin, C);
    });
    tape.product(n, C, F, as_is<T>(g, F), transposed<T>(down.data(), F), 1, r, C);
    if (later)
      tape.split(n, 8 * C, [=](long begin, long end, int) {
        T* row = r + begin * C;
        mask.apply((at + begin) * C, (end - begin) * C, row, residual.data() + (at + begin) * C, row);
      });
  }

  return tape.record("feed_forward", y, [=, t = &tape](const T* dy) {
    const auto dropped = t->scratch(mask.active() ? rows * C : 0);  // dy m
    const T* d = dy;
    if (mask.active()) {
      t->split(rows, 8 * C, [=, out = dropped.data()](long begin, long end, int) {
        mask.apply(begin * C, (end - begin) * C, dy + begin * C, nullptr, out + begin * C);
      });
      d = dropped;
    }
    if (auto db = t->grad(down_bias)) add_columns(*t, d, rows, C, db);
    t->moves(4 * rows * F);                // the hidden layer, f of it, and the gradients of both
    const auto dh = t->scratch(rows * F);  // [rows, F]
    {
      const auto g = t->scratch(rows * F);                                      // f(hidden)
      t->product(rows, F, C, as_is(d, C), as_is<T>(down.data(), F), 0, dh, F);  // d f = d down
      t->split(rows, 40 * F, [=, gs = g.data(), dhs = dh.data()](long begin, long end, int) {
        const long i = begin * F, n = (end - begin) * F;
        activate_row_again(activation, hidden + i, n, gs + i, dhs + i);
      });
      if (auto dw = t->grad(down))  // d down [C, F] = d^T f(hidden)
        t->product(C, F, rows, transposed(d, C), as_is<T>(g, F), dw.beta(), dw.data, F);
    }
    if (auto db = t->grad(up_bias)) add_columns<T>(*t, dh, rows, F, db);
    if (auto dw = t->grad(up))  // d up [F, C] = dh^T x
      t->product(F, C, rows, transposed<T>(dh, F), as_is<T>(x.data(), C), dw.beta(), dw.data, C);
    if (auto dx = t->grad(x))  // dx [rows, C] = dh up
      t->product(rows, C, F, as_is<T>(dh, F), as_is<T>(up.data(), C), dx.beta(), dx.data, C);
    t->pass(y, residual);
  });
}

template <class Table>
void feed_forward_examples(Table& table) {
  const std::vector<std::vector<Shape>> shapes = {{{3, 5}, {3, 5}, {7, 5}, {7}, {5, 7}, {5}},
                                                  {{1, 1}, {1, 1}, {1, 1}, {1}, {1, 1}, {1}},
                                                  {{2, 37, 3}, {2, 37, 3}, {5, 3}, {5}, {3, 5}, {3}}};
  table.add(
      {"feed_forward",
       shapes,
       {{{3, 5}, {3, 5}, {7, 5}, {7}, {7, 5}, {5}}, {{3, 5}, {5, 3}, {7, 5}, {7}, {5, 7}, {5}}}},
      [](auto& in) { return feed_forward(in[0], in[1], in[2], in[3], in[4], in[5], Activation::gelu); },
      [](auto& in) {
        return add(in[0], linear_textbook(activate_textbook(linear_textbook(in[1], in[2], in[3]), Activation::gelu),
                                          in[4], in[5]));
      });
  table.add(
      {"feed_forward", {{{3, 5}, {3, 5}, {7, 5}, {5, 7}}, {{2, 37, 3}, {2, 37, 3}, {5, 3}, {3, 5}}}},
      [](auto& in) {
        return feed_forward(in[0], in[1], in[2], {}, in[3], {}, Activation::gelu_erf, {0.5, 3});
      },
      [](auto& in) {
        const auto hidden = activate_textbook(linear_textbook(in[1], in[2], {}), Activation::gelu_erf);
        return add(in[0], dropout(linear_textbook(hidden, in[3], {}), {0.5, 3}));
      });
}

}  // namespace primer::autograd::inline PRIMER_COMPILED
