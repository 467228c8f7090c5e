// softmax and log_softmax over the last axis.
#pragma once

#include "autograd/example.h"
#include "autograd/expect.h"
#include "autograd/kernels/rows.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y[r, c] = e^(x[r, c] - m) / sum over c' of e^(x[r, c'] - m), with m the row's maximum. Rank 1 or more.
/// -inf gives exactly 0; a row of -inf only gives NaN.
template <class T>
Tensor<T> softmax(Tensor<T> x) {
  expect_rank("softmax", x, 1);
  Tape<T>& tape = tape_of("softmax", {x});
  Tensor<T> y = tape.output(x.shape, {x});
  const long n = x.shape.last();
  tape.split(x.shape.rows(), 10 * n, [=, p = x.data(), r = y.data()](long begin, long end, int) {
    for (long row = begin; row < end; ++row) softmax_row(p + row * n, n, r + row * n);
  });
  return tape.record("softmax", y, [t = &tape, x, y, n](const T* dy) {
    // dx[c] = y[c] (dy[c] - sum over c' of dy[c'] y[c'])
    if (auto dx = t->grad(x))
      dx.visit([&](auto put) {
        split(x.shape.rows(), 4 * n, [=, r = y.data()](long begin, long end, int) {
          for (long row = begin; row < end; ++row) {
            const T dot = dot_row(dy + row * n, r + row * n, n);
            for (long i = row * n; i < (row + 1) * n; ++i) put(i, r[i] * (dy[i] - dot));
          }
        });
      });
  });
}

/// y[r, c] = x[r, c] - m - ln(sum over c' of e^(x[r, c'] - m)). Rank 1 or more.
template <class T>
Tensor<T> log_softmax(Tensor<T> x) {
  expect_rank("log_softmax", x, 1);
  Tape<T>& tape = tape_of("log_softmax", {x});
  Tensor<T> y = tape.output(x.shape, {x});
  const long n = x.shape.last();
  tape.split(x.shape.rows(), 10 * n, [=, p = x.data(), r = y.data()](long begin, long end, int) {
    for (long row = begin; row < end; ++row) {
      const T largest = n > 0 ? max_row(p + row * n, n) : T(0);
      const T lse = largest + std::log(exp_row(p + row * n, largest, n, r + row * n));
      for (long i = row * n; i < (row + 1) * n; ++i) r[i] = p[i] - lse;
    }
  });
  return tape.record("log_softmax", y, [t = &tape, x, y, n](const T* dy) {
    // dx[c] = dy[c] - e^y[c] sum over c' of dy[c']
    if (auto dx = t->grad(x))
      dx.visit([&](auto put) {
        split(x.shape.rows(), 10 * n, [=, r = y.data()](long begin, long end, int) {
          for (long row = begin; row < end; ++row) {
            T total = 0;
            for (long i = row * n; i < (row + 1) * n; ++i) total += dy[i];
            for (long i = row * n; i < (row + 1) * n; ++i) put(i, dy[i] - fast::exp(r[i]) * total);
          }
        });
      });
  });
}

template <class Table>
void softmax_examples(Table& table) {
  const std::vector<std::vector<Shape>> shapes = {{{3, 5}}, {{1, 1}}, {{0, 4}}, {{37}}, {{2, 2, 3, 17}}};
  table.add({"softmax", shapes, {{{}}}}, [](auto& in) { return softmax(in[0]); });
  table.add({"log_softmax", shapes, {{{}}}}, [](auto& in) { return log_softmax(in[0]); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
