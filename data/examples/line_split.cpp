#include "data/examples/line_split.h"

#include <algorithm>
#include <cmath>

#include "autograd/error.h"

namespace primer::data {

LineSplit::LineSplit(std::span<const std::uint64_t> lines, double fraction, std::uint64_t seed) {
  for (std::size_t label = 0; label < lines.size(); ++label) {
    const std::uint64_t n = lines[label];
    std::uint64_t held_back = 0;
    if (n > 1 && fraction > 0) {
      const double wanted = std::round(static_cast<double>(n) * fraction);
      held_back = std::clamp(static_cast<std::uint64_t>(wanted), std::uint64_t{1}, n - 1);
    }
    labels_.push_back({Permutation(std::max<std::uint64_t>(n, 1), seed, label), held_back});
  }
}

bool LineSplit::holds_back(std::size_t label) {
  Label& of = labels_.at(label);
  return of.order(of.seen++) < of.held_back;
}

}  // namespace primer::data
