// What ops ask of their arguments, before any loop begins: nothing may throw inside a parallel region.
#pragma once

#include <span>
#include <string>

#include "autograd/tensor.h"

namespace primer::autograd {

/// Throws Error(usage) unless a and b have one shape.
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

/// Throws Error(usage) on a rank below `at_least`.
template <class T>
void expect_rank(const char* op, Tensor<T> x, int at_least) {
  if (x.shape.rank < at_least)
    refuse(op, "expected rank " + std::to_string(at_least) + " or more, got " + x.shape.text() +
                   "; reshape it, to [1, " + std::to_string(x.size()) + "] for one row");
}

/// Throws Error(usage) unless there are `count` of `what`, such as "lengths".
inline void expect_count(const char* op, const char* what, std::size_t got, long count) {
  if (static_cast<long>(got) != count)
    refuse(op, "expected " + std::to_string(count) + " " + what + ", got " + std::to_string(got));
}

/// Throws Error(usage) unless every id is in first ... count-1.
inline void expect_ids(const char* op, std::span<const int> ids, long count, int first = 0) {
  for (const int id : ids)
    if (id < first || id >= count)
      refuse(op, "expected ids from " + std::to_string(first) + " to " + std::to_string(count - 1) + ", got " +
                     std::to_string(id));
}

/// Throws Error(usage) unless there is a length from 0 to `most` for each of B sequences, or none at all.
inline void expect_lengths(const char* op, std::span<const int> lengths, long B, long most) {
  if (!lengths.empty()) expect_count(op, "lengths", lengths.size(), B);
  expect_ids(op, lengths, most + 1);
}

/// Throws Error(usage) unless the probability is in [0, 1); `what` names it in the message.
inline void expect_probability(const char* op, double probability, const char* what = "a dropout probability") {
  if (!(probability >= 0 && probability < 1))
    refuse(op, std::string("expected ") + what + " in [0, 1), got " + std::to_string(probability));
}

}  // namespace primer::autograd
