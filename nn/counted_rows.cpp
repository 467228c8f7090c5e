#include "nn/counted_rows.h"

#include <algorithm>

#include "autograd/ops/gather.h"
#include "autograd/ops/layout.h"

namespace primer::nn {

template <class T>
Counted<T> counted_rows(Tensor<T> x, std::span<const int> targets) {
  const auto counts = [](int target) { return target != -1; };
  const long count = std::count_if(targets.begin(), targets.end(), counts);
  const Tensor<T> flat = reshape(x, {x.shape.rows(), x.shape.last()});
  if (count * 2 > static_cast<long>(targets.size())) return {flat, targets};
  autograd::Tape<T>& tape = *x.tape;
  const std::span<int> rows(tape.template keep<int>(count), count), chosen(tape.template keep<int>(count), count);
  for (std::size_t i = 0, k = 0; i < targets.size(); ++i)
    if (counts(targets[i])) {
      rows[k] = static_cast<int>(i);
      chosen[k++] = targets[i];
    }
  return {gather<T>(tape, flat, rows), chosen};
}

template Counted<float> counted_rows(Tensor<float>, std::span<const int>);
template Counted<double> counted_rows(Tensor<double>, std::span<const int>);

}  // namespace primer::nn
