#include "studies/gap_oracle.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "autograd/error.h"

namespace primer::studies {

using autograd::refuse;

namespace {

/// Coefficient k belongs to k chosen visible words; of degree r, higher powers left out. [r + 1]
using Polynomial = std::vector<double>;

Polynomial one(std::size_t r) {
  Polynomial product(r + 1, 0.0);
  product[0] = 1;
  return product;
}

Polynomial operator*(const Polynomial& x, const Polynomial& y) {
  Polynomial product(x.size(), 0.0);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; i + j < x.size(); ++j) product[i + j] += x[i] * y[j];
  return product;
}

void add(Polynomial& sum, double factor, const Polynomial& x) {
  for (std::size_t i = 0; i < x.size(); ++i) sum[i] += factor * x[i];
}

/// [z^r] x y
double last_coefficient(const Polynomial& x, const Polynomial& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[x.size() - 1 - i];
  return sum;
}

struct SentenceFit {
  std::vector<std::vector<Polynomial>> templates;  // [themes][templates], each with its share 1 / templates
  std::vector<Polynomial> whole;                   // S(t): their sums, [themes]
};

struct ChunkFit {
  std::vector<SentenceFit> sentences;
  std::vector<Polynomial> whole;  // A(t): the product of the sentences, [themes]
  Polynomial mean;                // over themes
};

SentenceFit fit_sentence(const GapLanguage& language, double replacement, std::span<const int> shown, std::size_t r) {
  SentenceFit fit;
  double highest = 0;
  for (int theme = 0; theme < language.themes(); ++theme) {
    std::vector<Polynomial>& templates = fit.templates.emplace_back();
    Polynomial& whole = fit.whole.emplace_back(r + 1, 0.0);
    for (const std::string& letters : language.templates) {
      Polynomial product = one(r);
      product[0] = 1 / static_cast<double>(language.templates.size());
      for (std::size_t i = 0; i < letters.size(); ++i) {
        if (shown[i] == ShownPair::hidden) continue;
        const WordRange range = language.range(letters[i], theme);
        const double e = range.holds(shown[i]) ? 1.0 / range.count : 0.0;
        for (std::size_t k = r + 1; k-- > 0;)  // times e + z (e + 1/q)
          product[k] = e * product[k] + (k > 0 ? (e + replacement) * product[k - 1] : 0.0);
      }
      add(whole, 1, product);
      templates.push_back(std::move(product));
    }
    highest = std::max(highest, *std::max_element(whole.begin(), whole.end()));
  }
  // A factor that all themes share changes no posterior, and keeps the product of many sentences above zero.
  if (highest == 0) return fit;
  for (std::vector<Polynomial>& templates : fit.templates)
    for (Polynomial& product : templates)
      for (double& c : product) c /= highest;
  for (Polynomial& whole : fit.whole)
    for (double& c : whole) c /= highest;
  return fit;
}

ChunkFit fit_chunk(const GapLanguage& language, double replacement, std::span<const int> shown, std::size_t r) {
  const auto themes = static_cast<std::size_t>(language.themes());
  const auto length = static_cast<std::size_t>(language.sentence_length());
  ChunkFit fit;
  fit.whole.assign(themes, one(r));
  fit.mean.assign(r + 1, 0.0);
  for (std::size_t begin = 0; begin < shown.size(); begin += length) {
    const SentenceFit& sentence =
        fit.sentences.emplace_back(fit_sentence(language, replacement, shown.subspan(begin, length), r));
    for (std::size_t t = 0; t < themes; ++t) fit.whole[t] = fit.whole[t] * sentence.whole[t];
  }
  for (const Polynomial& whole : fit.whole) add(fit.mean, 1 / static_cast<double>(themes), whole);
  return fit;
}

/// What one chunk says about the other's theme: for each theme t, p fit(t) + (1 - p) mean over u of fit(u). [themes]
std::vector<Polynomial> message(const ChunkFit& fit, double continues) {
  std::vector<Polynomial> says;
  for (const Polynomial& whole : fit.whole) {
    Polynomial& m = says.emplace_back(whole.size(), 0.0);
    add(m, continues, whole);
    add(m, 1 - continues, fit.mean);
  }
  return says;
}

/// Appends the posterior of each hidden word of a chunk. `outside`: what the other chunk says about the theme,
/// [themes]; `evidence`: the sum over themes of [z^r] whole outside.
void append_hidden(const GapLanguage& language, std::span<const int> shown, const ChunkFit& fit,
                   const std::vector<Polynomial>& outside, double evidence, std::vector<std::vector<double>>& hidden) {
  const auto length = static_cast<std::size_t>(language.sentence_length());
  for (std::size_t s = 0; s < fit.sentences.size(); ++s) {
    std::vector<std::size_t> places;  // of hidden words in this sentence
    for (std::size_t i = 0; i < length; ++i)
      if (shown[s * length + i] == ShownPair::hidden) places.push_back(i);
    if (places.empty()) continue;
    const std::size_t first = hidden.size();
    hidden.resize(first + places.size(), std::vector<double>(language.words.size(), 0.0));
    for (int theme = 0; theme < language.themes(); ++theme) {
      const auto t = static_cast<std::size_t>(theme);
      Polynomial rest = outside[t];
      for (std::size_t other = 0; other < fit.sentences.size(); ++other)
        if (other != s) rest = rest * fit.sentences[other].whole[t];
      for (std::size_t k = 0; k < language.templates.size(); ++k) {
        const double posterior = last_coefficient(fit.sentences[s].templates[t][k], rest) / evidence;
        for (std::size_t i = 0; i < places.size(); ++i) {
          const WordRange range = language.range(language.templates[k][places[i]], theme);
          for (int word = range.first; word < range.first + range.count; ++word)
            hidden[first + i][static_cast<std::size_t>(word)] += posterior / range.count;
        }
      }
    }
  }
}

void check_chunk(const GapLanguage& language, const char* name, const std::vector<int>& shown) {
  if (shown.empty() || shown.size() % static_cast<std::size_t>(language.sentence_length()) != 0) {
    refuse("gap oracle", std::string("expected ") + name + " of whole sentences of " +
                             std::to_string(language.sentence_length()) + " words, got " +
                             std::to_string(shown.size()) + " words");
  }
  for (const int word : shown)
    if (word < ShownPair::foreign || word >= language.size())
      refuse("gap oracle", "no word of " + std::to_string(language.size()) + " has the number " + std::to_string(word));
}

}  // namespace

GapOracle::GapOracle(GapLanguage language, int replacements)
    : language_(std::move(language)), replacement_(1.0 / std::max(replacements, 1)) {
  if (replacements < 1)
    refuse("gap oracle", "expected 1 or more tokens to replace by, got " + std::to_string(replacements));
}

Belief GapOracle::belief(const ShownPair& pair) const {
  check_chunk(language_, "A", pair.a);
  check_chunk(language_, "B", pair.b);
  if (!(pair.continues >= 0 && pair.continues <= 1)) {
    refuse("gap oracle", "expected a probability that B continues A, got " + std::to_string(pair.continues));
  }
  const auto words = static_cast<long>(pair.a.size() + pair.b.size());
  const long hidden = std::count(pair.a.begin(), pair.a.end(), ShownPair::hidden) +
                      std::count(pair.b.begin(), pair.b.end(), ShownPair::hidden);
  if (pair.chosen < hidden || pair.chosen > words) {
    refuse("gap oracle", std::to_string(pair.chosen) + " chosen words do not fit " + std::to_string(hidden) +
                             " hidden ones of " + std::to_string(words));
  }
  const auto r = static_cast<std::size_t>(pair.chosen - hidden);

  const ChunkFit a = fit_chunk(language_, replacement_, pair.a, r), b = fit_chunk(language_, replacement_, pair.b, r);
  const std::vector<Polynomial> of_a = message(a, pair.continues), of_b = message(b, pair.continues);  // [themes]
  double evidence = 0, same = 0;  // times the number of themes: all themes, and B continues A
  for (std::size_t t = 0; t < a.whole.size(); ++t) {
    evidence += last_coefficient(a.whole[t], of_b[t]);
    same += pair.continues * last_coefficient(a.whole[t], b.whole[t]);
  }
  if (!(evidence > 0)) {
    refuse("gap oracle", "this language makes no such pair with " + std::to_string(pair.chosen) +
                             " words chosen for masking; count all that were chosen, hidden or not");
  }
  Belief belief;
  belief.continues = same / evidence;
  append_hidden(language_, pair.a, a, of_b, evidence, belief.hidden);
  append_hidden(language_, pair.b, b, of_a, evidence, belief.hidden);
  return belief;
}

OracleScore score(const GapOracle& oracle, std::span<const AnsweredPair> pairs) {
  GroupedMean loss, entropy, excess, accuracy, expected, next, next_expected;
  bool any = false;
  for (const AnsweredPair& pair : pairs) {
    const Belief belief = oracle.belief(pair.shown);
    if (pair.hidden.size() != belief.hidden.size()) {
      refuse("gap oracle", std::to_string(belief.hidden.size()) + " words are hidden, " +
                               std::to_string(pair.hidden.size()) + " answers given");
    }
    double nats = 0, expected_nats = 0, right = 0, expected_right = 0;
    for (std::size_t i = 0; i < belief.hidden.size(); ++i) {
      const std::vector<double>& p = belief.hidden[i];  // [words]
      const auto answer = static_cast<std::size_t>(pair.hidden[i]);
      const auto best = std::max_element(p.begin(), p.end());
      if (answer >= p.size()) refuse("gap oracle", "the answer " + std::to_string(pair.hidden[i]) + " is no word");
      nats -= std::log(p[answer]);
      right += best == p.begin() + pair.hidden[i] ? 1 : 0;
      expected_right += *best;
      for (const double x : p)
        if (x > 0) expected_nats -= x * std::log(x);
    }
    const auto count = static_cast<double>(belief.hidden.size());
    any = any || count > 0;
    loss.add(nats, count);
    entropy.add(expected_nats, count);
    excess.add(pair.nats - nats, count);
    accuracy.add(right, count);
    expected.add(expected_right, count);
    next.add((belief.continues > 0.5) == pair.continues ? 1 : 0, 1);
    next_expected.add(std::max(belief.continues, 1 - belief.continues), 1);
  }
  if (!any) refuse("gap oracle", "no pair hides a word");
  return {loss.estimate(),     entropy.estimate(), excess.estimate(),       accuracy.estimate(),
          expected.estimate(), next.estimate(),    next_expected.estimate()};
}

double next_sentence_ceiling(const GapLanguage& language) { return 1 - 0.5 / language.themes(); }

}  // namespace primer::studies
