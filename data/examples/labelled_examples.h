// Labelled lines as examples: [CLS] text [SEP], with the number of the label.
#pragma once

#include <vector>

#include "data/examples/examples.h"
#include "data/examples/text_form.h"
#include "data/examples/token_file.h"

namespace primer::data {

/// The examples of a token sequence in the form of labelled lines. A text that is longer than the context is cut.
class LabelledExamples final : public Examples {
 public:
  /// `tokens` must live as long; `context` is 3 or more. A sequence that is not of this form, or empty: Fault::input.
  LabelledExamples(const TokenSequence& tokens, long context, const Tokenizer& tokenizer, long labels);

  void begin(Purpose, std::uint64_t) override {}
  std::uint64_t count() const override { return starts_.size() - 1; }
  long write(std::uint64_t index, ExampleRow& row) const override;
  bool varies() const override { return true; }
  long length(std::uint64_t index) const override;
  bool has_labels() const override { return true; }
  std::uint64_t cut() const override;

 private:
  const TokenSequence* tokens_;
  std::vector<std::uint64_t> starts_;  // of each line; then the end
  int cls_, sep_;
  long first_label_;
};

}  // namespace primer::data
