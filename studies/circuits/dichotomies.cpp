#include "studies/circuits/dichotomies.h"

#include <algorithm>
#include <cmath>

namespace primer::studies {

namespace {

double log_binomial(long n, long k) {
  const auto log_factorial = [](long i) { return std::lgamma(static_cast<double>(i) + 1); };
  return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

double log_sum(double a, double b) { return std::max(a, b) + std::log1p(std::exp(-std::abs(a - b))); }

}  // namespace

double log_dichotomies(long points, long dimensions) {
  double sum = log_binomial(points - 1, 0);
  for (long i = 1; i < std::min(points, dimensions); ++i) sum = log_sum(sum, log_binomial(points - 1, i));
  return std::log(2) + sum;
}

double linear_ceiling(long points, long dimensions, double chance) {
  const double ways = log_dichotomies(points, dimensions), coins = static_cast<double>(points) * std::log(2);
  double tail = 0;  // ln of the labellings that agree with one dichotomy in m places or more
  for (long m = points; m >= 0; --m) {
    tail = m == points ? 0 : log_sum(tail, log_binomial(points, m));
    if (ways + tail - coins > std::log(chance))
      return static_cast<double>(std::min(m + 1, points)) / static_cast<double>(points);
  }
  return 0;
}

}  // namespace primer::studies
