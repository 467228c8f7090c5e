// A text as token ids on disk, in a training and a validation part, read in pieces.
//
// 128 bytes of header, then the training tokens of all files, then the validation tokens of all files; little-endian,
// 1, 2 or 4 bytes a token. The file is private to its run: what happens to the text later does not matter.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/bytes/file.h"
#include "data/examples/text_form.h"
#include "data/text/text.h"

namespace primer::data {

/// Tokens in a row, wherever they are.
class TokenSequence {
 public:
  virtual ~TokenSequence() = default;
  virtual std::uint64_t size() const = 0;
  /// Copies tokens begin ... begin + count - 1 to out. Allocates nothing. Outside the sequence: Fault::bug.
  virtual void read(std::uint64_t begin, std::uint64_t count, int* out) const = 0;
};

/// Tokens held in memory: for short texts.
class TokenVector final : public TokenSequence {
 public:
  explicit TokenVector(std::vector<int> tokens) : tokens_(std::move(tokens)) {}
  std::uint64_t size() const override { return tokens_.size(); }
  void read(std::uint64_t begin, std::uint64_t count, int* out) const override;

 private:
  std::vector<int> tokens_;
};

/// Calls f(first, ids) for all tokens, in blocks; `first` is the place of the block's first one.
template <class F>
void each_block(const TokenSequence& tokens, F f) {
  std::vector<int> block(std::min<std::uint64_t>(tokens.size(), 1u << 16));
  for (std::uint64_t first = 0; first < tokens.size(); first += block.size()) {
    const std::uint64_t count = std::min<std::uint64_t>(block.size(), tokens.size() - first);
    tokens.read(first, count, block.data());
    f(first, std::span<const int>(block.data(), count));
  }
}

enum class Part { train, validation };

struct PartFacts {
  std::uint64_t tokens = 0;
  std::uint64_t bytes = 0;     // of text that these tokens stand for
  std::uint32_t checksum = 0;  // CRC32C of the part's bytes in the file
};

/// The header.
struct TokenFileFacts {
  int width = 1;                 // bytes a token: 1, 2 or 4
  std::uint64_t vocabulary = 0;  // every token is below, and every label
  PartFacts train, validation;
  std::uint32_t text_checksum = 0;       // CRC32C of the text
  std::uint32_t tokenizer_checksum = 0;  // CRC32C of the tokenizer's json()
};

/// Of n tokens of one file, how many are for training: floor(n (1 - fraction)); the last ones are for validation.
/// `fraction` is in [0, 1), else Fault::usage.
std::uint64_t training_share(std::uint64_t n, double fraction);

/// Encodes the text once to find how many tokens each file gives, and writes that into its facts, unless the tokenizer
/// knows without; of labelled lines, how many have each label and each length. What build_token_file says of a changed
/// text or an unknown symbol holds here too.
void count_tokens(const Sources& sources, TextFacts& facts, const TextReading& reading);

/// Encodes the text into the file `path`, atomically. The text is read once more before where its tokens cannot be
/// counted otherwise, and in a text of sentences or labelled lines again, to find the validation part: of a text of
/// sentences it begins with the first that begins in it; labelled lines, which count_tokens has counted, are drawn: see
/// LineSplit. `facts` is the survey of `sources`. Memory does not depend on the text's length. A text that changed
/// since the survey, or holds a symbol outside the vocabulary: Fault::input, naming the file; the disk: Fault::io.
TokenFileFacts build_token_file(const std::string& path, const Sources& sources, const TextFacts& facts,
                                const TextReading& reading, double validation_fraction, std::uint64_t seed = 0);

/// A token file open for reading. Reads by pread, so a file cut short under us is an error and not a signal.
class TokenFile {
 public:
  /// Reads and checks the header and the file's length: anything wrong is Fault::input.
  explicit TokenFile(const std::string& path);
  TokenFile(const TokenFile&) = delete;  // the parts point at the file
  TokenFile& operator=(const TokenFile&) = delete;

  const TokenFileFacts& facts() const { return facts_; }
  const TokenSequence& part(Part part) const { return part == Part::train ? train_ : validation_; }
  const TokenSequence& train() const { return train_; }
  const TokenSequence& validation() const { return validation_; }
  std::uint64_t train_size() const { return facts_.train.tokens; }
  std::uint64_t validation_size() const { return facts_.validation.tokens; }
  std::uint64_t train_bytes() const { return facts_.train.bytes; }            // of text
  std::uint64_t validation_bytes() const { return facts_.validation.bytes; }  // of text

  /// Reads the whole file and compares the checksums; a difference is Fault::input.
  void verify() const;

 private:
  /// One part of the file. A token outside the vocabulary, or a file that ends too early: Fault::input.
  class PartTokens final : public TokenSequence {
   public:
    std::uint64_t size() const override { return tokens; }
    void read(std::uint64_t begin, std::uint64_t count, int* out) const override;

    const InputFile* file = nullptr;
    std::uint64_t offset = 0;  // of the part's first byte
    std::uint64_t tokens = 0;
    std::uint64_t vocabulary = 0;
    int width = 1;
  };

  InputFile file_;
  TokenFileFacts facts_;
  PartTokens train_, validation_;
};

}  // namespace primer::data
