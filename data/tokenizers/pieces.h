// GPT-2's pre-tokenisation: a text is cut into pieces, and no token crosses a cut. Radford et al., Language Models are
// Unsupervised Multitask Learners (2019), and its encoder.py, whose pattern is
//
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// the first alternative that matches wins, each taking what it can. In words: a contraction; a run of letters, of
// numbers or of other symbols, with the one space (U+0020) before it; a run of white space without its last symbol,
// which is left to begin the next piece; or, where that leaves nothing, the white space itself. A stray byte is one of
// the other symbols, so that every byte string is cut into pieces that put together give it back.
#pragma once

#include <cstddef>
#include <string_view>

#include "data/text/unicode.h"

namespace primer::data {

/// Cuts a text that arrives in blocks. It looks at every symbol once, or twice at a piece's beginning, however long the
/// piece.
class PieceCutter {
 public:
  /// The length of the first piece of `text`, which goes on from where the last piece ended; 0 if that depends on what
  /// follows. After a 0 the next call must bring the same text with more behind it. With `last` nothing follows, and 0
  /// is given for an empty text only.
  std::size_t cut(std::string_view text, bool last);

  /// After a 0: how many bytes of the text belong to the open piece, whatever follows.
  std::size_t certain() const { return run_ == Run::spaces ? last_space_ : run_ == Run::none ? 0 : scanned_; }

  /// After a 0: the first `bytes` of the text, fewer than certain(), have been dealt with and will not come again; what
  /// follows them goes on with the open piece.
  void forget(std::size_t bytes) {
    scanned_ -= bytes;
    if (run_ == Run::spaces) last_space_ -= bytes;
  }

 private:
  enum class Run : std::uint8_t { none, letters, numbers, others, spaces };
  std::size_t begin(std::string_view text, bool last);
  std::size_t ended(std::size_t length) {
    *this = PieceCutter();
    return length;
  }

  Run run_ = Run::none;         // what the open piece is a run of; none: not yet known
  std::size_t scanned_ = 0;     // bytes of the open piece that have been looked at
  std::size_t last_space_ = 0;  // in a run of white space: where its last symbol begins
};

}  // namespace primer::data
