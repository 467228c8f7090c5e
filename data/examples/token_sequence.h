// Tokens in a row, and the examples that they are made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "autograd/error.h"

namespace primer::data {

/// A run of tokens that is one thing to learn from: a labelled line, a sentence, what a part has of a file.
///
/// An example with several sides (a text and its translation; a prompt, an answer that was chosen and one that was
/// rejected; fields) is as many runs with one `document`, one behind the other in the order of the sides, each with the
/// example's label. Whoever reads pairs takes the runs of a document together, as SentencePairs does.
struct Example {
  std::uint64_t begin = 0, tokens = 0;  // its first token's place in the sequence, and how many it has
  int label = -1;                       // -1: none
  std::uint32_t document = 0;           // runs of one document stand side by side
};

/// How many documents there are among examples in their order.
inline std::uint64_t documents_in(std::span<const Example> examples) {
  std::uint64_t documents = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    documents += i == 0 || examples[i].document != examples[i - 1].document ? 1 : 0;
  }
  return documents;
}

/// Tokens, wherever they are.
class TokenSequence {
 public:
  virtual ~TokenSequence() = default;
  virtual std::uint64_t size() const = 0;
  /// Copies tokens begin ... begin + count - 1 to out. Allocates nothing. Outside the sequence: Fault::bug.
  virtual void read(std::uint64_t begin, std::uint64_t count, int* out) const = 0;
  /// In the order of their places, none over another's.
  virtual std::span<const Example> examples() const = 0;
};

/// Of a sequence that is not empty.
inline int first_token(const TokenSequence& tokens) {
  int id = 0;
  tokens.read(0, 1, &id);
  return id;
}

/// Tokens held in memory: for short texts.
class TokenVector final : public TokenSequence {
 public:
  explicit TokenVector(std::vector<int> tokens, std::vector<Example> examples = {})
      : tokens_(std::move(tokens)), examples_(std::move(examples)) {}
  std::uint64_t size() const override { return tokens_.size(); }
  void read(std::uint64_t begin, std::uint64_t count, int* out) const override {
    if (begin > size() || count > size() - begin)
      autograd::refuse("tokens", "read beyond the end", autograd::Fault::bug);
    std::copy_n(tokens_.begin() + static_cast<std::ptrdiff_t>(begin), count, out);
  }
  std::span<const Example> examples() const override { return examples_; }

 private:
  std::vector<int> tokens_;
  std::vector<Example> examples_;
};

}  // namespace primer::data
