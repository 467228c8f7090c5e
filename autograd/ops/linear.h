// linear: the workhorse. Three products of matrices: one forward, two backward.
#pragma once

#include "autograd/example.h"
#include "autograd/expect.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y[r] = base[r] + bias for every row; either may be null for 0.
template <class T>
void start_rows(T* y, const T* base, const T* bias, long rows, long n) {
  if (base) std::copy_n(base, rows * n, y);
  for (long r = 0; r < rows; ++r) {
    T* row = y + r * n;
    if (!base && bias) std::copy_n(bias, n, row);
    else if (!base) std::fill_n(row, n, T(0));
    else if (bias) {
#pragma omp simd
      for (long c = 0; c < n; ++c) row[c] += bias[c];
    }
  }
}

/// d bias[c] (+)= sum over rows of dy[r, c], rows in order: the same bits for any number of threads.
template <class T>
void add_columns(const Tape<T>& tape, const T* dy, long rows, long n, Into<T> into) {
  tape.split(n, rows, 16, [=](long begin, long end, int) {
    if (!into.add) std::fill(into.data + begin, into.data + end, T(0));
    for (long r = 0; r < rows; ++r) {
      const T* row = dy + r * n;
      T* total = into.data;
#pragma omp simd
      for (long c = begin; c < end; ++c) total[c] += row[c];
    }
  });
}

/// to = base + from m of the rows first ... first + rows - 1 of what a mask is for, [rows, n] each; base may be null
/// for 0.
template <class T>
void drop_rows(const Tape<T>& tape, const DropoutMask<T>& mask, long first, long rows, long n, const T* from,
               const T* base, T* to) {
  tape.split(rows, 8 * n, [=](long begin, long end, int) {
    const T* const own = base ? base + begin * n : nullptr;
    mask.apply((first + begin) * n, (end - begin) * n, from + begin * n, own, to + begin * n);
  });
}

/// Throws Error(usage) unless weight is [out, in] for x [..., in], and bias, if there is one, [out].
template <class T>
void expect_linear(const char* op, Tensor<T> x, Tensor<T> weight, Tensor<T> bias) {
  expect_rank(op, x, 1);
  if (weight.shape.rank != 2 || weight.shape[1] != x.shape.last())
    refuse(op, "expected a weight [out, " + std::to_string(x.shape.last()) + "] for x " + x.shape.text() + ", got " +
                   weight.shape.text());
  if (bias) expect_shape(op, "a bias", bias, {weight.shape[0]});
}

/// y = x weight^T + bias of some rows: x [rows, in], y [rows, out].
template <class T>
void linear_rows(Tape<T>& tape, long rows, const T* x, Tensor<T> weight, Tensor<T> bias, T* y) {
  const long in = weight.shape[1], out = weight.shape[0];
  if (bias)
    tape.split(rows, out, [=, b = bias.data()](long begin, long end, int) {
      start_rows<T>(y + begin * out, nullptr, b, end - begin, out);
    });
  tape.product(rows, out, in, as_is<T>(x, in), transposed<T>(weight.data(), in), bias ? 1 : 0, y, out);
}

/// The gradients of y = x weight^T + bias: rows of x [rows, in], dy [rows, out].
template <class T>
void linear_backward(Tape<T>& t, const T* dy, Tensor<T> x, Tensor<T> weight, Tensor<T> bias) {
  const long rows = x.shape.rows(), in = x.shape.last(), out = weight.shape[0];
  if (auto db = t.grad(bias)) add_columns(t, dy, rows, out, db);
  if (auto dw = t.grad(weight))  // dW [out, in] = dy^T x
    t.product(out, in, rows, transposed(dy, out), as_is<T>(x.data(), in), dw.beta(), dw.data, in);
  if (auto dx = t.grad(x))  // dx [rows, in] = dy W
    t.product(rows, in, out, as_is(dy, out), as_is<T>(weight.data(), in), dx.beta(), dx.data, in);
}

/// y = x weight^T + bias; x [..., in], weight [out, in], bias [out] or none, y [..., out].
template <class T>
Tensor<T> linear(Tensor<T> x, Tensor<T> weight, Tensor<T> bias = {}) {
  expect_linear("linear", x, weight, bias);
  Tape<T>& tape = tape_of("linear", {x, weight, bias});
  Tensor<T> y = tape.output(x.shape.with_last(weight.shape[0]), {x, weight, bias});
  linear_rows<T>(tape, x.shape.rows(), x.data(), weight, bias, y.data());
  return tape.record("linear", y, [=, t = &tape](const T* dy) { linear_backward(*t, dy, x, weight, bias); });
}

/// y = residual + dropout(x weight^T + bias); shapes as for linear, residual as y. One op, since apart it would keep
/// x weight^T + bias as well, for nothing.
template <class T>
Tensor<T> linear_residual(Tensor<T> residual, Tensor<T> x, Tensor<T> weight, Tensor<T> bias, Dropout dropout = {}) {
  expect_linear("linear_residual", x, weight, bias);
  expect_shape("linear_residual", "a residual", residual, x.shape.with_last(weight.shape[0]));
  expect_probability("linear_residual", dropout.probability);
  const long rows = x.shape.rows(), in = x.shape.last(), out = weight.shape[0];
  Tape<T>& tape = tape_of("linear_residual", {residual, x, weight, bias});
  Tensor<T> y = tape.output(residual.shape, {residual, x, weight, bias});
  const DropoutMask<T> mask(tape, dropout, y.size());

  const bool later = mask.active();  // the residual joins before the product, or after the mask
  tape.split(rows, out, [=, r = y.data()](long begin, long end, int) {
    start_rows<T>(r + begin * out, later ? nullptr : residual.data() + begin * out, bias ? bias.data() : nullptr,
                  end - begin, out);
  });
  tape.product(rows, out, in, as_is<T>(x.data(), in), transposed<T>(weight.data(), in), 1, y.data(), out);
  if (later) drop_rows<T>(tape, mask, 0, rows, out, y.data(), residual.data(), y.data());

  return tape.record("linear_residual", y, [=, t = &tape](const T* dy) {
    const auto dropped = t->scratch(mask.active() ? rows * out : 0);  // dy m
    if (mask.active()) drop_rows<T>(*t, mask, 0, rows, out, dy, nullptr, dropped.data());
    linear_backward<T>(*t, mask.active() ? dropped.data() : dy, x, weight, bias);
    t->pass(y, residual);
  });
}

/// linear from primitives: flatten, transpose, multiply, add the bias to every row.
template <class T>
Tensor<T> linear_textbook(Tensor<T> x, Tensor<T> weight, Tensor<T> bias) {
  const Tensor<T> y = matmul(reshape(x, {x.shape.rows(), x.shape.last()}), permute(on(*x.tape, weight), {1, 0}));
  return reshape(bias ? add(y, repeat(on(*x.tape, bias), x.shape.rows())) : y, x.shape.with_last(weight.shape[0]));
}

template <class Table>
void linear_examples(Table& table) {
  table.add(
      {"linear",
       {{{3, 5}, {7, 5}, {7}}, {{1, 1}, {1, 1}, {1}}, {{2, 3, 17}, {5, 17}, {5}}, {{0, 3}, {2, 3}, {2}}},
       {{{3, 5}, {5, 7}, {7}}, {{3, 5}, {7, 5}, {5}}, {{}, {1, 1}, {1}}}},
      [](auto& in) { return linear(in[0], in[1], in[2]); },
      [](auto& in) { return linear_textbook(in[0], in[1], in[2]); });
  table.add(
      {"linear", {{{4, 3}, {2, 3}}}}, [](auto& in) { return linear(in[0], in[1]); },
      [](auto& in) { return linear_textbook(in[0], in[1], {}); });
  const std::vector<std::vector<Shape>> shapes = {{{3, 7}, {3, 5}, {7, 5}, {7}}, {{2, 3, 1}, {2, 3, 17}, {1, 17}, {1}}};
  table.add(
      {"linear_residual", shapes, {{{3, 5}, {3, 5}, {7, 5}, {7}}}},
      [](auto& in) { return linear_residual(in[0], in[1], in[2], in[3]); },
      [](auto& in) { return add(in[0], linear_textbook(in[1], in[2], in[3])); });
  table.add(
      {"linear_residual", shapes},
      [](auto& in) {
        return linear_residual(in[0], in[1], in[2], in[3], {0.5, 3});
      },
      [](auto& in) {
        return add(in[0], dropout(linear_textbook(in[1], in[2], in[3]), {0.5, 3}));
      });
}

}  // namespace primer::autograd::PRIMER_COMPILED
