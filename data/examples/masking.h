// Masked language modelling: some tokens are hidden, and the model says what they were.
// Devlin et al.: BERT (2019), section 3.1, task 1.
#pragma once

#include <cstdint>
#include <span>

#include "data/examples/examples.h"

namespace primer::data {

/// Which tokens are hidden is a pure function of (seed, purpose, epoch, window): there is nothing to save.
struct Masking {
  std::uint64_t seed = 0;
  int mask = -1;             // the id of [MASK]
  int vocabulary = 0;        // ids, [MASK] included
  double share = 0.15;       // of the tokens, in (0, 1]
  int begin = -1, end = -1;  // [CLS] and [SEP], which stand around a text and are never chosen; -1: there are none

  /// Places of a window that begin and end take.
  long framing() const { return begin >= 0 ? 2 : 0; }

  /// Chooses max(1, round(share L)) of the L tokens, or all if fewer may be chosen. Their ids go to `targets`, every
  /// other target is -1. A chosen token becomes [MASK] with probability 0.8, an id drawn evenly from the others but
  /// begin and end with 0.1, and stays with 0.1. tokens [L], targets [L], L >= 1. A mask id outside the vocabulary or
  /// no other id: Fault::usage.
  void apply(Purpose purpose, std::uint64_t epoch, std::uint64_t window, std::span<int> tokens,
             std::span<int> targets) const;
};

}  // namespace primer::data
