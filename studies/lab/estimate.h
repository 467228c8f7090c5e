// Means of what was observed, and how far they may be off.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace primer::studies {

/// A mean, its standard error, and the interval that holds the true mean in 95 of 100 such studies. The error of a
/// single value is not known: it and the interval are NaN.
struct Estimate {
  double mean = 0, error = 0;
  double low = 0, high = 0;
  long count = 1;
  std::string of = {};  // what was counted: "seeds", "items"
};

/// What is known exactly.
Estimate exact(double value);

/// Mean, standard error s / sqrt(n) and interval by Student's t with n - 1 degrees of freedom, of independent values.
/// None: NaN.
Estimate mean_of(std::span<const double> values, std::string of);

/// a[i] - factor b[i], of values that belong together. Sizes that differ: Fault::usage.
std::vector<double> difference(std::vector<double> a, std::span<const double> b, double factor = 1);

/// most becomes the larger of both. A NaN stays: std::max loses it, and a claim would pass.
inline void raise_to(double& most, double value) {
  if (!(value <= most) && !std::isnan(most)) most = value;
}

/// The means of values 0 and 1, 2 and 3, and so on: of a text and its mirror image, as one.
std::vector<double> means_of_pairs(std::span<const double> values);

/// Mean and standard error as above; the interval runs from the 2.5th to the 97.5th percentile of the means of
/// `resamples` samples drawn with repetition. Efron & Tibshirani: An Introduction to the Bootstrap (1993), chapter 13.
Estimate bootstrap(std::span<const double> values, std::string of, std::uint64_t seed = 1, long resamples = 2000);

/// The 97.5th percentile of Student's t with this many degrees of freedom, 1 or more: to 0.1 %.
double student_t(long degrees);

/// The mean of items that come in groups, such as the words of a text, which depend on each other, from the sum and the
/// count of each; its error is that of a ratio of two sums over groups. Cochran: Sampling Techniques (1977), section
/// 2.11.
Estimate mean_of_groups(std::span<const double> sums, std::span<const double> counts, std::string of = "groups");

/// What a claim wants of a figure. A NaN is never wanted.
struct Bound {
  double low, high;

  bool holds(double value) const { return value >= low && value <= high; }
  std::string text() const;  // ">= 0.95", "<= 0.15", "0.4 to 0.6"

  /// How far inside the bound a figure lies, below 0 outside.
  double margin(double value) const;
};
Bound at_least(double low);
Bound at_most(double high);
Bound between(double low, double high);

/// At most four digits behind the point, as few as needed.
std::string short_number(double value);

/// The same, but with so many digits that it lies inside the bound only if the value does.
std::string short_number(double value, const Bound& bound);

}  // namespace primer::studies
