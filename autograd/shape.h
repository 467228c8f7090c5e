// The shape of a tensor: up to four extents, row-major, contiguous.
#pragma once

#include <array>
#include <initializer_list>
#include <string>

#include "autograd/error.h"

namespace primer::autograd {

struct Shape {
  std::array<long, 4> extents{};
  int rank = 0;

  Shape() = default;  // rank 0: one number
  Shape(std::initializer_list<long> list) {
    if (list.size() > 4) refuse("shape", "expected rank 4 or less, got rank " + std::to_string(list.size()));
    for (const long extent : list) append(extent);
  }

  /// Elements in all: the product of the extents; 1 for rank 0.
  long size() const { return leading(rank); }

  /// Product of the first `count` extents.
  long leading(int count) const {
    long product = 1;
    for (int i = 0; i < count; ++i) product *= extents[i];
    return product;
  }

  /// Product of the extents after the first `count`.
  long trailing(int count) const {
    long product = 1;
    for (int i = count; i < rank; ++i) product *= extents[i];
    return product;
  }

  /// The extent of axis i; negative i count from the end. The axis must exist.
  long operator[](int i) const { return extents[i < 0 ? rank + i : i]; }

  /// The last extent (1 for rank 0), and how many rows of that length there are.
  long last() const { return rank == 0 ? 1 : extents[rank - 1]; }
  long rows() const { return rank == 0 ? 1 : leading(rank - 1); }

  /// The same shape with another last extent. Rank 1 or more.
  Shape with_last(long extent) const {
    Shape s = *this;
    s.extents[s.rank - 1] = extent;
    return s;
  }

  void append(long extent) {
    if (extent < 0) refuse("shape", "expected extents of 0 or more, got " + std::to_string(extent));
    if (rank == 4) refuse("shape", "expected rank 4 or less; reshape to fewer axes");
    extents[rank++] = extent;
  }

  bool operator==(const Shape&) const = default;

  /// As in an error message: [2, 3].
  std::string text() const {
    std::string s = "[";
    for (int i = 0; i < rank; ++i) s += (i ? ", " : "") + std::to_string(extents[i]);
    return s + "]";
  }
};

}  // namespace primer::autograd
