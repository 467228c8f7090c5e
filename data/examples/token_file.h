// A text as token ids on disk, in a training and a validation part, read in pieces. EncodedText writes it, and
// token_format.h says what it looks like. It is private to its run: what happens to the text later does not matter.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/bytes/file.h"
#include "data/examples/text_form.h"
#include "data/examples/token_sequence.h"

namespace primer::data {

/// The header.
struct TokenFileFacts {
  int version = 2;
  int width = 1;                 // bytes a token: 1, 2 or 4
  std::uint64_t vocabulary = 0;  // every token is below; in version 1 every label too
  TextForm form = TextForm::stream;
  std::uint64_t labels = 0;                             // in version 1: 0
  std::uint64_t train_bytes = 0, validation_bytes = 0;  // of text that the tokens stand for
  std::array<std::uint32_t, 2> checksums{};  // CRC32C of the tokens and of the index; in version 1 of each part
  std::uint32_t text_checksum = 0;           // CRC32C of the text
  std::uint32_t tokenizer_checksum = 0;      // Tokenizer::checksum()
};

/// A token file open for reading. Reads by pread, so a file cut short under us is an error and not a signal.
class TokenFile {
 public:
  /// Reads and checks the header, the file's length and the index: anything wrong is Fault::input.
  explicit TokenFile(const std::string& path);
  TokenFile(const TokenFile&) = delete;  // the parts point at the file
  TokenFile& operator=(const TokenFile&) = delete;

  const TokenFileFacts& facts() const { return facts_; }
  const TokenSequence& train() const { return train_; }
  const TokenSequence& validation() const { return validation_; }
  std::uint64_t train_size() const { return train_.tokens; }
  std::uint64_t validation_size() const { return validation_.tokens; }
  std::uint64_t train_bytes() const { return facts_.train_bytes; }            // of text
  std::uint64_t validation_bytes() const { return facts_.validation_bytes; }  // of text
  /// How long one of the two parts is, with_marks().
  std::uint64_t length(const TokenSequence& part) const;

  /// Reads the whole file and compares the checksums; a difference is Fault::input.
  void verify() const;

  /// Finds the examples of a file of version 1, which does not say of what form it is: see old_examples.
  void find_old_examples(TextForm form, const Tokenizer& tokenizer, long labels);

 private:
  /// One part of the file. A token outside the vocabulary, or a file that ends too early: Fault::input.
  class Part final : public TokenSequence {
   public:
    std::uint64_t size() const override { return tokens; }
    void read(std::uint64_t begin, std::uint64_t count, int* out) const override;
    std::span<const Example> examples() const override { return list; }

    void add(std::uint64_t in_file, std::uint64_t count);

    struct Piece {
      std::uint64_t begin, in_file;  // its first token's place in the part, and among all tokens
    };
    const InputFile* file = nullptr;
    std::vector<Piece> pieces;  // in order; each is at another place of the file than the end of the one before
    std::vector<Example> list;
    std::uint64_t tokens = 0, vocabulary = 0;
    int width = 1;

   private:
    void read_piece(std::uint64_t in_file, std::uint64_t count, int* out) const;
  };

  void read_index(std::uint64_t tokens, std::uint64_t records);

  InputFile file_;
  TokenFileFacts facts_;
  Part train_, validation_;
};

}  // namespace primer::data
