// exp, log, sqrt, sin, tanh, sigmoid, erf, relu, elu_plus_one: functions of one number.
#pragma once

#include "autograd/example.h"
#include "autograd/vector_math.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y = f(x) with dy/dx = slope(x, y): the loop that the functions below share.
template <class T, class Function, class Slope>
Tensor<T> elementwise(const char* op, Tensor<T> x, Function f, Slope slope) {
  Tape<T>& tape = tape_of(op, {x});
  Tensor<T> y = tape.output(x.shape, {x});
  tape.each(y.size(), [=, p = x.data(), r = y.data()](long i) { r[i] = f(p[i]); });
  return tape.record(op, y, [t = &tape, x, y, slope](const T* dy) {
    if (auto dx = t->grad(x))
      dx.each_element(x.size(), [=, p = x.data(), r = y.data()](long i) { return dy[i] * slope(p[i], r[i]); });
  });
}

/// y = e^x, dy/dx = y
template <class T>
Tensor<T> exp(Tensor<T> x) {
  return elementwise(
      "exp", x, [](T v) { return fast::exp(v); }, [](T, T y) { return y; });
}

/// y = ln x, dy/dx = 1/x
template <class T>
Tensor<T> log(Tensor<T> x) {
  return elementwise(
      "log", x, [](T v) { return std::log(v); }, [](T v, T) { return 1 / v; });
}

/// y = sqrt x, dy/dx = 1/(2y)
template <class T>
Tensor<T> sqrt(Tensor<T> x) {
  return elementwise(
      "sqrt", x, [](T v) { return std::sqrt(v); }, [](T, T y) { return T(0.5) / y; });
}

/// y = sin x, dy/dx = cos x
template <class T>
Tensor<T> sin(Tensor<T> x) {
  return elementwise(
      "sin", x, [](T v) { return std::sin(v); }, [](T v, T) { return std::cos(v); });
}

/// y = tanh x, dy/dx = 1 - y^2
template <class T>
Tensor<T> tanh(Tensor<T> x) {
  return elementwise(
      "tanh", x, [](T v) { return fast::tanh(v); }, [](T, T y) { return 1 - y * y; });
}

/// y = 1 / (1 + e^-x), dy/dx = y (1 - y)
template <class T>
Tensor<T> sigmoid(Tensor<T> x) {
  return elementwise(
      "sigmoid", x, [](T v) { return fast::sigmoid(v); }, [](T, T y) { return y * (1 - y); });
}

/// y = erf x, dy/dx = 2/sqrt(pi) e^(-x^2)
template <class T>
Tensor<T> erf(Tensor<T> x) {
  return elementwise(
      "erf", x, [](T v) { return fast::erf(v); },
      [](T v, T) { return 2 * std::numbers::inv_sqrtpi_v<T> * fast::exp(-v * v); });
}

/// y = max(0, x); dy/dx = 1 for x > 0, else 0. A NaN stays one.
template <class T>
Tensor<T> relu(Tensor<T> x) {
  return elementwise(
      "relu", x, [](T v) { return v < 0 ? T(0) : v; }, [](T v, T) { return v > 0 ? T(1) : T(0); });
}

/// y = elu(x) + 1 = x + 1 for x > 0, else e^x: positive everywhere; dy/dx = 1 for x > 0, else y.
template <class T>
Tensor<T> elu_plus_one(Tensor<T> x) {
  return elementwise(
      "elu_plus_one", x, [](T v) { return v > 0 ? v + 1 : fast::exp(v); }, [](T v, T y) { return v > 0 ? T(1) : y; });
}

template <class Table>
void elementwise_examples(Table& table) {
  const std::vector<std::vector<Shape>> shapes = {{{3, 5}}, {{1}}, {{0, 3}}, {{2, 67}}};
  table.add(of_any_shape("exp", shapes), [](auto& in) { return exp(in[0]); });
  table.add(of_any_shape("log", shapes, 0.5, 2), [](auto& in) { return log(in[0]); });
  table.add(of_any_shape("sqrt", shapes, 0.5, 2), [](auto& in) { return sqrt(in[0]); });
  table.add(of_any_shape("sin", shapes), [](auto& in) { return sin(in[0]); });
  table.add(of_any_shape("tanh", shapes), [](auto& in) { return tanh(in[0]); });
  table.add(of_any_shape("sigmoid", shapes), [](auto& in) { return sigmoid(in[0]); });
  table.add(of_any_shape("erf", shapes), [](auto& in) { return erf(in[0]); });
  table.add(of_any_shape("relu", shapes), [](auto& in) { return relu(in[0]); });
  table.add(of_any_shape("elu_plus_one", shapes), [](auto& in) { return elu_plus_one(in[0]); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
