// Lines of two sides as examples: a prompt and its answer, or a source and its translation.
#pragma once

#include <algorithm>
#include <span>

#include "data/examples/examples.h"
#include "data/examples/token_sequence.h"
#include "data/tokenizers/tokenizer.h"

namespace primer::data {

/// The lines of a sequence, two runs each.
class LinePairs : public Examples {
 public:
  void begin(Purpose, std::uint64_t) override {}
  std::uint64_t count() const override { return runs_.size() / 2; }
  bool varies() const override { return true; }

 protected:
  /// `tokens` must live as long. No line, or runs that are no pairs: Fault::input, which names the two sides: "answer".
  LinePairs(const TokenSequence& tokens, long context, const char* second);
  const Example& first(std::uint64_t index) const { return runs_[2 * index]; }
  const Example& second(std::uint64_t index) const { return runs_[2 * index + 1]; }
  /// The least of the places that a line would take and those that there are.
  long within(std::uint64_t places) const;

  const TokenSequence* tokens_;

 private:
  std::span<const Example> runs_;
};

/// All of a line is read, and only its answer is learned: see TextForm::answered_lines. The target of a token is the
/// next one, where that is of the answer. A line with more tokens than the context and one is cut.
class AnsweredLines final : public LinePairs {
 public:
  /// As LinePairs, and no answer that begins within the context: Fault::input.
  AnsweredLines(const TokenSequence& tokens, long context);

  long write(std::uint64_t index, ExampleRow& row) const override;
  long length(std::uint64_t index) const override { return within(places(index)); }
  std::uint64_t cut() const override;

 private:
  /// Tokens that have a next one.
  std::uint64_t places(std::uint64_t index) const { return first(index).tokens + second(index).tokens - 1; }
};

/// The ids of one side of the pairs among those of a file of tokens, which Tokenizer::tokens_of_both() counts.
struct PairSide {
  int offset;  // of its first one
  int count;
  int end;  // [EOS]

  /// The first tokens of a run of this side, with ids that begin at 0. One of the other side: Fault::checkpoint.
  void read(const TokenSequence& tokens, const Example& run, std::span<int> ids) const;
};

/// A tokenizer without the mark: Fault::input.
PairSide source_side(const Tokenizer& tokenizer);
PairSide target_side(const Tokenizer& tokenizer);

/// What is read is the source and [EOS]; what is learned is the translation and [EOS], from [BOS] and the translation
/// so far: see TextForm::translated_lines. A side that is longer than the context with its mark loses its end.
class TranslatedLines final : public LinePairs {
 public:
  /// As LinePairs; `context` holds for each side. A tokenizer without the marks: Fault::input.
  TranslatedLines(const TokenSequence& tokens, long context, const Tokenizer& tokenizer);

  long write(std::uint64_t index, ExampleRow& row) const override;
  bool has_source() const override { return true; }
  /// Of the longer side.
  long length(std::uint64_t index) const override {
    return std::max(within(first(index).tokens + 1), within(second(index).tokens + 1));
  }
  std::uint64_t cut() const override;

 private:
  int bos_;
  PairSide sources_, targets_;
};

}  // namespace primer::data
