// Labelled lines as examples: [CLS] text [SEP], with the number of the label.
#pragma once

#include <span>

#include "data/examples/examples.h"
#include "data/examples/token_sequence.h"
#include "data/tokenizers/tokenizer.h"

namespace primer::data {

/// The examples of a sequence, which all have a label. A text that is longer than the context is cut.
class LabelledExamples final : public Examples {
 public:
  /// `tokens` must live as long; `context` is 3 or more. No example: Fault::input.
  LabelledExamples(const TokenSequence& tokens, long context, const Tokenizer& tokenizer);

  void begin(Purpose, std::uint64_t) override {}
  std::uint64_t count() const override { return lines_.size(); }
  long write(std::uint64_t index, ExampleRow& row) const override;
  bool varies() const override { return true; }
  long length(std::uint64_t index) const override;
  bool has_labels() const override { return true; }
  std::uint64_t cut() const override;

 private:
  const TokenSequence* tokens_;
  std::span<const Example> lines_;
  int cls_, sep_;
};

}  // namespace primer::data
