// A tensor is a small handle, passed by value: which tape, which node, which shape. The node holds the numbers.
#pragma once

#include <initializer_list>

#include "autograd/error.h"
#include "autograd/shape.h"

namespace primer::autograd {

template <class T>
class Tape;

/// Values and gradient of one result. Reshaped handles share a node.
template <class T>
struct Node {
  T* value = nullptr;  // [size]
  T* grad = nullptr;   // [size], d root / d value; null until its first write, and of a frozen parameter
  long size = 0;
  bool needs_grad = false;  // a parameter, an input whose gradient is wanted, or computed from one
  bool parameter = false;   // grad has a fixed place that belongs to Parameters
  bool keep = false;        // grad stays after the backward step that used it
  bool written = false;     // of a parameter: grad holds a gradient
};

template <class T>
struct Tensor {
  Tape<T>* tape = nullptr;  // null: a parameter, which belongs to no tape
  Node<T>* node = nullptr;
  Shape shape;

  explicit operator bool() const { return node != nullptr; }
  T* data() const { return node->value; }
  const T* grad() const { return node->grad; }
  long size() const { return shape.size(); }

  /// The only element. Throws Error(usage) unless there is exactly one.
  T item() const {
    if (size() != 1) refuse("item", "expected one element, got " + shape.text());
    return *node->value;
  }
};

/// A parameter as an input of an op that meets no activation.
template <class T>
Tensor<T> on(Tape<T>& tape, Tensor<T> parameter) {
  parameter.tape = &tape;
  return parameter;
}

/// The tape of the activations among an op's inputs; parameters have none. Throws Error(usage) if all are
/// parameters or if two tapes meet.
template <class T>
Tape<T>& tape_of(const char* op, std::initializer_list<Tensor<T>> inputs) {
  Tape<T>* tape = nullptr;
  for (const Tensor<T>& x : inputs) {
    if (!x.node || !x.tape) continue;
    if (tape && tape != x.tape) refuse(op, "its inputs are on two tapes; an op works on one");
    tape = x.tape;
  }
  if (!tape) refuse(op, "expected an input on a tape, got parameters only; name it with on(tape, x)");
  return *tape;
}

}  // namespace primer::autograd
