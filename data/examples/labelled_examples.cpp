#include "data/examples/labelled_examples.h"

#include <algorithm>
#include <string>

#include "data/examples/text_form.h"

namespace primer::data {

LabelledExamples::LabelledExamples(const TokenSequence& tokens, long context, const Tokenizer& tokenizer)
    : Examples(context),
      tokens_(&tokens),
      lines_(tokens.examples()),
      cls_(need_special(tokenizer, "[CLS]")),
      sep_(need_special(tokenizer, "[SEP]")) {
  if (context < 3) autograd::refuse("labelled lines", "the context must be at least 3, got " + std::to_string(context));
  if (lines_.empty()) {
    throw autograd::Error(autograd::Fault::input,
                          "a part of the text has no labelled line; give more of them or another --val-fraction");
  }
}

long LabelledExamples::length(std::uint64_t index) const {
  return std::min(context(), static_cast<long>(lines_[index].tokens) + 2);
}

std::uint64_t LabelledExamples::cut() const {
  const auto most = static_cast<std::uint64_t>(context() - 2);
  return static_cast<std::uint64_t>(std::ranges::count_if(lines_, [&](const Example& e) { return e.tokens > most; }));
}

long LabelledExamples::write(std::uint64_t index, ExampleRow& row) const {
  const long size = length(index);
  row.tokens[0] = cls_;
  tokens_->read(lines_[index].begin, static_cast<std::uint64_t>(size - 2), row.tokens.data() + 1);
  row.tokens[static_cast<std::size_t>(size - 1)] = sep_;
  row.label = lines_[index].label;
  return size;
}

}  // namespace primer::data
