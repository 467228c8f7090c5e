// Texts of words in which two, `first` and `second`, stand anywhere: which of them comes first?
#pragma once

#include <cstdint>

#include "data/examples/examples.h"

namespace primer::studies {

struct Order {
  static constexpr int mark = 0, first = 1, second = 2, others = 30, vocabulary = 3 + others;
  static constexpr long least = 8, most = 16, longer = 32;  // words

  /// Pairs of texts, [2 pairs, words + 1], the mark at the end; `first` and `second` change places in the other text of
  /// a pair. The mark's target is the one that comes first. A pure function of (seed, step).
  static data::Batch batch(std::uint64_t seed, long step, long pairs, long words);
};

}  // namespace primer::studies
