// layer_norm: every row to mean 0 and variance 1, then a weight and a bias per channel.
#pragma once

#include "autograd/example.h"
#include "autograd/expect.h"
#include "autograd/kernels/norm.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"

namespace primer::autograd::PRIMER_COMPILED {

/// What layer_norm and rms_norm share: y[r] = (x[r] - mean[r]) inverse[r] weight + bias, row by row. The mean of rows
/// that are not centred counts as 0.
template <bool centred, class T>
Tensor<T> row_norm(const char* op, Tensor<T> x, Tensor<T> weight, Tensor<T> bias, double epsilon) {
  expect_rank(op, x, 1);
  const long rows = x.shape.rows(), C = x.shape.last();
  expect_shape(op, "a weight", weight, {C});
  if (bias) expect_shape(op, "a bias", bias, {C});
  Tape<T>& tape = tape_of(op, {x, weight, bias});
  Tensor<T> y = tape.output(x.shape, {x, weight, bias});
  tape.moves(2 * rows * C);                  // x, y
  T* mean = tape.template keep<T>(rows);     // [rows]
  T* inverse = tape.template keep<T>(rows);  // [rows], 1 / sqrt(variance + epsilon)
  tape.split(
      rows, 8 * C,
      [=, p = x.data(), w = weight.data(), b = bias ? bias.data() : nullptr, r = y.data()](long begin, long end, int) {
        for (long i = begin; i < end; ++i)
          norm_row<centred>(p + i * C, w, b, static_cast<T>(epsilon), C, r + i * C, mean[i], inverse[i]);
      });

  return tape.record(op, y, [=, t = &tape](const T* dy) {
    const auto dx = t->grad(x), dw = t->grad(weight), db = t->grad(bias);
    t->moves((dx.add ? 4 : 3) * rows * C);  // x, dy, dx
    // the columns of each part of the rows are summed apart, then the parts in their order, for any number of threads
    constexpr long parts = 16;
    const auto sums = t->scratch(parts * 2 * C);
    const auto backward_rows = [=, p = x.data(), w = weight.data()](long begin, long end, T* sum_w) {
      for (long i = begin; i < end; ++i) {
        norm_columns(p + i * C, dy + i * C, mean[i], inverse[i], C, sum_w, sum_w + C);
        if (!dx) continue;
        if (dx.add) norm_row_backward<centred, true>(p + i * C, w, dy + i * C, mean[i], inverse[i], C, dx.data + i * C);
        else norm_row_backward<centred, false>(p + i * C, w, dy + i * C, mean[i], inverse[i], C, dx.data + i * C);
      }
    };
    t->split(parts, 12 * C * rows / parts, [=, s = sums.data()](long begin, long end, int) {
      std::fill_n(s + begin * 2 * C, (end - begin) * 2 * C, T(0));
      for (long part = begin; part < end; ++part)
        backward_rows(rows * part / parts, rows * (part + 1) / parts, s + part * 2 * C);
    });
    const auto gather_sums = [&](Into<T> into, long skip) {
      into.visit([&](auto put) {
        for (long c = 0; c < C; ++c) {
          T total = 0;
          for (long k = 0; k < parts; ++k) total += sums[k * 2 * C + skip + c];
          put(c, total);
        }
      });
    };
    if (dw) gather_sums(dw, 0);
    if (db) gather_sums(db, C);
  });
}

/// y[r, c] = (x[r, c] - mean[r]) / sqrt(variance[r] + epsilon) weight[c] + bias[c], with the variance of the row
/// itself (divided by C). x [..., C], weight [C], bias [C] or none. Ba, Kiros, Hinton 2016, equation 4.
template <class T>
Tensor<T> layer_norm(Tensor<T> x, Tensor<T> weight, Tensor<T> bias = {}, double epsilon = 1e-5) {
  return row_norm<true>("layer_norm", x, weight, bias, epsilon);
}

/// layer_norm from primitives.
template <class T>
Tensor<T> layer_norm_textbook(Tensor<T> x, Tensor<T> weight, Tensor<T> bias, double epsilon = 1e-5) {
  const long rows = x.shape.rows(), C = x.shape.last();
  Tensor<T> flat = reshape(x, {rows, C});
  const auto mean = [C](Tensor<T> v) { return scale(sum_last(v), 1.0 / static_cast<double>(C)); };
  const Tensor<T> centred = subtract(flat, spread(mean(flat), C));
  const Tensor<T> deviation = sqrt(scale(mean(multiply(centred, centred)), 1, epsilon));
  Tensor<T> y = multiply(divide(centred, spread(deviation, C)), repeat(on(*x.tape, weight), rows));
  if (bias) y = add(y, repeat(on(*x.tape, bias), rows));
  return reshape(y, x.shape);
}

template <class Table>
void layer_norm_examples(Table& table) {
  table.add(
      {"layer_norm",
       {{{3, 5}, {5}, {5}}, {{2, 3, 17}, {17}, {17}}, {{67}, {67}, {67}}, {{0, 3}, {3}, {3}}},
       {{{3, 5}, {3}, {5}}, {{3, 5}, {5}, {1}}, {{}, {1}, {1}}}},
      [](auto& in) { return layer_norm(in[0], in[1], in[2]); },
      [](auto& in) { return layer_norm_textbook(in[0], in[1], in[2]); });
  table.add(
      {"layer_norm", {{{3, 7}, {7}}}}, [](auto& in) { return layer_norm(in[0], in[1]); },
      [](auto& in) { return layer_norm_textbook(in[0], in[1], {}); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
