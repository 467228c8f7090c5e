#include "studies/circuits/texts/part_tasks.h"

#include <algorithm>
#include <cmath>

#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"

namespace primer::studies {

namespace {

double log_binomial(long n, long k) {
  const auto log_factorial = [](long i) { return std::lgamma(i + 1.0); };
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
  const double ways = log_dichotomies(points, dimensions), coins = points * std::log(2);
  double tail = 0;  // ln of the labellings that agree with one dichotomy in m places or more
  for (long m = points; m >= 0; --m) {
    tail = m == points ? 0 : log_sum(tail, log_binomial(points, m));
    if (ways + tail - coins > std::log(chance)) return 1.0 * std::min(m + 1, points) / points;
  }
  return 0;
}

data::Batch Order::batch(std::uint64_t seed, long step, long pairs, long words) {
  data::Batch batch = empty_batch(2 * pairs, words + 1);
  for (long pair = 0; pair < pairs; ++pair) {
    Draws draws("order", seed, step, pair * 4096);
    int* text = batch.tokens.data() + 2 * pair * batch.length;
    for (long t = 0; t < words; ++t) text[t] = 3 + draws.below(others);
    const long one = draws.below(words), other = (one + 1 + draws.below(words - 1)) % words;
    std::copy_n(text, batch.length, text + batch.length);
    text[std::min(one, other)] = text[batch.length + std::max(one, other)] = first;
    text[std::max(one, other)] = text[batch.length + std::min(one, other)] = second;
    int* end = batch.targets.data() + 2 * pair * batch.length + words;
    end[0] = first;
    end[batch.length] = second;
  }
  return batch;
}

}  // namespace primer::studies
