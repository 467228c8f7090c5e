// A text as the numbers of its distinct bytes, and windows of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/examples/examples.h"

namespace primer::studies {

struct Symbols {
  std::vector<int> ids;              // [N]
  std::vector<unsigned char> bytes;  // [V], in their order

  static constexpr long least_bytes = 2000;  // a tenth of them has room for the windows of every study

  /// A text of fewer bytes: Fault::input.
  explicit Symbols(const std::string& text);
  long size() const { return static_cast<long>(bytes.size()); }  // V

  /// Windows that begin anywhere in the symbols begin ... end - 1, each with what follows every one of its symbols: a
  /// pure function of (seed, step). Fault::input where there is no room for one.
  data::Batch windows(std::uint64_t seed, long step, long sequences, long length, std::size_t begin,
                      std::size_t end) const;
};

}  // namespace primer::studies
