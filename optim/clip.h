// The norm of all gradients together, and the factor that bounds it.
#pragma once

#include <array>
#include <cmath>

#include "autograd/parameters.h"

namespace primer::optim {

/// sum of x[i]^2, added in double.
template <class T>
double sum_of_squares(const T* x, long n) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (long i = 0; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

/// The 2-norm of the flat block of gradients. Its parts and their order are fixed: the same bits for any number of
/// threads. Not finite if any gradient is not.
template <class T>
double gradient_norm(const autograd::Parameters<T>& parameters) {
  constexpr long parts = 64;
  std::array<double, parts> sums{};
  const long n = parameters.trained(), part = (n + parts - 1) / parts;
  autograd::split(parts, part, [&](long begin, long end, int) {
    for (long p = begin; p < end; ++p)
      if (p * part < n) sums[p] = sum_of_squares(parameters.grads() + p * part, std::min(part, n - p * part));
  });
  double total = 0;
  for (const double s : sums) total += s;
  return std::sqrt(total);
}

/// The factor that brings a gradient of this norm down to `limit`, 1 if it is no longer than that or limit is 0.
/// Pascanu, Mikolov, Bengio 2013, algorithm 1. It is handed to the optimizer, which saves a pass over memory.
inline double clip_factor(double norm, double limit) { return limit > 0 && norm > limit ? limit / (norm + 1e-6) : 1; }

}  // namespace primer::optim
