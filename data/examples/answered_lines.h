// Lines of a prompt and its answer as examples: all of a line is read, and only its answer is learned.
#pragma once

#include <span>

#include "data/examples/examples.h"
#include "data/examples/token_sequence.h"

namespace primer::data {

/// The lines of a sequence, two runs each: see TextForm::answered_lines. The target of a token is the next one, where
/// that is of the answer. A line with more tokens than the context and one is cut.
class AnsweredLines final : public Examples {
 public:
  /// `tokens` must live as long. No line, or no answer that begins within the context: Fault::input.
  AnsweredLines(const TokenSequence& tokens, long context);

  void begin(Purpose, std::uint64_t) override {}
  std::uint64_t count() const override { return runs_.size() / 2; }
  long write(std::uint64_t index, ExampleRow& row) const override;
  bool varies() const override { return true; }
  long length(std::uint64_t index) const override;
  std::uint64_t cut() const override;

 private:
  const Example& prompt(std::uint64_t index) const { return runs_[2 * index]; }
  const Example& answer(std::uint64_t index) const { return runs_[2 * index + 1]; }
  /// Tokens that have a next one.
  std::uint64_t places(std::uint64_t index) const { return prompt(index).tokens + answer(index).tokens - 1; }

  const TokenSequence* tokens_;
  std::span<const Example> runs_;
};

}  // namespace primer::data
