// The words and texts of the study of the gap are what its header says, and the symmetry that its claim rests on is
// exact.
#include "studies/gap_corpus.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "tests/data/fixture.h"
#include "tests/studies/chunk_pairs.h"

using namespace primer::studies;
using primer::data::refused;

namespace {

using Labelled = std::vector<LabelledSentence>;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool is_adjective(const GapLanguage& language, int word) { return word >= language.first_adjective(); }

/// How often each sentence occurs with a label, its adjectives replaced by their places in the list of their polarity,
/// or, unless they are `kept`, all by the same number.
std::map<std::vector<int>, long> counts(const GapCorpus& corpus, const Labelled& sentences, int polarity, bool kept) {
  const GapLanguage& language = corpus.language();
  std::map<std::vector<int>, long> found;
  for (const LabelledSentence& s : sentences) {
    if (s.polarity != polarity) continue;
    std::vector<int> words;
    for (const int word : s.words) {
      if (!is_adjective(language, word)) words.push_back(word);
      else words.push_back(kept ? -1 - (word - language.first_adjective()) % language.adjectives : -1);
    }
    ++found[words];
  }
  return found;
}

}  // namespace

TEST_CASE("a document is a pure function of seed and index: these sentences, on every machine") {
  const GapCorpus corpus(gap_language(), 1);
  CHECK(corpus.text(0, 3) == corpus.text(0, 2) + "\n" + corpus.text(2, 1));
  CHECK(corpus.text(7, 1) != corpus.text(8, 1));
  CHECK(corpus.text(7, 1) != GapCorpus(gap_language(), 2).text(7, 1));
  CHECK(lines_of(corpus.text(0, 1))[0] == "every witness treaty near court is cozy and brilliant");
  CHECK(lines_of(corpus.text(0, 1))[1] == "bright warrant above flawless prison feels our pleasant police");
}

TEST_CASE("a sentence a line, an empty line between documents") {
  const GapCorpus corpus(gap_language(), 3);
  const std::vector<std::string> lines = lines_of(corpus.text(10, 50));
  CHECK(std::count(lines.begin(), lines.end(), "") == 49);
  CHECK(lines.front() == corpus.text(corpus.document(10).sentences.front()));
  CHECK(lines.back() == corpus.text(corpus.document(59).sentences.back()));
}

TEST_CASE("a document's words are of its theme, and themes, lengths, templates and words are even") {
  const GapLanguage language = gap_language();
  const GapCorpus corpus(language, 4);
  const long documents = 4000;
  std::map<int, long> themes, lengths;
  std::map<std::vector<char>, long> templates;
  std::vector<long> words(language.words.size(), 0);
  long sentences = 0;
  for (long i = 0; i < documents; ++i) {
    const Document document = corpus.document(static_cast<std::uint64_t>(i));
    ++themes[document.theme];
    ++lengths[static_cast<int>(document.sentences.size())];
    for (const Sentence& sentence : document.sentences) {
      ++sentences;
      bool fits = false;  // some template
      for (const std::string& letters : language.templates) {
        bool all = sentence.size() == letters.size();
        for (std::size_t k = 0; all && k < letters.size(); ++k)
          all = language.range(letters[k], document.theme).holds(sentence[k]);
        if (all) ++templates[{letters.begin(), letters.end()}];
        fits = fits || all;
      }
      CHECK(fits);
      for (const int word : sentence) ++words[static_cast<std::size_t>(word)];
    }
  }
  const auto even = [](long count, double expected) {
    CHECK(std::abs(static_cast<double>(count) - expected) < 5 * std::sqrt(expected));
  };
  CHECK(themes.size() == 16);
  for (const auto& [theme, count] : themes) even(count, static_cast<double>(documents) / 16);
  CHECK(lengths.size() == 5);
  for (const auto& [length, count] : lengths) even(count, static_cast<double>(documents) / 5);
  CHECK(templates.size() == 8);  // and no sentence is of two, or these would be more than the sentences
  for (const auto& [letters, count] : templates) even(count, static_cast<double>(sentences) / 8);
  long counted = 0;
  for (const auto& [letters, count] : templates) counted += count;
  CHECK(counted == sentences);
  // words of a range
  for (const char letter : {'d', 'v', 'r', 'p', 'c', 'n', 'a'}) {
    for (int theme = 0; theme < language.themes(); ++theme) {
      const WordRange range = language.range(letter, theme);
      long sum = 0;
      for (int w = range.first; w < range.first + range.count; ++w) sum += words[static_cast<std::size_t>(w)];
      for (int w = range.first; w < range.first + range.count; ++w)
        even(words[static_cast<std::size_t>(w)], static_cast<double>(sum) / range.count);
    }
  }
}

TEST_CASE("words are drawn each for itself, in a sentence and from one to the next") {
  const GapLanguage language = gap_language();
  const GapCorpus corpus(language, 10);
  constexpr std::size_t places = 9;
  // How far each word is from the middle of its range; correlations of two sentences' 18 places, templates apart.
  std::map<const std::string*, std::array<std::array<double, 2 * places>, 2 * places>> products;
  std::map<const std::string*, long> counts;
  const auto middled = [&](const Sentence& sentence, int theme, const std::string& letters, double* out) {
    for (std::size_t k = 0; k < places; ++k) {
      const WordRange range = language.range(letters[k], theme);
      if (!range.holds(sentence[k])) return false;
      const double n = range.count;
      out[k] = (sentence[k] - range.first - (n - 1) / 2) / std::sqrt((n * n - 1) / 12);  // mean 0, variance 1
    }
    return true;
  };
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const Document document = corpus.document(i);
    for (const std::string& letters : language.templates) {
      for (const std::string& next : language.templates) {
        std::array<double, 2 * places> x{};
        if (!middled(document.sentences[0], document.theme, letters, x.data())) continue;
        if (!middled(document.sentences[1], document.theme, next, x.data() + places)) continue;
        ++counts[&letters];
        for (std::size_t j = 0; j < 2 * places; ++j)
          for (std::size_t k = 0; k < 2 * places; ++k) products[&letters][j][k] += x[j] * x[k];
      }
    }
  }
  CHECK(counts.size() == 8);
  for (const auto& [letters, product] : products) {
    CAPTURE(*letters);
    const auto count = static_cast<double>(counts[letters]);
    for (std::size_t j = 0; j < 2 * places; ++j)
      for (std::size_t k = 0; k < 2 * places; ++k)
        CHECK(std::abs(product[j][k] - (j == k ? count : 0)) < 5 * std::sqrt(count));
  }
}

TEST_CASE("a B that continues A is what follows in its document, any other begins another, and lengths tell nothing") {
  const GapCorpus corpus(gap_language(), 5);
  std::map<std::pair<std::size_t, std::size_t>, std::array<long, 2>> lengths;
  const long pairs = 6000;
  long continuing = 0;
  for (std::uint64_t i = 0; i < pairs; ++i) {
    const primer::test::ChunkPair pair = primer::test::chunk_pair(corpus, 2 * i, 2 * i + 1, 5);
    std::vector<int> own, other;
    for (const Sentence& s : corpus.document(2 * i).sentences) own.insert(own.end(), s.begin(), s.end());
    for (const Sentence& s : corpus.document(2 * i + 1).sentences) other.insert(other.end(), s.begin(), s.end());
    REQUIRE(pair.a.size() >= 9);
    REQUIRE(pair.b.size() >= 9);
    REQUIRE(pair.a.size() + pair.b.size() <= 45);
    CHECK(std::equal(pair.a.begin(), pair.a.end(), own.begin()));
    const auto expected = pair.continues ? own.begin() + static_cast<long>(pair.a.size()) : other.begin();
    CHECK(std::equal(pair.b.begin(), pair.b.end(), expected));
    continuing += pair.continues ? 1 : 0;
    ++lengths[{pair.a.size(), pair.b.size()}][pair.continues ? 1 : 0];
  }
  CHECK(std::abs(static_cast<double>(continuing) - pairs / 2.0) < 5 * std::sqrt(pairs / 4.0));
  CHECK(lengths.size() == 3 + 4);  // of four sentences and of five
  for (const auto& [length, count] : lengths)
    CHECK(std::abs(static_cast<double>(count[0] - count[1])) < 5 * std::sqrt(static_cast<double>(count[0] + count[1])));
}

TEST_CASE("labelled sentences have adjectives of their purpose, at least one, and become lines of label and sentence") {
  const GapCorpus corpus(gap_language(), 6);
  const GapLanguage& language = corpus.language();
  CHECK(corpus.seen().size() == 10);
  const std::set<int> seen(corpus.seen().begin(), corpus.seen().end());
  CHECK(seen.size() == 10);
  const GapCorpus another(gap_language(), 7);
  CHECK(seen != std::set<int>(another.seen().begin(), another.seen().end()));
  std::map<int, std::set<int>> used;  // by purpose, places in the list of a polarity
  for (const auto purpose : {GapCorpus::Purpose::training, GapCorpus::Purpose::test}) {
    const bool training = purpose == GapCorpus::Purpose::training;
    const Labelled sentences = corpus.labelled(purpose, 1000);
    CHECK(sentences.size() == 2000);
    for (const LabelledSentence& s : sentences) {
      long adjectives = 0;
      for (const int word : s.words) {
        if (!is_adjective(language, word)) continue;
        ++adjectives;
        const int place = (word - language.first_adjective()) % language.adjectives;
        CHECK((word - language.first_adjective()) / language.adjectives == s.polarity);
        CHECK(seen.contains(place) == training);
        used[training ? 1 : 0].insert(place);
      }
      CHECK(adjectives >= 1);
    }
    const std::vector<std::string> lines = lines_of(corpus.labelled_text(purpose, 1000));
    CHECK(lines.size() == 2000);
    CHECK(lines[0] == "positive\t" + corpus.text(sentences[0].words));
    CHECK(lines[1] == "negative\t" + corpus.text(sentences[1].words));
  }
  CHECK(used[1].size() == 10);
  CHECK(used[0].size() == 50);
}

TEST_CASE("both labelled sets are their own mirror images, and without adjectives the same for both labels") {
  const GapCorpus corpus(gap_language(), 8);
  for (const auto purpose : {GapCorpus::Purpose::training, GapCorpus::Purpose::test}) {
    const Labelled sentences = corpus.labelled(purpose, 500);
    std::map<std::pair<int, Sentence>, long> found, mirrored;
    for (const LabelledSentence& s : sentences) {
      ++found[{s.polarity, s.words}];
      ++mirrored[{1 - s.polarity, corpus.mirror(s.words)}];
      CHECK(corpus.mirror(s.words) != s.words);
      CHECK(corpus.mirror(corpus.mirror(s.words)) == s.words);
    }
    CHECK(found == mirrored);
    CHECK(counts(corpus, sentences, 0, false) == counts(corpus, sentences, 1, false));
    CHECK(counts(corpus, sentences, 0, true) == counts(corpus, sentences, 1, true));
  }
}

namespace {

/// The share of the test sentences that a sum of word weights gets right, when it learned from the training sentences
/// by the perceptron's rule, from these initial weights. [words]
double perceptron(const GapCorpus& corpus, std::vector<double> weights) {
  const auto sum = [&](const Sentence& sentence) {
    double s = 0;
    for (const int word : sentence) s += weights[static_cast<std::size_t>(word)];
    return s;
  };
  for (int epoch = 0; epoch < 5; ++epoch)
    for (const LabelledSentence& s : corpus.labelled(GapCorpus::Purpose::training, 64))
      if ((sum(s.words) > 0) != (s.polarity == 1))
        for (const int word : s.words) weights[static_cast<std::size_t>(word)] += s.polarity == 1 ? 0.25 : -0.25;
  long right = 0, all = 0;
  for (const LabelledSentence& s : corpus.labelled(GapCorpus::Purpose::test, 500))
    right += (sum(s.words) > 0) == (s.polarity == 1) ? 1 : 0, ++all;
  return static_cast<double>(right) / static_cast<double>(all);
}

}  // namespace

TEST_CASE("from scratch, initial weights and the same with unseen adjectives exchanged are right on half, together") {
  const GapCorpus corpus(gap_language(), 9);
  const GapLanguage& language = corpus.language();
  const std::set<int> seen(corpus.seen().begin(), corpus.seen().end());
  double differences = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const primer::autograd::Random random(seed, primer::autograd::hash("test.weights"));
    std::vector<double> weights;
    for (std::uint64_t i = 0; i < language.words.size(); ++i) weights.push_back(random.normal(i));
    std::vector<double> exchanged = weights;
    for (int i = 0; i < language.adjectives; ++i) {
      const auto negative = static_cast<std::size_t>(language.first_adjective() + i);
      const std::size_t positive = negative + static_cast<std::size_t>(language.adjectives);
      if (!seen.contains(i)) std::swap(exchanged[negative], exchanged[positive]);
    }
    const double accuracy = perceptron(corpus, weights);
    CHECK(accuracy + perceptron(corpus, exchanged) == doctest::Approx(1).epsilon(1e-12));
    differences += std::abs(accuracy - 0.5);
  }
  CHECK(differences > 0.05);  // single ones do scatter
}

TEST_CASE("a share of adjectives that leaves none for training or test is refused") {
  for (const int seen : {-1, 0, 60, 61})
    CHECK(refused(primer::autograd::Fault::usage, [&] { GapCorpus(gap_language(), 1, seen); }) ==
          "[gap corpus] expected 1 to 59 adjectives of each polarity for training, got " + std::to_string(seen));
}

TEST_CASE("390 different words of lower-case ASCII; sentences of one length, all with a noun and an adjective") {
  const GapLanguage language = gap_language();
  CHECK(language.size() == 30 + 8 * 30 + 2 * 60);
  CHECK(language.first_noun() == 30);
  CHECK(language.first_adjective() == 270);
  CHECK(std::set<std::string>(language.words.begin(), language.words.end()).size() == language.words.size());
  for (const std::string& word : language.words)
    CHECK(std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; }));
  for (const std::string& letters : language.templates) {
    CAPTURE(letters);
    CHECK(letters.size() == 9);
    CHECK(letters.find('a') != std::string::npos);
    CHECK(letters.find('n') != std::string::npos);
    for (const char letter : letters)
      for (int theme = 0; theme < language.themes(); ++theme) CHECK(language.range(letter, theme).count > 0);
  }
  // each list begins and ends where it should
  CHECK(language.words[static_cast<std::size_t>(language.range('d', 5).first)] == "the");
  CHECK(language.words[static_cast<std::size_t>(language.range('c', 5).first + 5)] == "because");
  CHECK(language.words[static_cast<std::size_t>(language.range('n', language.theme(7, 1)).first)] == "computer");
  CHECK(language.words[static_cast<std::size_t>(language.range('n', language.theme(6, 0)).first + 29)] == "pharmacy");
  CHECK(language.words[static_cast<std::size_t>(language.range('a', language.theme(3, 0)).first)] == "bad");
  CHECK(language.words[static_cast<std::size_t>(language.range('a', language.theme(3, 1)).first)] == "good");
  CHECK(language.words.back() == "tasty");
}

TEST_CASE("the vocabulary has the special tokens, then a word a line in the order of the words") {
  const GapLanguage language = gap_language();
  std::vector<std::string> lines;
  std::istringstream text(gap_vocabulary(language));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  CHECK(lines.size() == 395);
  CHECK(lines[0] == "[PAD]");
  CHECK(lines[4] == "[MASK]");
  for (std::size_t i = 0; i < language.words.size(); ++i) CHECK(lines[5 + i] == language.words[i]);
}
