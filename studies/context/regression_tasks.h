// Linear regression in the context: every sequence has weights w of its own and shows examples of y = w'x. What reads
// it can learn w only from the examples; how well, is known in closed form for the learners below.
#pragma once

#include <cstdint>
#include <vector>

#include "autograd/tape.h"

namespace primer::studies {

/// Tasks that were drawn, independent of each other.
struct Tasks {
  long count = 0, points = 0, inputs = 0;  // B, n, d
  std::vector<double> x = {};              // [B, n, d]
  std::vector<double> y = {};              // [B, n], with noise
  std::vector<double> w = {};              // [B, d]

  const double* x_of(long b, long i) const { return x.data() + (b * points + i) * inputs; }
  double y_of(long b, long i) const { return y[b * points + i]; }
  double exact(long b, long i) const;  // w'x, without noise

  /// One of them alone, with points first ... first + n - 1.
  Tasks part(long b, long first, long n) const;
  /// The same tasks with every x, or every w, so many times as large.
  Tasks scaled(double of_x, double of_w) const;
  /// Each task with the next one's y in place of its own, but for its last point.
  Tasks with_others_examples() const;
};

/// What tasks are drawn from: x ~ U(-range, range)^d, or N(0, I) if range is 0; w ~ N(0, I); y = w'x + N(0, noise^2).
struct Regression {
  long inputs = 10, points = 11;  // d, n
  double range = 0, noise = 0;

  /// B tasks, a pure function of (seed, step).
  Tasks draw(std::uint64_t seed, long step, long count) const;
};

/// One step of gradient descent from w = 0 on sum over i < N of (w'x_i - y_i)^2 / (2 N), at the best rate.
struct BestStep {
  double rate;  // eta
  double loss;  // E (prediction - w'x)^2 / 2 for a new x
};

/// With s = E x^2, m = E x^4 of one input, A = sum of x_i x_i' / N:
///   tr E A^2 = (d m + d (d - 1) s^2) / N + (1 - 1 / N) d s^2,   eta = d s / (tr E A^2 + noise^2 d s / N),
///   loss = s (d - d s eta) / 2.
/// Of normal inputs without noise eta = N / (N + d + 1): derived, and held beside drawn tasks in the tests.
BestStep best_step(const Regression& from, long N);

/// w after that step at rate eta from the first k examples of task b, (eta / k) sum of y_i x_i [d]; with eta = 1 it is
/// the averaging estimator. Garg et al. 2022, section 3. No examples: 0.
std::vector<double> one_step(const Tasks& tasks, long b, long k, double eta);

/// w [d] with the least sum over i < k of (w'x_i - y_i)^2 + lambda |w|^2; with lambda = 0 least squares, and the
/// shortest w where several fit. Ridge with lambda = noise^2 is the posterior mean: nothing is better.
std::vector<double> ridge(const Tasks& tasks, long b, long k, double lambda);

/// Each example as one token (x, y), the last one with 0 for its y: [B, n, d + 1]. An input of the tape, whose gradient
/// is kept, or a constant.
template <class T>
autograd::Tensor<T> pair_tokens(autograd::Tape<T>& tape, const Tasks& tasks, bool wants_gradient = false);

/// y as the tape's numbers, [B, 1]: of the last point, which pair_tokens asks for.
template <class T>
autograd::Tensor<T> last_y(autograd::Tape<T>& tape, const Tasks& tasks);

}  // namespace primer::studies
