// What a model reads: sequences of tokens, side by side.
#pragma once

#include <span>

namespace primer::nn {

/// B sequences of T places. The spans are the caller's.
struct Sequences {
  std::span<const int> tokens;         // [B, T], row by row
  long batch = 0, length = 0;          // B, T
  std::span<const int> lengths = {};   // [B], how many tokens of each are real, 1 ... T; none: all
  std::span<const int> segments = {};  // [B, T], which segment a token belongs to; none: all to segment 0
};

}  // namespace primer::nn
