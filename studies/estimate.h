// Means of what was observed, and how far they may be off.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace primer::studies {

/// A mean and its standard error.
struct Estimate {
  double mean = 0, error = 0;
};

/// The mean of items that come in groups, such as the words of a text, which depend on each other; its error is that of
/// a ratio of two sums over groups, of items and of counts. Cochran: Sampling Techniques (1977), section 2.11.
class GroupedMean {
 public:
  void add(double sum, double count) {
    sums_.push_back(sum);
    counts_.push_back(count);
  }

  Estimate estimate() const {
    double sum = 0, count = 0, squares = 0;
    for (std::size_t i = 0; i < sums_.size(); ++i) sum += sums_[i], count += counts_[i];
    const double mean = sum / count;
    for (std::size_t i = 0; i < sums_.size(); ++i) squares += std::pow(sums_[i] - mean * counts_[i], 2);
    return {mean, std::sqrt(squares) / count};
  }

 private:
  std::vector<double> sums_, counts_;
};

}  // namespace primer::studies
