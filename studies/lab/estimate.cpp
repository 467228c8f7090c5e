#include "studies/lab/estimate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <utility>

#include "autograd/error.h"
#include "autograd/random.h"

namespace primer::studies {

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

double sum(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }
double mean(std::span<const double> values) { return sum(values) / values.size(); }

Estimate around(double mean, double error, double reach, std::size_t count, std::string of) {
  return {mean, error, mean - reach * error, mean + reach * error, static_cast<long>(count), std::move(of)};
}

}  // namespace

Estimate exact(double value) { return {value, 0, value, value, 1, "exact"}; }

Estimate mean_of(std::span<const double> values, std::string of) {
  const double n = values.size(), center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return around(center, std::sqrt(squares / (n - 1) / n), student_t(values.size() - 1), values.size(), std::move(of));
}

std::vector<double> difference(std::vector<double> a, std::span<const double> b, double factor) {
  if (a.size() != b.size()) {
    autograd::refuse("estimate", "expected as many values on both sides, got " + std::to_string(a.size()) + " and " +
                                     std::to_string(b.size()));
  }
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= factor * b[i];
  return a;
}

std::vector<double> means_of_pairs(std::span<const double> values) {
  std::vector<double> means;
  for (std::size_t i = 0; i + 1 < values.size(); i += 2) means.push_back((values[i] + values[i + 1]) / 2);
  return means;
}

Estimate bootstrap(std::span<const double> values, std::string of, std::uint64_t seed, long resamples) {
  Estimate found = mean_of(values, std::move(of));
  if (values.size() < 2) return found;
  std::vector<double> means, drawn(values.size());
  for (long i = 0; i < resamples; ++i) {
    const autograd::Random random(seed, autograd::hash("bootstrap"), static_cast<std::uint64_t>(i));
    for (std::size_t k = 0; k < values.size(); ++k) drawn[k] = values[random.below(values.size(), k)];
    means.push_back(mean(drawn));
  }
  std::sort(means.begin(), means.end());
  const auto percentile = [&](double share) { return means[static_cast<std::size_t>(share * (means.size() - 1.0))]; };
  found.low = percentile(0.025);
  found.high = percentile(0.975);
  return found;
}

// Beyond 10 degrees the expansion of Abramowitz & Stegun 1964, 26.7.5, in powers of 1 / degrees around the normal
// distribution's percentile z.
double student_t(long degrees) {
  constexpr std::array first{12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281};
  if (degrees < 1) return unknown;
  if (degrees <= static_cast<long>(first.size())) return first[degrees - 1];
  const double z = 1.959964, n = degrees;
  const double z3 = z * z * z, z5 = z3 * z * z;
  return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n);
}

Estimate mean_of_groups(std::span<const double> sums, std::span<const double> counts, std::string of) {
  const double count = sum(counts), mean = sum(sums) / count, n = sums.size();
  double squares = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) squares += std::pow(sums[i] - mean * counts[i], 2);
  if (n < 2) return around(mean, unknown, unknown, sums.size(), std::move(of));
  return around(mean, std::sqrt(n / (n - 1) * squares) / count, student_t(sums.size() - 1), sums.size(), std::move(of));
}

Bound at_least(double low) { return {low, infinite}; }
Bound at_most(double high) { return {-infinite, high}; }
Bound between(double low, double high) { return {low, high}; }

double Bound::margin(double value) const { return std::min(value - low, high - value); }

std::string Bound::text() const {
  const auto number = [](double value) {  // as it was claimed
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    return std::string(text);
  };
  if (high == infinite) return ">= " + number(low);
  if (low == -infinite) return "<= " + number(high);
  return number(low) + " to " + number(high);
}

std::string short_number(double value) {
  char text[48];
  const double size = std::abs(value);
  std::snprintf(text, sizeof text, size != 0 && (size < 1e-3 || size >= 1e6) ? "%.3g" : "%.4f", value);
  std::string number = text;
  if (number.find('.') != std::string::npos && number.find('e') == std::string::npos) {
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
  }
  return number == "-0" ? "0" : number;
}

std::string short_number(double value, const Bound& bound) {
  std::string number = short_number(value);
  for (int digits = 5; digits <= 17 && bound.holds(std::stod(number)) != bound.holds(value); ++digits) {
    char text[48];
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    number = text;
  }
  return number;
}

}  // namespace primer::studies
