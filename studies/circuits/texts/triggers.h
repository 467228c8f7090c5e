// Sequences with the pairs of a text, but for some symbols, the triggers: what follows one of them is drawn for each
// sequence, and is the same at all its places. After Bietti et al. 2023, Birth of a Transformer, section 3.
#pragma once

#include <cstdint>
#include <vector>

#include "studies/circuits/texts/symbols.h"

namespace primer::studies {

struct Triggers {
  static constexpr long commoner = 3, count = 5;

  /// The triggers are the fourth to the eighth commonest symbol of text.ids[0] ... text.ids[n - 1]; the next five
  /// follow them, in a random order. So what follows one trigger is as common in a sequence as what follows another,
  /// and only its place tells which is which; behind the commonest three it would be commoner. Fewer than 13 symbols:
  /// Fault::input.
  Triggers(const Symbols& text, std::size_t n);

  std::vector<int> triggers, successors;    // [5] each, the commonest first
  std::vector<std::vector<int>> followers;  // [V], what stands behind each symbol in the text, once for each place

  /// B sequences of T symbols, a pure function of (seed, step). Targets count behind triggers: all of them, or those
  /// that stood in the sequence before. There a reader that copies is right every time, and a guess once in five.
  data::Batch batch(std::uint64_t seed, long step, long sequences, long length, bool seen_before = true) const;
};

}  // namespace primer::studies
