#include "data/examples/old_examples.h"

#include <algorithm>

namespace primer::data {

namespace {

/// Calls each(place, token) for all tokens.
template <class Each>
void each_token(const TokenSequence& tokens, Each&& each) {
  std::vector<int> block(std::min<std::uint64_t>(tokens.size(), 1u << 16));
  for (std::uint64_t first = 0; first < tokens.size(); first += block.size()) {
    const std::uint64_t count = std::min<std::uint64_t>(block.size(), tokens.size() - first);
    tokens.read(first, count, block.data());
    for (std::uint64_t i = 0; i < count; ++i) each(first + i, block[i]);
  }
}

}  // namespace

std::vector<Example> old_examples(const TokenSequence& tokens, TextForm form, const Tokenizer& tokenizer, long labels) {
  std::vector<Example> examples;
  if (form == TextForm::stream) return {{0, tokens.size(), -1, 0}};
  const int cls = need_special(tokenizer, "[CLS]"), sep = need_special(tokenizer, "[SEP]");
  std::uint64_t begin = 0;  // of what comes next
  std::uint32_t document = 0;
  if (form == TextForm::sentences) {
    each_token(tokens, [&](std::uint64_t at, int id) {
      if (id != sep && id != cls) return;
      if (id == cls && at != begin) throw Error(Fault::input, "these tokens are not of sentences");
      if (id == sep && at > begin) examples.push_back({begin, at - begin, -1, document});
      document += id == cls ? 1 : 0;
      begin = at + 1;
    });
    if (begin != tokens.size()) throw Error(Fault::input, "these tokens are not of sentences");
    return examples;
  }
  const int first_label = tokenizer.vocabulary_size();
  int label = -1;
  each_token(tokens, [&](std::uint64_t at, int id) {
    const bool is_label = id >= first_label && id < first_label + labels;
    const bool fits = at == begin ? id == cls : is_label == (at == begin + 1) && id != cls;
    if (!fits) throw Error(Fault::input, "these tokens are not of labelled lines");
    if (is_label) label = id - first_label;
    if (id != sep) return;
    examples.push_back({begin + 2, at - begin - 2, label, document++});
    begin = at + 1;
  });
  if (begin != tokens.size()) throw Error(Fault::input, "these tokens are not of labelled lines");
  return examples;
}

}  // namespace primer::data
