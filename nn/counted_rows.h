// The rows of a loss: where few positions have a target, as when a model fills gaps, only these are worked on.
#pragma once

#include <algorithm>
#include <span>

#include "autograd/ops/gather.h"
#include "autograd/ops/layout.h"

namespace primer::nn {

using autograd::Tape;
using autograd::Tensor;

template <class T>
struct Counted {
  Tensor<T> x;                   // [R, C]
  std::span<const int> targets;  // [R]; -1 does not count
};

/// Of x [B, T, C] and targets [B, T] the rows whose target is not -1; all rows where these are more than half.
template <class T>
Counted<T> counted_rows(Tensor<T> x, std::span<const int> targets) {
  const auto counts = [](int target) { return target != -1; };
  const long count = std::count_if(targets.begin(), targets.end(), counts);
  const Tensor<T> flat = reshape(x, {x.shape.rows(), x.shape.last()});
  if (count * 2 > static_cast<long>(targets.size())) return {flat, targets};
  Tape<T>& tape = *x.tape;
  const std::span<int> rows(tape.template keep<int>(count), count), chosen(tape.template keep<int>(count), count);
  for (std::size_t i = 0, k = 0; i < targets.size(); ++i)
    if (counts(targets[i])) {
      rows[k] = static_cast<int>(i);
      chosen[k++] = targets[i];
    }
  return {gather<T>(tape, flat, rows), chosen};
}

}  // namespace primer::nn
