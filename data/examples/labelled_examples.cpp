#include "data/examples/labelled_examples.h"

#include <algorithm>
#include <string>

#include "autograd/error.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

LabelledExamples::LabelledExamples(const TokenSequence& tokens, long context, const Tokenizer& tokenizer, long labels)
    : Examples(context),
      tokens_(&tokens),
      cls_(need_special(tokenizer, "[CLS]")),
      sep_(need_special(tokenizer, "[SEP]")),
      first_label_(tokenizer.vocabulary_size()) {
  if (context < 3) autograd::refuse("labelled lines", "the context must be at least 3, got " + std::to_string(context));
  std::uint64_t line = 0;  // of the token that comes next
  starts_.push_back(0);
  each_block(tokens, [&](std::uint64_t first, std::span<const int> block) {
    for (std::size_t i = 0; i < block.size(); ++i) {
      const std::uint64_t at = first + i;
      const int id = block[i];
      const bool is_label = id >= first_label_ && id < first_label_ + labels;
      const bool fits = at == line ? id == cls_ : is_label == (at == line + 1) && id != cls_;
      if (!fits) throw Error(Fault::input, "these tokens are not of labelled lines");
      if (id == sep_) starts_.push_back(line = at + 1);
    }
  });
  if (starts_.size() < 2 || line != tokens.size()) {
    throw Error(Fault::input, starts_.size() < 2 ? "a part of the text has no labelled line; give more of them or "
                                                   "another --val-fraction"
                                                 : "these tokens are not of labelled lines");
  }
}

long LabelledExamples::length(std::uint64_t index) const {
  return std::min(context(), static_cast<long>(starts_[index + 1] - starts_[index]) - 1);  // all but the label
}

std::uint64_t LabelledExamples::cut() const {
  std::uint64_t cut = 0;
  for (std::size_t i = 0; i + 1 < starts_.size(); ++i) {
    cut += starts_[i + 1] - starts_[i] - 1 > static_cast<std::uint64_t>(context());
  }
  return cut;
}

long LabelledExamples::write(std::uint64_t index, ExampleRow& row) const {
  const long size = length(index);
  tokens_->read(starts_[index], 2, row.tokens.data());
  row.label = row.tokens[1] - static_cast<int>(first_label_);
  tokens_->read(starts_[index] + 2, static_cast<std::uint64_t>(size - 2), row.tokens.data() + 1);
  row.tokens[0] = cls_;
  row.tokens[static_cast<std::size_t>(size - 1)] = sep_;
  return size;
}

}  // namespace primer::data
