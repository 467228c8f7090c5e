// Sequences with the pairs of a text, but for some symbols, the triggers: what follows one of them is drawn for each
// sequence, and is the same at all its places. After Bietti et al. 2023, Birth of a Transformer, section 3.
#pragma once

#include <cstdint>
#include <vector>

#include "studies/circuits/symbols.h"

namespace primer::studies {

struct Triggers {
  static constexpr long count = 5;

  /// The triggers are the five commonest symbols of text.ids[0] ... text.ids[n - 1], and what follows them are the next
  /// five in a random order: none is commoner than another in a sequence, so that only its place tells which one it
  /// is. Fewer than ten symbols: Fault::input.
  Triggers(const Symbols& text, std::size_t n);

  std::vector<int> triggers, successors;    // [5] each, the commonest first
  std::vector<std::vector<int>> followers;  // [V], what stands behind each symbol in the text, once for each place

  /// B sequences of T symbols, a pure function of (seed, step). Targets count behind triggers: all of them, or those
  /// that stood in the sequence before. There a reader that copies is right every time, and a guess once in five.
  data::Batch batch(std::uint64_t seed, long step, long sequences, long length, bool seen_before = true) const;
};

}  // namespace primer::studies
