// Byte pair encoding: a piece begins as its bytes, and the pair of neighbours that stands first in the list of merges,
// the leftmost where it occurs more than once, becomes one token, until no pair of neighbours is in the list.
// Gage, A New Algorithm for Data Compression (1994); Sennrich et al., Neural Machine Translation of Rare Words with
// Subword Units (2016).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace primer::data {

/// Two neighbours and the token that they become. Its place in the list of merges is its rank.
struct Merge {
  int left = 0, right = 0, product = 0;
};

/// The merges, ready to be looked up. Immutable, safe to share.
class MergeTable {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  struct Found {
    std::uint32_t rank = none;
    int product = -1;
  };

  /// `lengths` [tokens]: the bytes of each token. `bytes` [256]: the token of each byte. No pair may occur twice.
  MergeTable(std::vector<Merge> merges, const std::vector<std::uint32_t>& lengths, const std::array<int, 256>& bytes);

  Found find(int left, int right) const {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t slot = hash(key);; slot = (slot + 1) & mask_) {
      if (slots_[slot].key == key) return slots_[slot].found;
      if (slots_[slot].key == empty) return {};
    }
  }

  const std::vector<Merge>& merges() const { return merges_; }
  int byte_token(unsigned char byte) const { return bytes_[byte]; }
  std::uint32_t longest() const { return longest_; }  // bytes of the longest token that a piece can become

  /// Every merge is of tokens that only merges before it make. Then whether two neighbours of an encoding can stay
  /// neighbours depends on these two alone: bpe_encoder.cpp says why. Every list that was learned from a text is so,
  /// unless two merges make the same token.
  bool is_ordered() const { return ordered_; }

 private:
  struct Slot {
    std::uint64_t key = empty;
    Found found;
  };
  static constexpr std::uint64_t empty = ~std::uint64_t{0};
  static std::uint64_t key_of(int left, int right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }
  std::size_t hash(std::uint64_t key) const {  // Fibonacci hashing: Knuth, volume 3, section 6.4
    return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15u >> shift_);
  }

  std::vector<Merge> merges_;  // by rank
  std::array<int, 256> bytes_;
  std::vector<Slot> slots_;  // [a power of two, at least twice the merges]
  std::size_t mask_ = 0;
  int shift_ = 0;  // 64 - log2 of the slots
  std::uint32_t longest_ = 1;
  bool ordered_ = true;
};

/// Encodes pieces. Holds the memory that this takes, about 32 bytes for each byte of the longest piece so far.
class Merger {
 public:
  /// `table` and `lengths` must live as long.
  Merger(const MergeTable& table, const std::vector<std::uint32_t>& lengths) : table_(table), lengths_(lengths) {}

  /// Appends the tokens of a piece of less than 2^32 bytes, in O(n log n).
  void encode(std::string_view piece, std::vector<int>& ids);

 private:
  void rank_pair(std::uint32_t left);

  const MergeTable& table_;
  const std::vector<std::uint32_t>& lengths_;
  // [bytes of the piece], each at the place where a token begins
  std::vector<int> token_;             // the token, or -1 where none begins
  std::vector<std::uint32_t> before_;  // where the token before begins
  std::vector<std::uint32_t> rank_;    // of the pair that begins here, MergeTable::none for none
  std::vector<int> product_;           // of that pair
  std::vector<std::uint64_t> heap_;    // rank << 32 | place; one that is no longer so is passed over
};

}  // namespace primer::data
