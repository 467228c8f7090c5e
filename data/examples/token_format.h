// What a file of tokens looks like; EncodedText writes it, TokenFile reads it. Little-endian.
//
// Version 2: the header, all tokens in the text's order, 1, 2 or 4 bytes each, and the index: one TokenRecord for each
// run of them. Version 1, which is read and no longer written: the header, the tokens of the training part, those of
// the validation part; lines and sentences were parted by special tokens among them (see old_examples.h).
#pragma once

#include <bit>
#include <cstdint>
#include <string>

#include "data/bytes/file.h"
#include "data/bytes/utf8.h"

namespace primer::data {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

/// The file's first 128 bytes. Behind them stand the tokens and the index. Where the sources of pairs have a vocabulary
/// of their own, its ids stand behind those of the targets: see Tokenizer::tokens_of_both().
struct TokenHeader {
  char magic[8] = {'P', 'R', 'I', 'M', 'E', 'R', 'T', 'K'};
  std::uint32_t version = 2;
  std::uint32_t width = 0;                              // bytes a token
  std::uint64_t vocabulary = 0;                         // every token is below; in version 1 every label too
  std::uint64_t counts[2] = {};                         // of tokens and of records; in version 1 of tokens of each part
  std::uint64_t train_bytes = 0, validation_bytes = 0;  // of text
  std::uint32_t checksums[2] = {};  // CRC32C of the tokens and of the index; in version 1 of each part
  std::uint32_t text_checksum = 0, tokenizer_checksum = 0;
  std::uint32_t form = 0, labels = 0;  // TextForm; how many labels there are. In version 1: 0
  char reserved[44] = {};
  std::uint32_t checksum = 0;  // CRC32C of the 124 bytes before it
};
static_assert(sizeof(TokenHeader) == 128);
inline constexpr std::size_t checked_bytes = sizeof(TokenHeader) - sizeof(std::uint32_t);

/// A run of the index. Together they are all tokens, so that a run begins where the one before it ends.
struct TokenRecord {
  std::uint64_t tokens = 0;
  std::int32_t label = -1;
  std::uint32_t document = 0;  // that of the run before, or the next number; the first is 0
  std::uint32_t part = 0;      // 0: training, 1: validation
  std::uint32_t reserved = 0;
};
static_assert(sizeof(TokenRecord) == 24);

inline int width_for(std::uint64_t vocabulary) { return vocabulary <= 256 ? 1 : vocabulary <= 65536 ? 2 : 4; }

inline constexpr std::size_t token_buffer_bytes = 1u << 20;

}  // namespace primer::data
