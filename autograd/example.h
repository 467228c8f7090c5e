// What an op says of itself for the tests: they are made from it.
#pragma once

#include <utility>
#include <vector>

#include "autograd/tape.h"

namespace primer::autograd {

/// Beside it stand a call, [](auto& in) { return op(in[0], ...); }, with `in` a vector of Tensor<T>, and for a fused
/// op its textbook, the same from primitives. Tests check: the gradient of every element of every input, equality with
/// the textbook, the float path against double, each input held constant, no output element unwritten, first write
/// and accumulation, and the refusal of wrong shapes.
struct Example {
  const char* op;                              // the name that the op records
  std::vector<std::vector<Shape>> shapes;      // of the inputs, in several sizes
  std::vector<std::vector<Shape>> wrong = {};  // of inputs that must be refused
  double low = -1.5, high = 1.5;               // the inputs are drawn from this range
  bool of_any_shape = false;                   // it takes one tensor, of any shape: there is none to refuse
};

/// The examples of an op that takes one tensor of any shape. Of every other op some `wrong` shapes are asked for.
inline Example of_any_shape(const char* op, std::vector<std::vector<Shape>> shapes, double low = -1.5,
                            double high = 1.5) {
  return {op, std::move(shapes), {}, low, high, true};
}

}  // namespace primer::autograd
