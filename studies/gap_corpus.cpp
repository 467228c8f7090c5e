#include "studies/gap_corpus.h"

#include <utility>

#include "autograd/error.h"
#include "autograd/random.h"
#include "data/examples/permutation.h"

namespace primer::studies {

namespace {

/// Even numbers below a count, one after the other.
class Draws {
 public:
  Draws(std::uint64_t seed, std::string_view purpose, std::uint64_t index)
      : random_(seed, autograd::hash(purpose), index) {}
  int operator()(std::size_t count) { return static_cast<int>(random_.below(count, next_++)); }

 private:
  autograd::Random random_;
  std::uint64_t next_ = 0;
};

Sentence sentence(Draws& draw, const GapLanguage& language, int theme, std::span<const int> adjectives) {
  Sentence words;
  for (const char letter : language.templates[static_cast<std::size_t>(draw(language.templates.size()))]) {
    const WordRange range = language.range(letter, theme);
    if (letter == 'a') words.push_back(range.first + adjectives[static_cast<std::size_t>(draw(adjectives.size()))]);
    else words.push_back(range.first + draw(static_cast<std::size_t>(range.count)));
  }
  return words;
}

}  // namespace

GapCorpus::GapCorpus(GapLanguage language, std::uint64_t seed, int seen)
    : language_(std::move(language)), seed_(seed), seen_(static_cast<std::size_t>(seen)) {
  if (seen < 1 || seen >= language_.adjectives) {
    autograd::refuse("gap corpus", "expected 1 to " + std::to_string(language_.adjectives - 1) +
                                       " adjectives of each polarity for training, got " + std::to_string(seen));
  }
  const auto count = static_cast<std::uint64_t>(language_.adjectives);
  const data::Permutation order(count, seed, autograd::hash("studies.gap.seen"));
  for (std::uint64_t i = 0; i < count; ++i) adjectives_.push_back(static_cast<int>(order(i)));
}

Document GapCorpus::document(std::uint64_t index) const {
  Draws draw(seed_, "studies.gap.document", index);
  Document document{draw(static_cast<std::size_t>(language_.themes())), {}};
  const int sentences = fewest_sentences + draw(most_sentences - fewest_sentences + 1);
  for (int i = 0; i < sentences; ++i) {
    document.sentences.push_back(sentence(draw, language_, document.theme, adjectives_));
  }
  return document;
}

std::vector<LabelledSentence> GapCorpus::labelled(Purpose purpose, std::uint64_t mirrored) const {
  const bool training = purpose == Purpose::training;
  const std::span<const int> all(adjectives_);
  std::vector<LabelledSentence> sentences;
  for (std::uint64_t i = 0; i < mirrored; ++i) {
    Draws draw(seed_, training ? "studies.gap.labelled" : "studies.gap.labelled.test", i);
    const int theme = language_.theme(draw(static_cast<std::size_t>(language_.topics)), 1);
    const Sentence words = sentence(draw, language_, theme, training ? all.first(seen_) : all.subspan(seen_));
    sentences.push_back({1, words});
    sentences.push_back({0, mirror(words)});
  }
  return sentences;
}

Sentence GapCorpus::mirror(const Sentence& sentence) const {
  Sentence words = sentence;
  const int negative = language_.first_adjective(), positive = negative + language_.adjectives;
  for (int& word : words) {
    if (word >= positive) word -= language_.adjectives;
    else if (word >= negative) word += language_.adjectives;
  }
  return words;
}

std::string GapCorpus::text(const Sentence& sentence) const {
  std::string line;
  for (const int word : sentence) line += (line.empty() ? "" : " ") + language_.words[static_cast<std::size_t>(word)];
  return line;
}

std::string GapCorpus::text(std::uint64_t first, std::uint64_t count) const {
  std::string lines;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) lines += '\n';
    for (const Sentence& sentence : document(first + i).sentences) lines += text(sentence) + '\n';
  }
  return lines;
}

std::string GapCorpus::labelled_text(Purpose purpose, std::uint64_t mirrored) const {
  std::string lines;
  for (const LabelledSentence& sentence : labelled(purpose, mirrored)) {
    lines += (sentence.polarity == 1 ? "positive\t" : "negative\t") + text(sentence.words) + '\n';
  }
  return lines;
}

}  // namespace primer::studies
