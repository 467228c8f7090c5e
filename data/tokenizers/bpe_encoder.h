// A text that arrives in blocks, encoded by byte pair encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/bpe.h"
#include "data/tokenizers/piece_cache.h"
#include "data/tokenizers/pieces.h"
#include "data/tokenizers/tokenizer.h"

namespace primer::data {

/// The encoder of a BPE tokenizer. Beside a fixed part its memory grows with the open piece only: see window_bytes.
class BpeEncoder final : public Encoder {
 public:
  /// `table` and `lengths` must live as long.
  BpeEncoder(const MergeTable& table, const std::vector<std::uint32_t>& lengths);

  void feed(std::string_view block, std::vector<int>& ids) override;
  void finish(std::vector<int>& ids) override { take({}, true, ids); }

  /// A piece that is longer than this is encoded while it arrives, if the merges are ordered and its beginning is soon
  /// certain, as it is for every vocabulary that was learned: then an encoder takes about 34 times as many bytes of
  /// memory at most. Else a piece is encoded when it is complete, in 34 times its own length.
  static std::size_t window_bytes(const MergeTable& table);

 private:
  void take(std::string_view block, bool last, std::vector<int>& ids);
  void encode_piece(std::string_view piece, std::vector<int>& ids);
  std::size_t encode_beginning(std::string_view piece, std::vector<int>& ids);

  const MergeTable& table_;
  const std::vector<std::uint32_t>& lengths_;  // [tokens], bytes
  PieceCutter cutter_;
  PieceCache cache_;
  Merger merger_;
  std::string pending_;  // the beginning of the open piece
  std::size_t window_;   // bytes of an open piece from which on its beginning is encoded
  std::vector<int> whole_, part_;
};

}  // namespace primer::data
