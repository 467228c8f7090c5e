// add, subtract, multiply, divide, scale: element by element, on equal shapes. Nothing is broadcast.
#pragma once

#include "autograd/example.h"
#include "autograd/expect.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y = a + b
template <class T>
Tensor<T> add(Tensor<T> a, Tensor<T> b) {
  expect_same_shape("add", a, b);
  Tape<T>& tape = tape_of("add", {a, b});
  Tensor<T> y = tape.output(a.shape, {a, b});
  tape.each(y.size(), [p = a.data(), q = b.data(), r = y.data()](long i) { r[i] = p[i] + q[i]; });
  return tape.record("add", y, [t = &tape, a, b, y](const T*) {
    t->pass(y, a);  // da = dy
    t->pass(y, b);  // db = dy
  });
}

/// y = a - b
template <class T>
Tensor<T> subtract(Tensor<T> a, Tensor<T> b) {
  expect_same_shape("subtract", a, b);
  Tape<T>& tape = tape_of("subtract", {a, b});
  Tensor<T> y = tape.output(a.shape, {a, b});
  tape.each(y.size(), [p = a.data(), q = b.data(), r = y.data()](long i) { r[i] = p[i] - q[i]; });
  return tape.record("subtract", y, [t = &tape, a, b, y](const T* dy) {
    t->pass(y, a);  // da = dy
    if (auto db = t->grad(b)) db.each_element(b.size(), [=](long i) { return -dy[i]; });
  });
}

/// y = a b
template <class T>
Tensor<T> multiply(Tensor<T> a, Tensor<T> b) {
  expect_same_shape("multiply", a, b);
  Tape<T>& tape = tape_of("multiply", {a, b});
  Tensor<T> y = tape.output(a.shape, {a, b});
  tape.each(y.size(), [p = a.data(), q = b.data(), r = y.data()](long i) { r[i] = p[i] * q[i]; });
  return tape.record("multiply", y, [t = &tape, a, b](const T* dy) {
    if (auto da = t->grad(a)) da.each_element(a.size(), [=, q = b.data()](long i) { return dy[i] * q[i]; });
    if (auto db = t->grad(b)) db.each_element(b.size(), [=, p = a.data()](long i) { return dy[i] * p[i]; });
  });
}

/// y = a / b
template <class T>
Tensor<T> divide(Tensor<T> a, Tensor<T> b) {
  expect_same_shape("divide", a, b);
  Tape<T>& tape = tape_of("divide", {a, b});
  Tensor<T> y = tape.output(a.shape, {a, b});
  tape.each(y.size(), [p = a.data(), q = b.data(), r = y.data()](long i) { r[i] = p[i] / q[i]; });
  return tape.record("divide", y, [t = &tape, a, b, y](const T* dy) {
    if (auto da = t->grad(a)) da.each_element(a.size(), [=, q = b.data()](long i) { return dy[i] / q[i]; });
    if (auto db = t->grad(b))  // d(a/b)/db = -(a/b)/b
      db.each_element(b.size(), [=, q = b.data(), r = y.data()](long i) { return -dy[i] * r[i] / q[i]; });
  });
}

/// y = factor x + offset, with two plain numbers.
template <class T>
Tensor<T> scale(Tensor<T> x, double factor, double offset = 0) {
  Tape<T>& tape = tape_of("scale", {x});
  Tensor<T> y = tape.output(x.shape, {x});
  const T f = static_cast<T>(factor), o = static_cast<T>(offset);
  tape.each(y.size(), [=, p = x.data(), r = y.data()](long i) { r[i] = f * p[i] + o; });
  return tape.record("scale", y, [t = &tape, x, f](const T* dy) {
    if (auto dx = t->grad(x)) dx.each_element(x.size(), [=](long i) { return f * dy[i]; });
  });
}

template <class Table>
void arithmetic_examples(Table& table) {
  const std::vector<std::vector<Shape>> pairs = {
      {{3, 5}, {3, 5}}, {{1}, {1}}, {{}, {}}, {{0, 4}, {0, 4}}, {{2, 3, 1, 7}, {2, 3, 1, 7}}};
  const std::vector<std::vector<Shape>> unequal = {{{3, 5}, {5, 3}}, {{3}, {1, 3}}, {{2}, {3}}};
  table.add({"add", pairs, unequal}, [](auto& in) { return add(in[0], in[1]); });
  table.add({"subtract", pairs, unequal}, [](auto& in) { return subtract(in[0], in[1]); });
  table.add({"multiply", pairs, unequal}, [](auto& in) { return multiply(in[0], in[1]); });
  table.add({"divide", pairs, unequal, 0.5, 2}, [](auto& in) { return divide(in[0], in[1]); });
  table.add(of_any_shape("scale", {{{3, 5}}, {{17}}, {{0}}}), [](auto& in) { return scale(in[0], -1.5, 0.25); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
