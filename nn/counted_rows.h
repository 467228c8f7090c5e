// The rows of a loss: where few positions have a target, as when a model fills gaps, only these are worked on.
#pragma once

#include <span>

#include "autograd/tensor.h"

namespace primer::nn {

using autograd::Tensor;

template <class T>
struct Counted {
  Tensor<T> x;                   // [R, C]
  std::span<const int> targets;  // [R]; -1 does not count
};

/// Of x [B, T, C] and targets [B, T] the rows whose target is not -1; all rows where these are more than half.
template <class T>
Counted<T> counted_rows(Tensor<T> x, std::span<const int> targets);

}  // namespace primer::nn
