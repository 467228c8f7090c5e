#include "data/examples/answered_lines.h"

#include <algorithm>
#include <string>

#include "autograd/error.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

AnsweredLines::AnsweredLines(const TokenSequence& tokens, long context)
    : Examples(context), tokens_(&tokens), runs_(tokens.examples()) {
  if (runs_.empty()) {
    throw Error(Fault::input,
                "a part of the text has no line with an answer; give more of them or another --val-fraction");
  }
  bool pairs = runs_.size() % 2 == 0, learns = false;
  for (std::uint64_t i = 0; pairs && i < count(); ++i) {
    pairs = prompt(i).tokens > 0 && answer(i).tokens > 0 && prompt(i).document == answer(i).document;
    learns = learns || prompt(i).tokens <= static_cast<std::uint64_t>(context);
  }
  if (!pairs) throw Error(Fault::input, "these tokens are not of lines with answers");
  if (!learns) {
    throw Error(Fault::input, "no answer begins within the context of " + std::to_string(context) +
                                  " tokens; take a larger --context");
  }
}

long AnsweredLines::length(std::uint64_t index) const {
  return static_cast<long>(std::min(places(index), static_cast<std::uint64_t>(context())));
}

std::uint64_t AnsweredLines::cut() const {
  std::uint64_t longer = 0;
  for (std::uint64_t i = 0; i < count(); ++i) longer += places(i) > static_cast<std::uint64_t>(context()) ? 1 : 0;
  return longer;
}

long AnsweredLines::write(std::uint64_t index, ExampleRow& row) const {
  const auto size = static_cast<std::uint64_t>(length(index));
  tokens_->read(prompt(index).begin, size, row.tokens.data());
  tokens_->read(prompt(index).begin + 1, size, row.targets.data());
  std::fill_n(row.targets.begin(), std::min(size, prompt(index).tokens - 1), -1);
  return static_cast<long>(size);
}

}  // namespace primer::data
