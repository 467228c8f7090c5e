// Sums that are repeated or not, texts with triggers, and the draws that texts are made of: what is kept stays kept,
// and what a reader needs is there.
#include "studies/circuits/texts/sums.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include "autograd/error.h"
#include "studies/circuits/texts/draws.h"
#include "studies/circuits/texts/triggers.h"
#include "studies/lab/estimate.h"

using namespace primer::studies;
using primer::data::Batch;
using Kind = Sums::Kind;

namespace {

/// Of sum `i` of sequence `s`: its numbers and its answer, read from the tokens.
struct Read {
  int a, b, answer;
};
Read read(const Batch& batch, long s, long i) {
  const int* x = batch.tokens.data() + s * Sums::length + 1 + i * Sums::each;
  CHECK(x[2] == Sums::plus);
  CHECK(x[5] == Sums::equals);
  CHECK(x[9] == Sums::end);
  return {10 * x[0] + x[1], 10 * x[3] + x[4], 100 * x[6] + 10 * x[7] + x[8]};
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "abcdefghijklmnopqrst"[(i * i + 3 * i / 7) % (5 + i % 16)];
  return text;
}

}  // namespace

TEST_CASE("a tenth of the pairs is kept, either way round, and 48 + 76 is") {
  long kept = 0;
  for (int a = 10; a < 100; ++a) {
    for (int b = 10; b < 100; ++b) {
      CHECK(Sums::is_kept(a, b) == Sums::is_kept(b, a));
      kept += Sums::is_kept(a, b);
    }
  }
  CHECK(kept > 8100 * 0.08);
  CHECK(kept < 8100 * 0.12);
  CHECK(Sums::is_kept(48, 76));
}

TEST_CASE("training never shows a kept sum, tests show no other, and only what was read before is asked for") {
  std::map<std::pair<int, int>, int> arbitrary;
  for (const Kind kind : {Kind::repeated, Kind::misquoted, Kind::corrected, Kind::fresh, Kind::arbitrary}) {
    const bool once = kind == Kind::fresh || kind == Kind::arbitrary;
    for (const bool kept : {false, true}) {
      const Batch batch = Sums::batch(3, 5, 40, kind, kept, !kept);
      long targets = 0;
      for (long s = 0; s < batch.sequences; ++s) {
        std::set<std::pair<int, int>> pairs;
        for (long i = 0; i < Sums::sums; ++i) {
          const Read sum = read(batch, s, i);
          CHECK(Sums::is_kept(sum.a, sum.b) == kept);
          pairs.insert(std::minmax(sum.a, sum.b));
          const bool second = i >= Sums::sums / 2,
                     wrong = kind == Kind::misquoted || (kind == Kind::corrected && !second);
          if (kind == Kind::arbitrary) {  // the same whenever the pair is drawn, by either seed
            CHECK(arbitrary.emplace(std::minmax(sum.a, sum.b), sum.answer).first->second == sum.answer);
          } else {
            CHECK((sum.answer == sum.a + sum.b) == !wrong);
          }
          const int* x = batch.tokens.data() + s * Sums::length;
          const long before = Sums::earlier(x, i);
          CHECK((before >= 0) == (second && !once));
          if (before >= 0)
            CHECK((read(batch, s, (before - 1) / Sums::each).answer == sum.answer) == (kind != Kind::corrected));
        }
        for (long i = 0; !once && i < 3; ++i) {
          for (long j = 0; j < i; ++j) {
            const Read one = read(batch, s, i), other = read(batch, s, j);  // each digit tells which sum it is
            CHECK((one.a / 10 != other.a / 10 && one.a % 10 != other.a % 10));
            CHECK((one.b / 10 != other.b / 10 && one.b % 10 != other.b % 10));
          }
        }
        CHECK(static_cast<long>(pairs.size()) == (once ? Sums::sums : Sums::sums / 2));
      }
      for (std::size_t t = 0; t < batch.targets.size(); ++t) {
        if (batch.targets[t] < 0) continue;
        CHECK(batch.targets[t] == batch.tokens[t + 1]);
        ++targets;
      }
      const long asked = kept ? 3 * Sums::digits : once ? 6 * Sums::digits : 3 * 8;
      CHECK(targets == asked * batch.sequences);
    }
  }
}

TEST_CASE("a blind guess is right as often as the commonest answer is, by counting all kept sums") {
  double most = 0, all = 0;
  for (int guess = 20; guess <= 198; ++guess) {
    double right = 0;
    for (int a = 10; a < 100; ++a) right += guess - a >= 10 && guess - a < 100 && Sums::is_kept(a, guess - a);
    raise_to(most, right);
    all += right;
  }
  CHECK(Sums::blind_guess() == doctest::Approx(most / all).epsilon(1e-12));
}

TEST_CASE("what follows a trigger is the same in a sequence, another one behind each, and by chance over sequences") {
  const Symbols text(long_text());
  const Triggers triggers(text, text.ids.size());
  const Batch all = triggers.batch(2, 7, 300, 64, false), again = triggers.batch(2, 7, 300, 64);
  CHECK(all.tokens == again.tokens);
  std::map<std::pair<int, int>, long> chosen;
  std::set<std::pair<int, int>> pairs;
  for (std::size_t i = 0; i + 1 < text.ids.size(); ++i) pairs.emplace(text.ids[i], text.ids[i + 1]);
  const auto is_trigger = [&](int x) { return std::count(triggers.triggers.begin(), triggers.triggers.end(), x) > 0; };
  for (long b = 0; b < all.sequences; ++b) {
    std::map<int, int> after;
    std::set<int> used;
    for (long t = b * 64; t < (b + 1) * 64; ++t) {
      const auto place = static_cast<std::size_t>(t);
      const int x = all.tokens[place], next = all.targets[place];
      CHECK((next >= 0) == is_trigger(x));
      CHECK((again.targets[place] >= 0) == (is_trigger(x) && after.contains(x)));
      if (t + 1 < (b + 1) * 64) {
        if (is_trigger(x)) CHECK(all.tokens[place + 1] == next);
        else CHECK(pairs.contains({x, all.tokens[place + 1]}));
      }
      if (!is_trigger(x)) continue;
      if (after.contains(x)) CHECK(after[x] == next);
      else CHECK(used.insert(next).second);  // a successor of its own
      after[x] = next;
    }
    for (const auto& [x, next] : after) ++chosen[{x, next}];
  }
  CHECK(chosen.size() == 25);
  for (const auto& [pair, count] : chosen) CHECK(count > 30);  // of 300: a fifth each, 60
}

TEST_CASE("a text of 12 different bytes has no room for triggers and what follows them") {
  std::string text;
  for (int i = 0; i < 2100; ++i) text += static_cast<char>('a' + i % 12);
  const Symbols few(text);
  CHECK_THROWS_AS(Triggers(few, few.ids.size()), primer::autograd::Error);
}

TEST_CASE("a draw is the next number of its stream, from the first that was asked for") {
  const primer::autograd::Random random(3, primer::autograd::hash("purpose"), 5);
  Draws draws("purpose", 3, 5, 40);
  CHECK(draws.below(1'000'000) == static_cast<int>(random.below(1'000'000, 40)));
  CHECK(draws.below(7L) == static_cast<long>(random.below(7, 41)));
  CHECK(draws.normal() == random.normal(42));
}

TEST_CASE("every choice of two of four, in either order, comes as often; the rest stays a rest") {
  Draws draws("shuffle", 1);
  std::map<std::pair<int, int>, long> count;
  for (int i = 0; i < 12'000; ++i) {
    std::vector<int> x{0, 1, 2, 3};
    draws.shuffle(std::span(x), 2);
    CHECK(std::accumulate(x.begin(), x.end(), 0) == 6);
    ++count[{x[0], x[1]}];
  }
  CHECK(count.size() == 12);
  for (const auto& [first, n] : count) CHECK(std::abs(n - 1000) < 150);  // five standard errors
}
