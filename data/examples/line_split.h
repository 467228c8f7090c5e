// Which of a text's labelled lines are held back for validation: drawn from the seed, label by label, so that a text
// that is sorted by its labels, or was added to at its end, is no trap.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/examples/permutation.h"

namespace primer::data {

class LineSplit {
 public:
  /// `lines` is how many lines each label has. Of n lines round(n fraction) are held back, one at least and not all,
  /// unless there is only one line or the fraction is 0.
  LineSplit(std::span<const std::uint64_t> lines, double fraction, std::uint64_t seed);

  /// Whether the next line of this label, in the order of the text, is held back.
  bool holds_back(std::size_t label);

 private:
  struct Label {
    Permutation order;
    std::uint64_t held_back, seen = 0;
  };
  std::vector<Label> labels_;
};

}  // namespace primer::data
