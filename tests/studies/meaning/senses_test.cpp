// Words of two senses: what their texts are, what a sense is worth, and what is read off vectors whose senses are
// known.
#include "studies/meaning/senses.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "studies/kernels/smoother.h"
#include "studies/lab/estimate.h"
#include "studies/lab/fit.h"

using namespace primer::studies;
using primer::data::Batch;
using primer::train::Matrix;

namespace {

bool is_cue(int token) { return token >= Senses::first_cue && token < Senses::first_filler; }

/// Vectors of sentences of which coordinate 0 tells the sense by `by`, and the others nothing.
Matrix telling(long count, double by, std::uint64_t seed) {
  Matrix x = normal_rows(count, 4, seed);
  for (long i = 0; i < count; ++i) x(i, 0) = by * (2 * Senses::sense_of(i) - 1) + 0.01 * x(i, 0);
  return x;
}

double mean(const std::vector<double>& x) { return mean_of(x, "sentences").mean; }

}  // namespace

TEST_CASE("a sentence has one cue, of the topic of the sense that is meant, where it was asked for; senses differ") {
  std::set<int> seen;
  for (const int after : {0, 1}) {
    for (const long G : {0L, 3L, Senses::farthest}) {
      for (const int half : {0, 1}) {
        const std::uint64_t seed = 100 * after + 10 * half + G;
        const Batch batch = Senses::batch(seed, 3, 400, {after, G, half});
        CHECK(batch.tokens == Senses::batch(seed, 3, 400, {after, G, half}).tokens);
        for (long b = 0; b < 400; ++b) {
          const int* x = batch.tokens.data() + b * Senses::length;
          const int word = Senses::word_of(1200 + b), sense = Senses::sense_of(1200 + b);
          CHECK(x[Senses::place] == Senses::first_word + word);
          CHECK(std::count_if(x, x + Senses::length, is_cue) == 1);
          const int cue = x[after == 1 ? Senses::place + 2 + G : Senses::place - 1 - G] - Senses::first_cue;
          CHECK(cue / Senses::cues == Senses::topic(word, sense));
          CHECK(cue % Senses::cues / 6 == half);
          const int next = x[Senses::place + 1] - Senses::first_of(word, sense);
          CHECK((next >= 0 && next < Senses::continuations));
          CHECK(batch.targets[b * Senses::length + Senses::place] == x[Senses::place + 1]);
          seen.insert(x[Senses::place + 1]);
        }
        CHECK(batch.target_count() == 400);
      }
    }
  }
  CHECK(seen.size() == Senses::words * 2 * Senses::continuations);
  CHECK(*seen.rbegin() == Senses::vocabulary - 1);
  for (int word = 0; word < Senses::words; ++word) CHECK(Senses::topic(word, 0) != Senses::topic(word, 1));
}

TEST_CASE("hidden, the continuation is nowhere in the sentence, and is asked for where it stood, or at the word") {
  const Batch shown = Senses::batch(2, 3, 400, {}), hides = Senses::batch(2, 3, 400, {}, Senses::Asked::gap);
  const Batch at_word = Senses::batch(2, 3, 400, {}, Senses::Asked::hidden_next);
  CHECK((at_word.tokens == hides.tokens && at_word.targets == shown.targets));
  std::set<long> places;
  for (long b = 0; b < 400; ++b) {
    const auto x = hides.tokens.begin() + b * Senses::length, y = shown.tokens.begin() + b * Senses::length;
    CHECK(x[Senses::place + 1] == Senses::hidden);
    CHECK(hides.targets[b * Senses::length + Senses::place + 1] == y[Senses::place + 1]);
    CHECK(*std::max_element(x, x + Senses::length) < Senses::first_continuation);
    CHECK(std::equal(x, x + Senses::place + 1, y));
    places.insert(std::find_if(x, x + Senses::length, is_cue) - x);
  }
  CHECK(hides.target_count() == 400);
  CHECK(places.size() == 2 * (Senses::farthest + 1));  // each G, before and behind
}

TEST_CASE("who knows the word alone loses ln 2, exactly, to who knows the sense") {
  for (int word = 0; word < Senses::words; ++word) {
    std::map<int, double> p;  // of each continuation, over both senses and all draws
    for (const int sense : {0, 1}) {
      for (int i = 0; i < Senses::continuations; ++i)
        p[Senses::first_of(word, sense) + i] += 0.5 / Senses::continuations;
    }
    double entropy = 0;
    for (const auto& [token, share] : p) entropy -= share * std::log(share);
    CHECK(std::abs(entropy - std::log(Senses::continuations) - std::log(2)) < 1e-12);
  }
}

TEST_CASE("a model without layers has one vector of a word, to the bit: its probe is right half of the time") {
  const Net<float> net({.vocabulary = Senses::vocabulary,
                        .context = Senses::length,
                        .layers = 0,
                        .channels = 8,
                        .position = primer::nn::Position::none,
                        .output = {.tie = false}},
                       1);
  const Matrix a = vectors_of_words(net.model, Senses::batch(1, 0, 80, {0, 2, 0}));
  const Matrix b = vectors_of_words(net.model, Senses::batch(2, 0, 80, {0, 2, 1}));
  for (long i = 0; i < 80; ++i) {
    for (long c = 0; c < 8; ++c) CHECK((a(i, c) == a(i % 20, c) && b(i, c) == a(i, c)));
  }
  for (const double right : sense_probed(a, b)) CHECK(right == 0.5);
  CHECK(std::abs(senses_apart(b).between) < 1e-12);
}

TEST_CASE("a probe reads a sense that is there, says the opposite of its opposite, and none where there is none") {
  const Matrix a = telling(800, 1, 1);
  CHECK(mean(sense_probed(a, telling(800, 1, 2))) == 1);
  CHECK(mean(sense_probed(a, telling(800, -1, 2))) == 0);
  CHECK(std::abs(mean(sense_probed(telling(800, 0, 1), telling(800, 0, 2))) - 0.5) < 0.06);
}

TEST_CASE("how far senses lie apart is the mean over all pairs of 1 - cosine, after the common mean, to 1e-12") {
  const Matrix x = telling(120, 0.7, 3);
  Matrix centred = x;
  for (long c = 0; c < 4; ++c) {
    double sum = 0;
    for (long i = 0; i < 120; ++i) sum += x(i, c);
    for (long i = 0; i < 120; ++i) centred(i, c) -= sum / 120;
  }
  centred = of_length(centred);
  std::vector<double> between, within;
  for (long i = 0; i < 120; ++i) {
    for (long j = 0; j < i; ++j) {
      if (Senses::word_of(i) != Senses::word_of(j)) continue;
      const double far = 1 - primer::train::dot(centred.row(i), centred.row(j), 4);
      (Senses::sense_of(i) == Senses::sense_of(j) ? within : between).push_back(far);
    }
  }
  const Apart found = senses_apart(x);
  CHECK(std::abs(found.between - mean(between)) < 1e-12);
  CHECK(std::abs(found.within - mean(within)) < 1e-12);
  CHECK(found.between > 1.2 * found.within);
}
