#include "train/use/alignment.h"

#include <algorithm>

namespace primer::train {

namespace {

constexpr std::string_view blanks = " \t\n\v\f\r";

int count_of(std::span<const WordSpan> spans) {
  int words = 0;
  for (const WordSpan& span : spans) words = std::max(words, span.last + 1);
  return words;
}

}  // namespace

std::vector<WordSpan> words_of(const data::Tokenizer& tokenizer, std::span<const int> ids) {
  std::vector<WordSpan> spans;
  int words = 0;
  bool is_inside = false;
  for (const int id : ids) {
    WordSpan span;
    for (const char c : tokenizer.following_text(id)) {
      const bool is_blank = blanks.find(c) != blanks.npos;
      if (!is_blank && !is_inside) ++words;
      is_inside = !is_blank;
      if (is_blank) continue;
      if (span.last < 0) span.first = words - 1;
      span.last = words - 1;
    }
    spans.push_back(span);
  }
  return spans;
}

std::vector<WordSpan> words_of_line(const data::Tokenizer& tokenizer, std::string_view line) {
  if (tokenizer.is_lossless()) return words_of(tokenizer, tokenizer.encode(line));
  // What ends with a blank is encoded: the tokens that have come since the blank before are of one word.
  const auto encoder = tokenizer.encoder();
  std::vector<int> ids;
  std::vector<WordSpan> spans;
  for (int word = 0; !line.empty();) {
    const std::size_t begin = line.find_first_not_of(blanks), end = line.find_first_of(blanks, begin);
    const std::string_view some = line.substr(0, end == line.npos ? end : end + 1);
    encoder->feed(some, ids);
    line.remove_prefix(some.size());
    if (line.empty()) encoder->finish(ids);
    spans.resize(ids.size(), {word, word});
    word += begin != some.npos;
  }
  return spans;
}

std::vector<WordLink> linked_words(const Patterns& patterns, std::span<const WordSpan> source,
                                   std::span<const WordSpan> target) {
  const int words = count_of(source);
  const long T = patterns.T, S = patterns.S;
  std::vector<std::vector<double>> sums(static_cast<std::size_t>(count_of(target)));  // [target's words][source's]
  for (auto& row : sums) row.assign(static_cast<std::size_t>(words), 0);
  for (long head = 0; head < patterns.heads; ++head)
    for (std::size_t t = 0; t < target.size(); ++t)
      for (int word = target[t].first; word <= target[t].last; ++word)
        for (std::size_t s = 0; s < source.size(); ++s)
          for (int of = source[s].first; of <= source[s].last; ++of) {
            const long row = ((patterns.layers - 1) * patterns.heads + head) * T + static_cast<long>(t);
            sums[static_cast<std::size_t>(word)][static_cast<std::size_t>(of)] +=
                static_cast<double>(patterns.weights[static_cast<std::size_t>(row * S) + s]);
          }
  std::vector<WordLink> links;
  for (std::size_t word = 0; word < sums.size(); ++word) {
    const auto most = std::ranges::max_element(sums[word]);
    if (most != sums[word].end() && *most > 0)
      links.push_back({static_cast<int>(most - sums[word].begin()), static_cast<int>(word)});
  }
  return links;
}

}  // namespace primer::train
