#include "studies/gap_corpus.h"

#include <algorithm>
#include <utility>

#include "autograd/error.h"
#include "data/examples/permutation.h"

namespace primer::studies {

using autograd::hash;
using autograd::Random;
using autograd::refuse;

namespace {

int draw(const Random& random, std::uint64_t index, std::size_t count) {
  return static_cast<int>(random.below(count, index));
}

void append(std::vector<int>& words, const Sentence& sentence) {
  words.insert(words.end(), sentence.begin(), sentence.end());
}

}  // namespace

GapCorpus::GapCorpus(GapLanguage language, std::uint64_t seed, int seen) : language_(std::move(language)), seed_(seed) {
  if (seen < 1 || seen >= language_.adjectives) {
    refuse("gap corpus", "expected 1 to " + std::to_string(language_.adjectives - 1) +
                             " adjectives of each polarity for training, got " + std::to_string(seen));
  }
  const data::Permutation order(static_cast<std::uint64_t>(language_.adjectives), seed, hash("studies.gap.seen"));
  for (int i = 0; i < language_.adjectives; ++i) {
    const int place = static_cast<int>(order(static_cast<std::uint64_t>(i)));
    adjectives_.push_back(place);
    (i < seen ? seen_ : unseen_).push_back(place);
  }
}

// Uses the random numbers first ... first + sentence_length.
Sentence GapCorpus::sentence(const Random& random, std::uint64_t first, int theme,
                             std::span<const int> adjectives) const {
  const auto pick = static_cast<std::size_t>(draw(random, first, language_.templates.size()));
  Sentence words;
  for (const char letter : language_.templates[pick]) {
    const WordRange range = language_.range(letter, theme);
    ++first;
    if (letter == 'a') {
      words.push_back(range.first + adjectives[static_cast<std::size_t>(draw(random, first, adjectives.size()))]);
    } else {
      words.push_back(range.first + draw(random, first, static_cast<std::size_t>(range.count)));
    }
  }
  return words;
}

Document GapCorpus::document(std::uint64_t index) const {
  const Random random(seed_, hash("studies.gap.document"), index);
  Document document;
  document.theme = draw(random, 0, static_cast<std::size_t>(language_.themes()));
  const int sentences = fewest_sentences + draw(random, 1, most_sentences - fewest_sentences + 1);
  std::uint64_t next = 2;
  for (int i = 0; i < sentences; ++i) {
    document.sentences.push_back(sentence(random, next, document.theme, adjectives_));
    next += 1 + static_cast<std::uint64_t>(language_.sentence_length());
  }
  return document;
}

std::string GapCorpus::text(const Sentence& sentence) const {
  std::string line;
  for (const int word : sentence) {
    if (!line.empty()) line += ' ';
    line += language_.words[static_cast<std::size_t>(word)];
  }
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

ChunkPair GapCorpus::pair(std::uint64_t index, std::uint64_t other, int sentences) const {
  if (sentences < 2 || sentences > fewest_sentences + 1) {  // then every document has enough for a B
    refuse("gap corpus", "expected pairs of 2 to " + std::to_string(fewest_sentences + 1) + " sentences, got " +
                             std::to_string(sentences));
  }
  const Random random(seed_, hash("studies.gap.pair"), index);
  const Document document = this->document(index), stranger = this->document(other);
  const int both = std::min(sentences, static_cast<int>(document.sentences.size()));
  const int of_a = 1 + draw(random, 0, static_cast<std::size_t>(both - 1));
  ChunkPair pair;
  pair.continues = draw(random, 1, 2) == 1;
  for (int i = 0; i < both; ++i) {
    if (i < of_a) {
      append(pair.a, document.sentences[static_cast<std::size_t>(i)]);
    } else if (pair.continues) {
      append(pair.b, document.sentences[static_cast<std::size_t>(i)]);
    } else {
      append(pair.b, stranger.sentences[static_cast<std::size_t>(i - of_a)]);
    }
  }
  return pair;
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

std::vector<LabelledSentence> GapCorpus::labelled(Purpose purpose, std::uint64_t mirrored) const {
  const bool training = purpose == Purpose::training;
  std::vector<LabelledSentence> sentences;
  for (std::uint64_t i = 0; i < mirrored; ++i) {
    const Random random(seed_, hash(training ? "studies.gap.labelled" : "studies.gap.labelled.test"), i);
    const int topic = draw(random, 0, static_cast<std::size_t>(language_.topics));
    const Sentence words = sentence(random, 1, language_.theme(topic, 1), training ? seen_ : unseen_);
    sentences.push_back({1, words});
    sentences.push_back({0, mirror(words)});
  }
  return sentences;
}

std::string labelled_text(const GapCorpus& corpus, std::span<const LabelledSentence> sentences) {
  std::string lines;
  for (const LabelledSentence& sentence : sentences) {
    lines += sentence.polarity == 1 ? "positive\t" : "negative\t";
    lines += corpus.text(sentence.words) + '\n';
  }
  return lines;
}

}  // namespace primer::studies
