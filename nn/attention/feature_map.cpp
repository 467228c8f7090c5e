#include "nn/attention/feature_map.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/softmax.h"

namespace primer::nn {

// factor |x|^2 - ln(count) / 2 of every row of x [R, D]: [R].
template <class T>
static Tensor<T> log_factor(Tensor<T> x, double factor, long count) {
  return scale(sum_last(multiply(x, x)), factor, -std::log(static_cast<double>(count)) / 2);
}

template <class T>
Features<T> positive_features(Tensor<T> x, Tensor<T> w, bool weighted) {
  const Tensor<T> h = linear(x, w), map = softmax(h);  // [R, M]; h - ln(map) is one number a row
  if (!weighted) return {map, {}};
  const Tensor<T> rest = subtract(pick_largest(h), log(pick_largest(map)));
  return {map, add(rest, log_factor(x, -0.5, w.shape[0]))};
}

template <class T>
Features<T> trigonometric_features(Tensor<T> x, Tensor<T> w, bool weighted) {
  Tape<T>& tape = *x.tape;
  const long m = w.shape[0];
  std::vector<T> phase(2 * m, T(0));  // cos(a) = sin(a + pi / 2)
  std::fill(phase.begin() + m, phase.end(), std::numbers::pi_v<T> / 2);
  const Tensor<T> both = concat(on(tape, w), on(tape, w), 0);  // [2 m, D]
  const Tensor<T> map = sin(linear(x, both, tape.constant({2 * m}, phase)));
  return {map, weighted ? log_factor(x, 0.5, m) : Tensor<T>()};
}

template Features<float> positive_features(Tensor<float>, Tensor<float>, bool);
template Features<double> positive_features(Tensor<double>, Tensor<double>, bool);
template Features<float> trigonometric_features(Tensor<float>, Tensor<float>, bool);
template Features<double> trigonometric_features(Tensor<double>, Tensor<double>, bool);

}  // namespace primer::nn
