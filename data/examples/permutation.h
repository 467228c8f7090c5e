// A shuffled order without a list: a bijection of 0 ... n-1 computed for one position at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>

#include "autograd/random.h"

namespace primer::data {

/// A permutation of 0 ... size-1 fixed by (seed, epoch), in constant memory: a Feistel network over the smallest power
/// of two that holds them, applied again until the result is inside (fewer than two rounds on average).
/// Black and Rogaway: Ciphers with Arbitrary Finite Domains (2002), sections 3 and 4.
class Permutation {
 public:
  /// size >= 1.
  Permutation(std::uint64_t size, std::uint64_t seed, std::uint64_t epoch)
      : size_(size), random_(seed, autograd::hash("data.permutation"), epoch) {
    const int bits = std::bit_width(size - 1);
    left_bits_ = bits / 2;
    right_bits_ = bits - left_bits_;
  }

  /// Where position (below size) goes.
  std::uint64_t operator()(std::uint64_t position) const {
    if (size_ == 1) return 0;
    do position = network(position);
    while (position >= size_);
    return position;
  }

 private:
  /// One application: a bijection of 0 ... 2^bits-1, since every round can be undone.
  std::uint64_t network(std::uint64_t x) const {
    int left_bits = left_bits_, right_bits = right_bits_;
    std::uint64_t left = x >> right_bits, right = x & low(right_bits);
    for (std::uint64_t round = 0; round < 8; ++round) {  // an even number: the halves end with their first widths
      const auto noise = random_.block(round << 32 | right);
      const std::uint64_t mixed = left ^ (noise[0] & low(left_bits));
      left = right, right = mixed;
      std::swap(left_bits, right_bits);
    }
    return left << right_bits | right;
  }

  static constexpr std::uint64_t low(int bits) { return (std::uint64_t{1} << bits) - 1; }

  std::uint64_t size_;
  autograd::Random random_;
  int left_bits_ = 0, right_bits_ = 0;  // at most 32 each
};

}  // namespace primer::data
