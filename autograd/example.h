// What an op says of itself for the tests: they are made from it.
#pragma once

#include <vector>

#include "autograd/tape.h"

namespace primer::autograd {

/// Beside it stand a call, [](auto& in) { return op(in[0], ...); }, with `in` a vector of Tensor<T>, and for a fused
/// op its textbook, the same from primitives. Tests check: the gradient of every element of every input, equality with
/// the textbook, the float path against double, each input held constant, no output element unwritten, first write
/// and accumulation, and the refusal of wrong shapes.
struct Example {
  const char* op;                               // the name that the op records
  std::vector<std::vector<Shape>> shapes;       // of the inputs, in several sizes
  std::vector<std::vector<Shape>> wrong = {};   // of inputs that must be refused
  double low = -1.5, high = 1.5;                // the inputs are drawn from this range
};

template <class T>
void expect_same_shape(const char* op, Tensor<T> a, Tensor<T> b) {
  if (!(a.shape == b.shape)) refuse(op, "expected equal shapes, got " + a.shape.text() + " and " + b.shape.text());
}

/// Throws Error(usage) unless x has the shape; `what` names it in the message.
template <class T>
void expect_shape(const char* op, const char* what, Tensor<T> x, Shape shape) {
  if (!(x.shape == shape))
    refuse(op, std::string("expected ") + what + " of shape " + shape.text() + ", got " + x.shape.text());
}

template <class T>
void expect_rank(const char* op, Tensor<T> x, int at_least) {
  if (x.shape.rank < at_least)
    refuse(op, "expected rank " + std::to_string(at_least) + " or more, got " + x.shape.text() +
                   "; reshape it, to [1, " + std::to_string(x.size()) + "] for one row");
}

}  // namespace primer::autograd
