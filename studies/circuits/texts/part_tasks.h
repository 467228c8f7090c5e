// The tasks of the study of parts: how well any linear function can tell two random classes apart, by counting; and
// texts of which the order of two words is asked.
#pragma once

#include <cstdint>

#include "data/examples/examples.h"

namespace primer::studies {

/// ln of the number of ways in which hyperplanes through the origin part `points` points in general position in
/// `dimensions`: 2 sum over i < d of binomial(n - 1, i). Cover 1965, theorem 1.
double log_dichotomies(long points, long dimensions);

/// The share of random, even labels of two kinds that no linear function of the points gets right, but for a
/// probability of `chance`: with C dichotomies the smallest m / n with C P(Bin(n, 1/2) >= m) <= chance. 1 if none is.
double linear_ceiling(long points, long dimensions, double chance = 1e-6);

/// Texts of words in which two, `first` and `second`, stand anywhere: which of them comes first?
struct Order {
  static constexpr int mark = 0, first = 1, second = 2, others = 30, vocabulary = 3 + others;
  static constexpr long least = 8, most = 16, longer = 32;  // words

  /// Pairs of texts, [2 pairs, words + 1], the mark at the end; `first` and `second` change places in the other text of
  /// a pair. The mark's target is the one that comes first. A pure function of (seed, step).
  static data::Batch batch(std::uint64_t seed, long step, long pairs, long words);
};

}  // namespace primer::studies
