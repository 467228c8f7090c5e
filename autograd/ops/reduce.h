// sum, sum_last and their mirror images repeat and spread: the backward of one is the forward of the other.
#pragma once

#include "autograd/example.h"
#include "autograd/expect.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y = sum of all elements, a single number; added up in double.
template <class T>
Tensor<T> sum(Tensor<T> x) {
  Tape<T>& tape = tape_of("sum", {x});
  Tensor<T> y = tape.output({}, {x});
  tape.split(1, x.size(), [=, n = x.size(), p = x.data(), r = y.data()](long, long, int) {
    double total = 0;
    for (long i = 0; i < n; ++i) total += p[i];
    *r = static_cast<T>(total);
  });
  return tape.record("sum", y, [t = &tape, x](const T* dy) {
    if (auto dx = t->grad(x)) dx.each_element(x.size(), [=](long) { return dy[0]; });
  });
}

/// y[r] = sum over c of x[r, c]; the last axis goes. Rank 1 or more.
template <class T>
Tensor<T> sum_last(Tensor<T> x) {
  expect_rank("sum_last", x, 1);
  Tape<T>& tape = tape_of("sum_last", {x});
  Shape shape = x.shape;
  shape.rank -= 1;
  shape.extents[shape.rank] = 0;
  Tensor<T> y = tape.output(shape, {x});
  const long n = x.shape.last();
  tape.split(y.size(), n, [=, p = x.data(), r = y.data()](long begin, long end, int) {
    for (long row = begin; row < end; ++row) {
      double total = 0;
      for (long c = 0; c < n; ++c) total += p[row * n + c];
      r[row] = static_cast<T>(total);
    }
  });
  return tape.record("sum_last", y, [t = &tape, x, n](const T* dy) {
    if (auto dx = t->grad(x)) dx.each_element(x.size(), [=](long i) { return dy[i / n]; });
  });
}

/// y[k, i] = x[i] for k = 0 ... times-1: a new first axis. Rank 3 or less.
template <class T>
Tensor<T> repeat(Tensor<T> x, long times) {
  if (x.shape.rank > 3) refuse("repeat", "expected rank 3 or less, got " + x.shape.text());
  Tape<T>& tape = tape_of("repeat", {x});
  Shape shape;
  shape.append(times);
  for (int i = 0; i < x.shape.rank; ++i) shape.append(x.shape[i]);
  Tensor<T> y = tape.output(shape, {x});
  const long n = x.size();
  tape.each(y.size(), [=, p = x.data(), r = y.data()](long i) { r[i] = p[i % n]; });
  return tape.record("repeat", y, [t = &tape, x, n, times](const T* dy) {
    if (auto dx = t->grad(x))
      dx.each_element(n, [=](long i) {
        double total = 0;
        for (long k = 0; k < times; ++k) total += dy[k * n + i];
        return static_cast<T>(total);
      });
  });
}

/// y[i, k] = x[i] for k = 0 ... times-1: a new last axis. Rank 3 or less.
template <class T>
Tensor<T> spread(Tensor<T> x, long times) {
  Shape shape = x.shape;
  if (shape.rank > 3) refuse("spread", "expected rank 3 or less, got " + x.shape.text());
  shape.append(times);
  Tape<T>& tape = tape_of("spread", {x});
  Tensor<T> y = tape.output(shape, {x});
  tape.each(y.size(), [=, p = x.data(), r = y.data()](long i) { r[i] = p[i / times]; });
  return tape.record("spread", y, [t = &tape, x, times](const T* dy) {
    if (auto dx = t->grad(x))
      dx.each_element(x.size(), [=](long i) {
        double total = 0;
        for (long k = 0; k < times; ++k) total += dy[i * times + k];
        return static_cast<T>(total);
      });
  });
}

template <class Table>
void reduce_examples(Table& table) {
  table.add(of_any_shape("sum", {{{3, 5}}, {{1}}, {{}}, {{0}}}), [](auto& in) { return sum(in[0]); });
  table.add({"sum_last", {{{3, 5}}, {{1, 1}}, {{4, 0}}, {{2, 3, 7}}}, {{{}}}},
            [](auto& in) { return sum_last(in[0]); });
  table.add({"repeat", {{{5}}, {{2, 3}}, {{}}, {{0}}}, {{{1, 1, 1, 1}}}}, [](auto& in) { return repeat(in[0], 3); });
  table.add({"spread", {{{5}}, {{2, 3}}, {{}}, {{0}}}, {{{1, 1, 1, 1}}}}, [](auto& in) { return spread(in[0], 3); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
