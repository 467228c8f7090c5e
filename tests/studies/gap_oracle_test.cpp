// The oracle is exact: it agrees with complete enumeration, and with the frequencies of what data/masking really makes.
#include "studies/gap_oracle.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "autograd/error.h"
#include "autograd/random.h"
#include "data/examples/masking.h"
#include "studies/gap_corpus.h"
#include "studies/lab/estimate.h"
#include "tests/studies/brute_force.h"
#include "tests/studies/chunk_pairs.h"

using namespace primer::studies;
using primer::test::chunk_pair, primer::test::ChunkPair;

namespace {

constexpr int hidden = ShownPair::hidden, foreign = ShownPair::foreign;
constexpr int specials = 5;  // of the vocabulary, the last ones being [CLS], [SEP] and [MASK]
constexpr int begin = 2, end = 3, mask = 4;

/// The pair as data::Masking shows it, words chosen with this share.
AnsweredPair masked(const GapLanguage& language, const ChunkPair& pair, std::uint64_t window, double share) {
  std::vector<int> tokens, targets(pair.a.size() + pair.b.size());
  for (const int word : pair.a) tokens.push_back(word + specials);
  for (const int word : pair.b) tokens.push_back(word + specials);
  const primer::data::Masking masking{11, mask, language.size() + specials, share, begin, end};
  masking.apply(primer::data::Purpose::evaluation, 0, window, tokens, targets);
  AnsweredPair answered;
  answered.next_right = pair.continues ? 1 : 0;  // the answer that every B continues its A
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const int shown = tokens[i] == mask ? hidden : tokens[i] < specials ? foreign : tokens[i] - specials;
    (i < pair.a.size() ? answered.shown.a : answered.shown.b).push_back(shown);
    if (shown == hidden) answered.hidden.push_back(targets[i] - specials);
    answered.shown.chosen += targets[i] >= 0 ? 1 : 0;
  }
  return answered;
}

GapOracle oracle_of(const GapLanguage& language) { return {language, language.size() + specials - 3}; }

std::vector<AnsweredPair> masked_pairs(const GapCorpus& corpus, std::uint64_t count, double share) {
  std::vector<AnsweredPair> pairs;
  for (std::uint64_t i = 0; i < count; ++i)
    pairs.push_back(masked(corpus.language(), chunk_pair(corpus, 2 * i, 2 * i + 1, 5), i, share));
  return pairs;
}

double farthest(const Belief& x, const Belief& y) {
  REQUIRE(x.hidden.size() == y.hidden.size());
  double most = std::abs(x.continues - y.continues);
  for (std::size_t i = 0; i < x.hidden.size(); ++i)
    for (std::size_t w = 0; w < x.hidden[i].size(); ++w) raise_to(most, std::abs(x.hidden[i][w] - y.hidden[i][w]));
  return most;
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const primer::autograd::Error& e) {
    CHECK(e.fault() == primer::autograd::Fault::usage);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the oracle agrees with the enumeration of all that a tiny language can make, to 1e-12") {
  const GapLanguage language = primer::test::tiny_language();
  const GapOracle oracle = oracle_of(language);
  primer::test::BruteForce enumeration(language, language.size() + specials - 3);
  const GapCorpus corpus(language, 21, 1);
  long replaced = 0, with_foreign = 0, hidden_words = 0;
  double most = 0;
  const auto agree = [&](const ShownPair& shown) {
    const Belief belief = oracle.belief(shown);
    raise_to(most, farthest(belief, enumeration.belief(shown)));
    for (const std::vector<double>& p : belief.hidden) {
      double sum = 0;
      for (const double x : p) sum += x;
      CHECK(sum == doctest::Approx(1).epsilon(1e-12));
      ++hidden_words;
    }
    replaced += shown.chosen > static_cast<long>(belief.hidden.size()) ? 1 : 0;
    with_foreign += std::count(shown.a.begin(), shown.a.end(), foreign);
    with_foreign += std::count(shown.b.begin(), shown.b.end(), foreign);
  };
  for (std::uint64_t i = 0; i < 600; ++i) {  // two sentences
    AnsweredPair pair = masked(language, chunk_pair(corpus, 2 * i, 2 * i + 1, 2), i, i % 2 == 0 ? 0.35 : 0.7);
    pair.shown.continues = i % 3 == 0 ? 0.5 : 0.1 * static_cast<double>(i % 10);  // 1 would refuse strangers
    agree(pair.shown);
  }
  for (std::uint64_t i = 0; i < 6; ++i)  // three sentences
    agree(masked(language, chunk_pair(corpus, 1000 + 2 * i, 1001 + 2 * i, 3), i, 0.35).shown);
  CHECK(most < 1e-12);
  CHECK(replaced > 50);
  CHECK(with_foreign > 10);
  CHECK(hidden_words > 300);
}

TEST_CASE("the oracle agrees on every single outcome of a tinier language, whose probabilities sum to one") {
  const GapLanguage language{.roles = "",
                             .topics = 2,
                             .nouns = 1,
                             .adjectives = 1,
                             .templates = {"na", "an"},
                             .words = {"n0", "n1", "bad", "good"}};
  const GapOracle oracle = oracle_of(language);
  primer::test::BruteForce enumeration(language, language.size() + specials - 3);
  double most = 0;
  long possible = 0, refused = 0;
  for (int chosen = 0; chosen <= 4; ++chosen) {
    double sum = 0;
    for (int outcome = 0; outcome < 6 * 6 * 6 * 6; ++outcome) {  // four places of four words, [MASK] and the rest
      std::vector<int> shown;
      double specials_of_it = 1;
      for (int place = 0, left = outcome; place < 4; ++place, left /= 6) {
        shown.push_back(left % 6 + foreign);
        if (shown.back() == foreign) specials_of_it *= specials - 3;
      }
      const ShownPair pair{{shown[0], shown[1]}, {shown[2], shown[3]}, chosen, 0.3};
      const Belief expected = enumeration.belief(pair);
      sum += specials_of_it * enumeration.total();
      if (enumeration.total() > 0) {
        raise_to(most, farthest(oracle.belief(pair), expected));
        ++possible;
      } else {
        refused += message_of([&] { oracle.belief(pair); }).empty() ? 0 : 1;
      }
    }
    CHECK(sum == doctest::Approx(1).epsilon(1e-12));
  }
  CHECK(most < 1e-12);
  CHECK(possible + refused == 5 * 6 * 6 * 6 * 6);
  CHECK(possible > 1000);
}

TEST_CASE("without a hidden word the theme is certain: a pair of one theme continues with 16/17, of two never") {
  const GapCorpus corpus(gap_language(), 22);
  const GapOracle oracle = oracle_of(corpus.language());
  long alike = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const ChunkPair pair = chunk_pair(corpus, 2 * i, 2 * i + 1, 5);
    const bool one_theme = pair.continues || corpus.document(2 * i).theme == corpus.document(2 * i + 1).theme;
    const double p = oracle.belief({pair.a, pair.b}).continues;
    CHECK(p == doctest::Approx(one_theme ? 16.0 / 17 : 0).epsilon(1e-12));
    alike += one_theme ? 1 : 0;
  }
  CHECK(alike > 50);
  CHECK(alike < 150);
  CHECK(next_sentence_ceiling(corpus.language()) == 31.0 / 32);
}

TEST_CASE("a hidden word of a certain theme and place is one of its range, evenly") {
  const GapLanguage language = gap_language();
  const GapOracle oracle = oracle_of(language);
  const GapCorpus corpus(language, 23);
  const Document document = corpus.document(0);
  ShownPair pair{document.sentences[0], document.sentences[1], 1, 1.0};
  const int word = pair.b.back();
  pair.b.back() = hidden;
  const Belief belief = oracle.belief(pair);
  REQUIRE(belief.hidden.size() == 1);
  CHECK(belief.continues == 1);
  for (const std::string& letters : language.templates) {
    const WordRange range = language.range(letters.back(), document.theme);
    if (!range.holds(word)) continue;
    for (int w = 0; w < language.size(); ++w)
      CHECK(belief.hidden[0][static_cast<std::size_t>(w)] == doctest::Approx(range.holds(w) ? 1.0 / range.count : 0));
  }
}

TEST_CASE("a word of the wrong topic is taken for a random one, when one more was chosen than is hidden") {
  const GapLanguage language = gap_language();
  const GapCorpus corpus(language, 24);
  const Document document = corpus.document(1);
  ShownPair pair{document.sentences[0], document.sentences[1], 0};
  const auto noun = std::find_if(pair.a.begin(), pair.a.end(), [&](int w) { return w >= language.first_noun(); });
  const int topic = document.theme / 2;
  *noun = language.range('n', language.theme((topic + 1) % language.topics, 0)).first;
  CHECK(message_of([&] { oracle_of(language).belief(pair); }) ==
        "[gap oracle] this language makes no such pair with 0 words chosen for masking; count all that were chosen, "
        "hidden or not");
  pair.chosen = 1;
  CHECK(oracle_of(language).belief(pair).continues == doctest::Approx(16.0 / 17).epsilon(1e-12));
}

TEST_CASE("long chunks do not vanish: hundreds of sentences give the posterior that two give") {
  const GapLanguage language = gap_language();
  const GapCorpus corpus(language, 25);
  ShownPair pair;
  std::size_t sentences = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const Document document = corpus.document(i);
    if (document.theme != 5) continue;
    for (const Sentence& s : document.sentences) {
      std::vector<int>& chunk = sentences < 50 ? pair.a : pair.b;
      chunk.insert(chunk.end(), s.begin(), s.end());
      ++sentences;
    }
  }
  CHECK(sentences > 100);
  CHECK(oracle_of(language).belief(pair).continues == doctest::Approx(16.0 / 17).epsilon(1e-12));
}

TEST_CASE("the oracle is calibrated on what data/masking makes: its loss its entropy, it is right as often as sure") {
  const GapCorpus corpus(gap_language(), 26);
  const GapOracle oracle = oracle_of(corpus.language());
  for (const double share : {0.15, 0.5}) {
    const std::vector<AnsweredPair> pairs = masked_pairs(corpus, 2000, share);
    // The mean of the differences in its standard errors: those that the oracle itself expects, since the sample shows
    // too few of the rare great surprises. The words of a pair may all depend on each other.
    struct Differences {
      double sum = 0, variance = 0;
    } surprise, hits, next;
    for (const AnsweredPair& pair : pairs) {
      const Belief belief = oracle.belief(pair.shown);
      double of_surprise = 0, of_hits = 0;  // deviations
      for (std::size_t i = 0; i < pair.hidden.size(); ++i) {
        const std::vector<double>& p = belief.hidden[i];
        double entropy = 0, square = 0;
        for (const double x : p)
          if (x > 0) entropy -= x * std::log(x), square += x * std::log(x) * std::log(x);
        const auto best = std::max_element(p.begin(), p.end());
        surprise.sum -= std::log(p[static_cast<std::size_t>(pair.hidden[i])]) + entropy;
        hits.sum += (best == p.begin() + pair.hidden[i] ? 1 : 0) - *best;
        of_surprise += std::sqrt(std::max(0.0, square - entropy * entropy));
        of_hits += std::sqrt(*best * (1 - *best));
      }
      surprise.variance += of_surprise * of_surprise;
      hits.variance += of_hits * of_hits;
      next.sum += pair.next_right - belief.continues;
      next.variance += belief.continues * (1 - belief.continues);
    }
    for (const Differences& d : {surprise, hits, next}) {
      CHECK(d.variance > 0);
      CHECK(std::abs(d.sum) < 3 * std::sqrt(d.variance));
    }
    const double expected = score(oracle, pairs).next_best_accuracy.mean;
    CHECK(expected < next_sentence_ceiling(corpus.language()));
    CHECK(expected > 0.9);
  }
}

TEST_CASE("a score is the mean over words and pairs, its error that of a mean of pairs") {
  const GapCorpus corpus(gap_language(), 27);
  const GapOracle oracle = oracle_of(corpus.language());
  std::vector<AnsweredPair> pairs = masked_pairs(corpus, 50, 0.15);
  double best = 0, words = 0, nats = 0;
  for (AnsweredPair& pair : pairs) {
    const Belief belief = oracle.belief(pair.shown);
    for (std::size_t i = 0; i < belief.hidden.size(); ++i, ++words)
      best -= std::log(belief.hidden[i][static_cast<std::size_t>(pair.hidden[i])]);
    pair.nats = 3 * belief.continues + 1, nats += pair.nats;
    pair.next_right = words < 40 ? 1 : 0;
  }
  const GapScore once = score(oracle, pairs);
  CHECK(once.pairs == 50);
  CHECK(once.hidden == words);
  CHECK(once.loss.mean == doctest::Approx(nats / words).epsilon(1e-12));
  CHECK(once.best_loss.mean == doctest::Approx(best / words).epsilon(1e-12));
  CHECK(once.excess.mean == doctest::Approx((nats - best) / words).epsilon(1e-12));
  const double p = once.next_accuracy.mean;
  CHECK(p > 0.05);
  CHECK(p < 0.95);
  CHECK(once.next_accuracy.error == doctest::Approx(std::sqrt(p * (1 - p) / 49)).epsilon(1e-12));
  const std::vector<AnsweredPair> again = pairs;
  for (int i = 0; i < 3; ++i) pairs.insert(pairs.end(), again.begin(), again.end());
  const GapScore four_times = score(oracle, pairs);
  CHECK(four_times.loss.mean == doctest::Approx(once.loss.mean).epsilon(1e-12));
  CHECK(four_times.loss.error == doctest::Approx(once.loss.error * std::sqrt(49 / 199.0)).epsilon(1e-12));
}

TEST_CASE("the error of the share of words found is that of the ratio, its denominator's included") {
  const GapCorpus corpus(gap_language(), 28);
  const GapOracle oracle = oracle_of(corpus.language());
  std::vector<AnsweredPair> pairs = masked_pairs(corpus, 400, 0.15);
  std::vector<double> right, expected;
  const primer::autograd::Random random(28, primer::autograd::hash("test.found"));
  for (AnsweredPair& pair : pairs) {
    double sure = 0;
    for (const std::vector<double>& p : oracle.belief(pair.shown).hidden) sure += *std::max_element(p.begin(), p.end());
    // Little but a part of what is expected: nearly all of the error is then common to both sums, and goes.
    pair.right = 0.8 * sure + 0.001 * random.uniform(right.size());
    right.push_back(pair.right), expected.push_back(sure);
  }
  const auto ratio_of = [&](auto place) {
    double above = 0, below = 0;
    for (std::size_t i = 0; i < right.size(); ++i) above += right[place(i)], below += expected[place(i)];
    return above / below;
  };
  std::vector<double> ratios;  // of pairs drawn again
  for (std::uint64_t k = 0; k < 2000; ++k) {
    const primer::autograd::Random again(k, primer::autograd::hash("test.again"));
    ratios.push_back(ratio_of([&](std::size_t i) { return again.below(right.size(), i); }));
  }
  const double deviation = mean_of(ratios, "samples").error * std::sqrt(2000.0);
  const Estimate found = score(oracle, pairs).share_right;
  CHECK(found.mean == doctest::Approx(ratio_of([](std::size_t i) { return i; })).epsilon(1e-12));
  CHECK(std::abs(found.error / deviation - 1) < 0.1);  // a deviation of 2000 is off by 1.6 %
  // As if the denominator were known, the error would be many times that.
  const std::vector<double> ones(right.size(), 1);
  CHECK(mean_of_groups(right, ones).error / mean_of(expected, "pairs").mean > 10 * found.error);
}

TEST_CASE("the oracle refuses what is no pair of its language") {
  const GapLanguage language = primer::test::tiny_language();
  const GapOracle oracle = oracle_of(language);
  const auto refusal = [&](ShownPair pair) { return message_of([&] { oracle.belief(pair); }); };
  CHECK(refusal({{0, 4, 10}, {0, 4, 10}, 0, 0.5}).empty());
  CHECK(refusal({{0, 4}, {0, 4, 10}, 0, 0.5}) == "[gap oracle] expected A of whole sentences of 3 words, got 2 words");
  CHECK(refusal({{0, 4, 10}, {}, 0, 0.5}) == "[gap oracle] expected B of whole sentences of 3 words, got 0 words");
  CHECK(refusal({{0, 4, 14}, {0, 4, 10}, 1, 0.5}) == "[gap oracle] no word of 14 has the number 14");
  CHECK(refusal({{0, 4, -3}, {0, 4, 10}, 1, 0.5}) == "[gap oracle] no word of 14 has the number -3");
  CHECK(refusal({{0, 4, hidden}, {0, 4, 10}, 0, 0.5}) == "[gap oracle] 0 chosen words do not fit 1 hidden ones of 6");
  CHECK(refusal({{0, 4, 10}, {0, 4, 10}, 7, 0.5}) == "[gap oracle] 7 chosen words do not fit 0 hidden ones of 6");
  for (const double p : {-0.1, 1.1, std::nan("")})
    CHECK(refusal({{0, 4, 10}, {0, 4, 10}, 0, p}).starts_with("[gap oracle] expected a probability that B"));
  CHECK(message_of([&] { GapOracle(language, 0); }) == "[gap oracle] expected 1 or more tokens to replace by, got 0");
  const AnsweredPair unanswered{{{0, 4, hidden}, {0, 4, 10}, 1, 0.5}, {}};
  CHECK(message_of([&] { score(oracle, std::vector<AnsweredPair>{unanswered}); }) ==
        "[gap oracle] 1 words are hidden, 0 answers given");
  for (const int answer : {-1, 14}) {
    const AnsweredPair wrong{{{0, 4, hidden}, {0, 4, 10}, 1, 0.5}, {answer}};
    CHECK(message_of([&] { score(oracle, std::vector<AnsweredPair>{wrong}); }) ==
          "[gap oracle] the answer " + std::to_string(answer) + " is no word");
  }
  CHECK(message_of([&] { score(oracle, {}); }) == "[gap oracle] no pair hides a word");
}
