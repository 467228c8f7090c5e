// activate: GELU in both forms, ReLU, its square and SiLU, as one op each.
#pragma once

#include "autograd/example.h"
#include "autograd/kernels/activation.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/elementwise.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y = f(x), element by element; see activation.h for the formulas.
template <class T>
Tensor<T> activate(Tensor<T> x, Activation kind) {
  Tape<T>& tape = tape_of("activate", {x});
  Tensor<T> y = tape.output(x.shape, {x});
  tape.split(y.size(), 20, 64, [=, p = x.data(), r = y.data()](long begin, long end, int) {
    activate_row<T>(kind, p + begin, nullptr, end - begin, r + begin);
  });
  return tape.record("activate", y, [t = &tape, x, kind](const T* dy) {
    if (auto dx = t->grad(x))
      dx.visit([&](auto put) {
        split(x.size(), 20, 64, [=, p = x.data()](long begin, long end, int) {
          T slopes[256];
          for (long i = begin; i < end; i += 256) {
            const long n = std::min(256L, end - i);
            activate_row_backward(kind, p + i, dy + i, n, slopes);
            for (long k = 0; k < n; ++k) put(i + k, slopes[k]);
          }
        });
      });
  });
}

/// The activations from primitives.
template <class T>
Tensor<T> activate_textbook(Tensor<T> x, Activation kind) {
  if (kind == Activation::relu) return relu(x);
  if (kind == Activation::relu2) return multiply(relu(x), relu(x));
  if (kind == Activation::swiglu) return multiply(x, sigmoid(x));
  const Tensor<T> inner =
      kind == Activation::gelu_erf
          ? erf(scale(x, 1 / std::numbers::sqrt2))
          : tanh(scale(add(x, scale(multiply(x, multiply(x, x)), 0.044715)), std::sqrt(2 / std::numbers::pi)));
  return scale(multiply(x, scale(inner, 1, 1)), 0.5);
}

template <class Table>
void activate_examples(Table& table) {
  for (const std::string_view name : words(Activation())) {
    const Activation kind = *word<Activation>(name);
    table.add(
        of_any_shape("activate", {{{3, 5}}, {{1}}, {{0}}, {{5, 61}}}, -4, 4),
        [kind](auto& in) { return activate(in[0], kind); },
        [kind](auto& in) { return activate_textbook(in[0], kind); });
  }
}

}  // namespace primer::autograd::PRIMER_COMPILED
