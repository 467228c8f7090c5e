// Which stretches of a running text are held back for validation. They are drawn in bytes of text, before anything is
// encoded, so that who learns pieces of words from a text and who encodes it find the same ones.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/text/text.h"

namespace primer::data {

enum class Split { spread, tail };
constexpr auto words(Split) { return std::array<std::string_view, 2>{"spread", "tail"}; }

/// Of n bytes or tokens of one file, how many are for training: floor(n (1 - fraction)); the last ones are for
/// validation. `fraction` is in [0, 1), else Fault::usage.
std::uint64_t training_share(std::uint64_t n, double fraction);

/// Cuts the text of one file, which arrives in blocks, between what is learned from (part 0) and what is held back
/// (part 1). Where the cuts lie does not depend on the blocks.
class StreamCutter {
 public:
  StreamCutter() = default;  // all is part 0
  /// Behind each of the borders, in order, the other part begins: with the next line that is not empty, or, if none is
  /// within `reach` bytes, before the next whole symbol. A border at 0 stays there, and so does every one without
  /// reach.
  StreamCutter(std::vector<std::uint64_t> borders, std::uint64_t reach);

  /// Of the byte that comes next.
  int part() const { return static_cast<int>(next_ % 2); }

  /// Calls each(piece, part) for what the block holds of one part after the other.
  template <class Each>
  void feed(std::string_view block, Each&& each) {
    while (!block.empty()) {
      const int of = part();
      const std::size_t length = cut(block);
      if (length > 0) each(block.substr(0, length), of);
      block.remove_prefix(length);
    }
  }

 private:
  std::size_t cut(std::string_view block);  // how much of it is of this part; goes on with the next one if that ends

  std::vector<std::uint64_t> borders_;
  std::uint64_t reach_ = 0, offset_ = 0;  // bytes
  std::size_t next_ = 0;                  // border
  bool after_line_ = false;               // a line has ended behind it
};

/// What is held back of each file: all, where it is for validation. Of the others, by `split`, their last parts; or
/// `fraction` of them, drawn from the seed: of many files that are not too unlike in length whole ones, else blocks,
/// one in each of up to 16 equal stretches of all of them together, as long as about 1 KiB each.
class StreamSplit {
 public:
  StreamSplit() = default;  // nothing is held back
  StreamSplit(const TextFacts& facts, Split split, double fraction, std::uint64_t seed);
  StreamCutter cutter(std::size_t file) const;

 private:
  std::vector<std::vector<std::uint64_t>> borders_;  // of each file
  std::uint64_t reach_ = 0;
};

}  // namespace primer::data
