#include "studies/gap_oracle.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <valarray>

#include "autograd/error.h"

namespace primer::studies {

namespace {

/// Coefficient k belongs to k chosen visible words; of degree r, higher powers left out. [r + 1]
using Polynomial = std::valarray<double>;

Polynomial one(std::size_t r) {
  Polynomial product(0.0, r + 1);
  product[0] = 1;
  return product;
}

Polynomial product(const Polynomial& x, const Polynomial& y) {
  Polynomial all(0.0, x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; i + j < x.size(); ++j) all[i + j] += x[i] * y[j];
  return all;
}

/// [z^r] x y
double last_coefficient(const Polynomial& x, const Polynomial& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[x.size() - 1 - i];
  return sum;
}

/// The sentence that shows these words, of a theme, made by a template.
Polynomial fit(const GapLanguage& language, double replacement, const std::string& letters, int theme,
               std::span<const int> words, std::size_t r) {
  Polynomial product = one(r);
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (words[i] == ShownPair::hidden) continue;
    const double e = language.range(letters[i], theme).holds(words[i]) ? 1 : 0;
    const double z = e + (words[i] == ShownPair::foreign ? 1 : language.alike(words[i]) * replacement);
    for (std::size_t k = r + 1; k-- > 0;)  // times e + z
      product[k] = e * product[k] + (k > 0 ? z * product[k - 1] : 0.0);
  }
  return product;
}

struct ShownSentence {
  int chunk;                    // 0 of A, 1 of B
  std::span<const int> words;   // [sentence_length]
  std::vector<Polynomial> fit;  // S_s(t), [themes]
};

void check(bool holds, const std::string& otherwise) {
  if (!holds) autograd::refuse("gap oracle", otherwise);
}

void check(const GapLanguage& language, const ShownPair& pair, long hidden) {
  const auto text = [](auto number) { return std::to_string(number); };
  const auto length = static_cast<std::size_t>(language.sentence_length()), words = pair.a.size() + pair.b.size();
  for (const std::vector<int>* chunk : {&pair.a, &pair.b}) {
    check(!chunk->empty() && chunk->size() % length == 0, std::string("expected ") + (chunk == &pair.a ? "A" : "B") +
                                                              " of whole sentences of " + text(length) +
                                                              " words, got " + text(chunk->size()) + " words");
    for (const int word : *chunk)
      check(word >= ShownPair::foreign && word < language.size(),
            "no word of " + text(language.size()) + " has the number " + text(word));
  }
  check(pair.continues >= 0 && pair.continues <= 1,
        "expected a probability that B continues A, got " + text(pair.continues));
  check(pair.chosen >= hidden && pair.chosen <= static_cast<long>(words),
        text(pair.chosen) + " chosen words do not fit " + text(hidden) + " hidden ones of " + text(words));
}

}  // namespace

GapOracle::GapOracle(GapLanguage language, int replacements)
    : language_(std::move(language)), replacement_(1.0 / std::max(replacements, 1)) {
  check(replacements >= 1, "expected 1 or more tokens to replace by, got " + std::to_string(replacements));
}

Belief GapOracle::belief(const ShownPair& pair) const {
  const long hidden = std::count(pair.a.begin(), pair.a.end(), ShownPair::hidden) +
                      std::count(pair.b.begin(), pair.b.end(), ShownPair::hidden);
  check(language_, pair, hidden);
  const auto r = static_cast<std::size_t>(pair.chosen - hidden);
  const auto themes = static_cast<std::size_t>(language_.themes());
  const auto length = static_cast<std::size_t>(language_.sentence_length());
  const auto templates = static_cast<double>(language_.templates.size());
  const auto fits = [&](const std::string& letters, std::size_t t, std::span<const int> words) {
    return fit(language_, replacement_, letters, static_cast<int>(t), words, r);
  };
  std::vector<ShownSentence> sentences;
  std::vector<Polynomial> whole[2];  // A(t) and B(t), [themes]
  std::vector<Polynomial> says[2];   // of the other chunk's theme: p A(t) + (1 - p) mean over u of A(u), [themes]
  for (const int chunk : {0, 1}) {
    const std::span<const int> words(chunk == 0 ? pair.a : pair.b);
    whole[chunk].assign(themes, one(r));
    for (std::size_t begin = 0; begin < words.size(); begin += length) {
      ShownSentence& sentence = sentences.emplace_back(ShownSentence{chunk, words.subspan(begin, length), {}});
      for (std::size_t t = 0; t < themes; ++t) {
        Polynomial sum(0.0, r + 1);
        for (const std::string& letters : language_.templates) sum += fits(letters, t, sentence.words);
        sentence.fit.push_back(sum / templates);
        whole[chunk][t] = product(whole[chunk][t], sentence.fit[t]);
      }
    }
    Polynomial mean(0.0, r + 1);
    for (const Polynomial& of : whole[chunk]) mean += of / static_cast<double>(themes);
    for (const Polynomial& of : whole[chunk]) says[chunk].push_back(pair.continues * of + (1 - pair.continues) * mean);
  }
  double evidence = 0, same = 0;  // sums over themes: of all, and where B continues A
  for (std::size_t t = 0; t < themes; ++t) {
    evidence += last_coefficient(whole[0][t], says[1][t]);
    same += pair.continues * last_coefficient(whole[0][t], whole[1][t]);
  }
  check(evidence > 0, "this language makes no such pair with " + std::to_string(pair.chosen) +
                          " words chosen for masking; count all that were chosen, hidden or not");
  Belief belief{same / evidence, {}};
  for (const ShownSentence& sentence : sentences) {
    if (std::count(sentence.words.begin(), sentence.words.end(), ShownPair::hidden) == 0) continue;
    std::vector<std::vector<double>> places(length, std::vector<double>(language_.words.size(), 0.0));
    for (std::size_t t = 0; t < themes; ++t) {
      Polynomial rest = says[1 - sentence.chunk][t];
      for (const ShownSentence& other : sentences)
        if (&other != &sentence && other.chunk == sentence.chunk) rest = product(rest, other.fit[t]);
      for (const std::string& letters : language_.templates) {
        const double share = last_coefficient(fits(letters, t, sentence.words), rest) / templates / evidence;
        for (std::size_t i = 0; i < length; ++i) {
          if (sentence.words[i] != ShownPair::hidden) continue;
          const WordRange range = language_.range(letters[i], static_cast<int>(t));
          for (int word = range.first; word < range.first + range.count; ++word)
            places[i][static_cast<std::size_t>(word)] += share / range.count;
        }
      }
    }
    for (std::size_t i = 0; i < length; ++i)
      if (sentence.words[i] == ShownPair::hidden) belief.hidden.push_back(std::move(places[i]));
  }
  return belief;
}

GapScore score(const GapOracle& oracle, std::span<const AnsweredPair> pairs) {
  std::vector<double> counts, nats, best_nats, excess, right, expected_right, ones, next, next_best;  // [pairs] each
  long hidden = 0;
  for (const AnsweredPair& pair : pairs) {
    const Belief belief = oracle.belief(pair.shown);
    check(pair.hidden.size() == belief.hidden.size(), std::to_string(belief.hidden.size()) + " words are hidden, " +
                                                          std::to_string(pair.hidden.size()) + " answers given");
    double best = 0, expected = 0;
    for (std::size_t i = 0; i < belief.hidden.size(); ++i) {
      const std::vector<double>& p = belief.hidden[i];  // [words]
      const std::size_t answer = pair.hidden[i];
      check(answer < p.size(), "the answer " + std::to_string(pair.hidden[i]) + " is no word");
      best -= std::log(p[answer]);
      expected += *std::max_element(p.begin(), p.end());
    }
    hidden += static_cast<long>(belief.hidden.size());
    counts.push_back(belief.hidden.size());
    nats.push_back(pair.nats);
    best_nats.push_back(best);
    excess.push_back(pair.nats - best);
    right.push_back(pair.right);
    expected_right.push_back(expected);
    ones.push_back(1);
    next.push_back(pair.next_right);
    next_best.push_back(std::max(belief.continues, 1 - belief.continues));
  }
  check(hidden > 0, "no pair hides a word");
  return {
      .pairs = static_cast<long>(pairs.size()),
      .hidden = hidden,
      .loss = mean_of_groups(nats, counts),
      .best_loss = mean_of_groups(best_nats, counts),
      .excess = mean_of_groups(excess, counts),
      .share_right = mean_of_groups(right, expected_right),  // a ratio of two sums over pairs, and its error is that
      .next_accuracy = mean_of_groups(next, ones),
      .next_best_accuracy = mean_of_groups(next_best, ones)};
}

double next_sentence_ceiling(const GapLanguage& language) { return 1 - 0.5 / language.themes(); }

}  // namespace primer::studies
