// Sequences that begin with a mark and then repeat a block of distinct tokens: what follows a token is what followed it
// before, and nothing else tells. Olsson et al. 2022 look for induction heads on such sequences.
#pragma once

#include <cstdint>

#include "data/examples/examples.h"

namespace primer::studies {

struct Periodic {
  long symbols = 64, length = 64;  // distinct tokens beside the mark; T
  long least = 16, most = 32;      // of the period, drawn evenly
  static constexpr int mark = 0;   // stands at place 0
  long vocabulary() const { return symbols + 1; }

  /// B sequences, a pure function of (seed, step). Targets count where the token stood in the sequence before: so a
  /// reader that copies what followed it is right every time.
  data::Batch batch(std::uint64_t seed, long step, long sequences) const;
};

}  // namespace primer::studies
