// How often each piece of a text occurs: what byte pair encoding learns from.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/text/stream_split.h"
#include "data/text/text.h"

namespace primer::data {

/// Pieces, as pieces.h cuts them, and their counts, in the order in which they were first met.
class WordCounts {
 public:
  struct Word {
    std::uint64_t hash = 0, begin = 0, count = 0;  // begin: in the bytes of all words
    std::uint32_t length = 0;                      // bytes
  };

  void add(std::string_view word, std::uint64_t count = 1);
  void add(const WordCounts& other);

  const std::vector<Word>& words() const { return words_; }
  std::string_view text(const Word& word) const {
    return std::string_view(bytes_).substr(static_cast<std::size_t>(word.begin), word.length);
  }
  std::uint64_t bytes() const { return bytes_.size(); }  // of the distinct words

  /// Drops every word that occurs at most `count` times.
  void drop_rare(std::uint64_t count);

 private:
  void grow();
  std::size_t find(std::string_view word, std::uint64_t hash) const;

  std::vector<Word> words_;
  std::string bytes_;                  // of all words, one after the other
  std::vector<std::uint32_t> places_;  // [a power of two], the word + 1, 0 for none: open addressing
};

/// Counts the pieces of a text. The files are texts of their own, and so is what lies between two stretches that the
/// split holds back, which are not counted. Where there are more than `most_bytes` bytes of
/// distinct pieces, the rarest are dropped (those met once, then those met twice, and so on) until half of it is left:
/// Manku and Motwani, Approximate Frequency Counts over Data Streams (2002), in spirit. Reads with all threads; the
/// result does not depend on their number. What collect_sources' readers throw passes through.
WordCounts count_words(const Sources& sources, const StreamSplit& split = {},
                       std::uint64_t most_bytes = std::uint64_t{24} << 20);
WordCounts count_words(std::string_view text);

/// Those of the sources and of the targets of a text's pairs, each of which is a text of its own: see each_pair().
/// Reads with one thread.
std::array<WordCounts, 2> count_words_of_sides(const Sources& sources,
                                               std::uint64_t most_bytes = std::uint64_t{24} << 20);

}  // namespace primer::data
