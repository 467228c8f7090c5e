#include "train/use/pseudo_perplexity.h"

#include <algorithm>

#include "autograd/error.h"
#include "data/examples/text_form.h"

namespace primer::train {

namespace {

/// A part of the text, and the place in it of the token that is asked for.
struct Window {
  std::vector<int> ids;
  long place;
};

class Windows {
 public:
  Windows(const LoadedRun& run, const data::TokenSequence& tokens)
      : tokens_(tokens),
        room_(static_cast<std::uint64_t>(run.config.context - 2)),
        sentences_(run.config.next_sentence),
        cls_(data::need_special(*run.tokenizer, "[CLS]")),
        sep_(data::need_special(*run.tokenizer, "[SEP]")) {}

  /// Around the token at `at`; empty if that is none of the text's own.
  Window around(std::uint64_t at) const {
    std::uint64_t begin = at / room_ * room_, end = std::min(begin + room_, tokens_.size());
    if (sentences_) {
      const auto examples = tokens_.examples();
      const auto next = std::ranges::upper_bound(examples, at, {}, &data::Example::begin);
      if (next == examples.begin() || at >= next[-1].begin + next[-1].tokens) return {};
      begin = std::max(next[-1].begin, at - std::min(at, room_ / 2));
      end = std::min(next[-1].begin + next[-1].tokens, at + room_ / 2);
    }
    Window window{std::vector<int>(end - begin + 2), static_cast<long>(at - begin) + 1};
    tokens_.read(begin, end - begin, window.ids.data() + 1);
    window.ids.front() = cls_;
    window.ids.back() = sep_;
    return window;
  }

 private:
  const data::TokenSequence& tokens_;
  std::uint64_t room_;
  bool sentences_;
  int cls_, sep_;
};

}  // namespace

PseudoPerplexity pseudo_perplexity(LoadedRun& run, const data::TokenSequence& tokens, long most) {
  Reader reader(run);
  const Windows windows(run, tokens);
  const std::uint64_t size = tokens.size();
  const std::uint64_t count = most == 0 ? size : std::min(size, static_cast<std::uint64_t>(most));
  const auto at_once = static_cast<std::size_t>(std::max(1L, 8192 / run.config.context));
  const int unknown = run.tokenizer->unknown();
  PseudoPerplexity result;
  std::vector<std::vector<int>> texts;
  std::vector<long> places;
  const auto ask = [&] {
    for (const Expectation& one : reader.expect(texts, places)) result.loss -= one.log_probability, ++result.tokens;
    texts.clear();
    places.clear();
  };
  for (std::uint64_t k = 0; k < count; ++k) {
    const auto at = static_cast<std::uint64_t>((static_cast<double>(k) + 0.5) * static_cast<double>(size) /
                                               static_cast<double>(count));
    Window window = windows.around(std::min(at, size - 1));
    if (window.ids.empty() || window.ids[static_cast<std::size_t>(window.place)] == unknown) continue;
    texts.push_back(std::move(window.ids));
    places.push_back(window.place);
    if (texts.size() == at_once) ask();
  }
  if (!texts.empty()) ask();
  if (result.tokens == 0) throw autograd::Error(autograd::Fault::input, "there is no token to mask");
  result.loss /= static_cast<double>(result.tokens);
  return result;
}

}  // namespace primer::train
