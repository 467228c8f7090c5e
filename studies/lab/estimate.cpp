#include "studies/lab/estimate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

#include "autograd/error.h"
#include "autograd/random.h"

namespace primer::studies {

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

Estimate around(double mean, double error, double reach, std::size_t count, std::string of) {
  return {mean, error, mean - reach * error, mean + reach * error, static_cast<long>(count), std::move(of)};
}

}  // namespace

Estimate exact(double value) { return {value, 0, value, value, 1, "exact"}; }

Estimate mean_of(std::span<const double> values, std::string of) {
  const auto n = static_cast<double>(values.size());
  const double center = mean(values);
  if (values.size() < 2) return around(center, unknown, unknown, values.size(), std::move(of));
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return around(center, std::sqrt(squares / (n - 1) / n), student_t(static_cast<long>(values.size()) - 1),
                values.size(), std::move(of));
}

Estimate paired(std::span<const double> a, std::span<const double> b, std::string of) {
  if (a.size() != b.size()) {
    autograd::refuse("estimate", "expected as many values on both sides, got " + std::to_string(a.size()) + " and " +
                                     std::to_string(b.size()));
  }
  std::vector<double> differences(a.size());
  std::transform(a.begin(), a.end(), b.begin(), differences.begin(), std::minus<>());
  return mean_of(differences, std::move(of));
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
  if (degrees <= static_cast<long>(first.size())) return first[static_cast<std::size_t>(degrees - 1)];
  const double z = 1.959964, n = static_cast<double>(degrees);
  const double z3 = z * z * z, z5 = z3 * z * z;
  return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n);
}

Estimate GroupedMean::estimate(std::string of) const {
  double sum = 0, count = 0, squares = 0;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    sum += sums_[i];
    count += counts_[i];
  }
  const double mean = sum / count;
  for (std::size_t i = 0; i < sums_.size(); ++i) squares += std::pow(sums_[i] - mean * counts_[i], 2);
  const auto n = static_cast<double>(sums_.size());
  if (sums_.size() < 2) return around(mean, unknown, unknown, sums_.size(), std::move(of));
  return around(mean, std::sqrt(n / (n - 1) * squares) / count, student_t(static_cast<long>(sums_.size()) - 1),
                sums_.size(), std::move(of));
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
