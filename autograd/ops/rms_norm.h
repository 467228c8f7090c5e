// rms_norm: every row to a mean square of 1, then a weight per channel.
#pragma once

#include "autograd/ops/layer_norm.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y[r, c] = x[r, c] / sqrt(mean of x[r]^2 + epsilon) weight[c]: layer_norm without the mean, and without a bias.
/// x [..., C], weight [C]. Zhang & Sennrich 2019, equation 4.
template <class T>
Tensor<T> rms_norm(Tensor<T> x, Tensor<T> weight, double epsilon = 1e-5) {
  return row_norm<false>("rms_norm", x, weight, {}, epsilon);
}

/// rms_norm from primitives.
template <class T>
Tensor<T> rms_norm_textbook(Tensor<T> x, Tensor<T> weight, double epsilon = 1e-5) {
  const long rows = x.shape.rows(), C = x.shape.last();
  const Tensor<T> flat = reshape(x, {rows, C});
  const Tensor<T> root = sqrt(scale(sum_last(multiply(flat, flat)), 1.0 / static_cast<double>(C), epsilon));
  return reshape(multiply(divide(flat, spread(root, C)), repeat(on(*x.tape, weight), rows)), x.shape);
}

template <class Table>
void rms_norm_examples(Table& table) {
  table.add(
      {"rms_norm",
       {{{3, 5}, {5}}, {{2, 3, 17}, {17}}, {{67}, {67}}, {{0, 3}, {3}}},
       {{{3, 5}, {3}}, {{3, 5}, {1, 5}}, {{}, {1}}}},
      [](auto& in) { return rms_norm(in[0], in[1]); }, [](auto& in) { return rms_norm_textbook(in[0], in[1]); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
