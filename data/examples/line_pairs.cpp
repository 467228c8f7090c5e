#include "data/examples/line_pairs.h"

#include <algorithm>
#include <string>

#include "autograd/error.h"
#include "data/examples/text_form.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

LinePairs::LinePairs(const TokenSequence& tokens, long context, const char* second_side)
    : Examples(context), tokens_(&tokens), runs_(tokens.examples()) {
  const std::string side = second_side;
  if (runs_.empty()) {
    throw Error(Fault::input,
                "a part of the text has no line with " + side + "; give more of them or another --val-fraction");
  }
  bool pairs = runs_.size() % 2 == 0;
  for (std::uint64_t i = 0; pairs && i < count(); ++i) {
    pairs = first(i).tokens > 0 && second(i).tokens > 0 && first(i).document == second(i).document;
  }
  if (!pairs) throw Error(Fault::input, "these tokens are not of lines with " + side);
}

long LinePairs::within(std::uint64_t places) const {
  return static_cast<long>(std::min(places, static_cast<std::uint64_t>(context())));
}

AnsweredLines::AnsweredLines(const TokenSequence& tokens, long context) : LinePairs(tokens, context, "an answer") {
  bool learns = false;
  for (std::uint64_t i = 0; i < count(); ++i) {
    learns = learns || first(i).tokens <= static_cast<std::uint64_t>(context);
  }
  if (!learns) {
    throw Error(Fault::input, "no answer begins within the context of " + std::to_string(context) +
                                  " tokens; take a larger --context");
  }
}

std::uint64_t AnsweredLines::cut() const {
  std::uint64_t longer = 0;
  for (std::uint64_t i = 0; i < count(); ++i) longer += places(i) > static_cast<std::uint64_t>(context()) ? 1 : 0;
  return longer;
}

long AnsweredLines::write(std::uint64_t index, ExampleRow& row) const {
  const auto size = static_cast<std::uint64_t>(length(index));
  tokens_->read(first(index).begin, size, row.tokens.data());
  tokens_->read(first(index).begin + 1, size, row.targets.data());
  std::fill_n(row.targets.begin(), std::min(size, first(index).tokens - 1), -1);
  return static_cast<long>(size);
}

PairSide source_side(const Tokenizer& tokenizer) {
  const Tokenizer& sources = tokenizer.of_sources();
  return {tokenizer.source_offset(), sources.vocabulary_size(), need_special(sources, "[EOS]")};
}

PairSide target_side(const Tokenizer& tokenizer) {
  return {0, tokenizer.vocabulary_size(), need_special(tokenizer, "[EOS]")};
}

void PairSide::read(const TokenSequence& tokens, const Example& run, std::span<int> ids) const {
  tokens.read(run.begin, ids.size(), ids.data());
  for (int& id : ids) {
    id -= offset;
    if (id < 0 || id >= count)
      throw Error(Fault::checkpoint,
                  "the run's tokens: in a line a source has a token of the targets, or a target one of the sources");
  }
}

TranslatedLines::TranslatedLines(const TokenSequence& tokens, long context, const Tokenizer& tokenizer)
    : LinePairs(tokens, context, "a translation"),
      bos_(need_special(tokenizer, "[BOS]")),
      sources_(source_side(tokenizer)),
      targets_(target_side(tokenizer)) {}

std::uint64_t TranslatedLines::cut() const {
  std::uint64_t longer = 0;
  for (std::uint64_t i = 0; i < count(); ++i) {
    longer += std::max(first(i).tokens, second(i).tokens) >= static_cast<std::uint64_t>(context()) ? 1 : 0;
  }
  return longer;
}

long TranslatedLines::write(std::uint64_t index, ExampleRow& row) const {
  const Example &source = first(index), &target = second(index);
  row.source_length = within(source.tokens + 1);
  const auto x = static_cast<std::uint64_t>(row.source_length - 1);
  sources_.read(*tokens_, source, row.source.first(x));
  row.source[x] = sources_.end;

  const auto size = static_cast<std::uint64_t>(within(target.tokens + 1));
  row.tokens[0] = bos_;
  targets_.read(*tokens_, target, row.tokens.subspan(1, size - 1));
  targets_.read(*tokens_, target, row.targets.first(std::min(size, target.tokens)));
  if (size > target.tokens) row.targets[target.tokens] = targets_.end;
  return static_cast<long>(size);
}

}  // namespace primer::data
