// Texts whose relations of words are known, what spreads along them, a memory of patterns, and brackets.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "studies/kernels/smoother.h"
#include "studies/meaning/activation.h"
#include "studies/meaning/brackets.h"
#include "studies/meaning/company.h"

using namespace primer::studies;
using primer::data::Batch;
using primer::train::Matrix, primer::train::identity, primer::train::product, primer::train::transposed;
using Relation = Company::Relation;
using Kind = Company::Kind;

namespace {

/// Five words, some not side by side, one of them with itself; not symmetric.
const Matrix graph{5, 5, {0, 2, 1, 0, 0, 2, 0, 0, 3, 0.5, 1, 0, 4, 0, 0, 0, 1, 0, 0, 1, 7, 0.5, 0, 1, 0}};

Matrix power(const Matrix& a, long n) { return n == 0 ? identity(a.rows) : product(a, power(a, n - 1)); }

/// Activation 1 that walks from one word, a step after the other: a <- (1 - r) a + r A' a. [N]
std::vector<double> walked(const Matrix& weights, double rate, long steps, long start) {
  const auto N = static_cast<std::size_t>(weights.rows);
  std::vector<double> a(N, 0), degrees(N, 0);
  a[static_cast<std::size_t>(start)] = 1;
  for (std::size_t i = 0; i < weights.values.size(); ++i) degrees[i / N] += weights.values[i];
  for (long step = 0; step < steps; ++step) {
    std::vector<double> next(N);
    for (std::size_t i = 0; i < N; ++i) {
      next[i] += (1 - rate) * a[i];
      for (std::size_t j = 0; j < N; ++j) next[j] += rate * a[i] * weights.values[i * N + j] / degrees[i];
    }
    a = next;
  }
  return a;
}

bool is_frame(int word) { return word >= Company::first_frame; }
bool is_adjective(int word) { return word >= Company::first_adjective && !is_frame(word); }

}  // namespace

TEST_CASE("attention with scores ln W is a step of the walk, D^-1 W, to 1e-12, and exactly 0 where no edge is") {
  const Matrix a = attend_along(graph, identity(5));
  for (long i = 0; i < 5; ++i) {
    double degree = 0;
    for (long j = 0; j < 5; ++j) degree += graph(i, j);
    for (long j = 0; j < 5; ++j) {
      CHECK(std::abs(a(i, j) - graph(i, j) / degree) < 1e-12);
      if (graph(i, j) == 0) CHECK(a(i, j) == 0);
    }
  }
}

TEST_CASE(
    "layers with a residual are the walk word by word, and ((1 - r) + r A)^n, to 1e-12; the walk backward is not") {
  for (const double rate : {0.3, 1.0}) {
    Matrix one = attend_along(graph, identity(5));
    for (double& x : one.values) x *= rate;
    for (long i = 0; i < 5; ++i) one(i, i) += 1 - rate;
    for (const long steps : {0L, 1L, 4L}) {
      const Matrix all = spread(graph, rate, steps);
      CHECK(furthest(all, power(one, steps)) < 1e-12);
      for (long i = 0; i < 5; ++i) {
        const std::vector<double> own = walked(graph, rate, steps, i);
        double forward = 0, backward = 0;
        for (long j = 0; j < 5; ++j) {
          forward = std::max(forward, std::abs(own[static_cast<std::size_t>(j)] - all(i, j)));
          backward = std::max(backward, std::abs(own[static_cast<std::size_t>(j)] - all(j, i)));
        }
        CHECK(forward < 1e-12);
        if (steps > 0) CHECK(backward > 0.01);
      }
    }
  }
}

TEST_CASE("a step of retrieval is X softmax(beta X' xi), to 1e-12, and its energy falls; a step elsewhere raises it") {
  const Matrix patterns = of_length(normal_rows(7, 6, 1)), other = of_length(normal_rows(7, 6, 2));
  for (const double beta : {0.5, 3.0, 20.0}) {
    Matrix states = normal_rows(4, 6, 3);
    const Matrix scores = product(states, transposed(patterns)), next = retrieved(patterns, states, beta);
    for (long i = 0; i < 4; ++i) {
      double sum = 0;
      for (long j = 0; j < 7; ++j) sum += std::exp(beta * scores(i, j));
      for (long d = 0; d < 6; ++d) {
        double wanted = 0;
        for (long j = 0; j < 7; ++j) wanted += std::exp(beta * scores(i, j)) / sum * patterns(j, d);
        CHECK(std::abs(next(i, d) - wanted) < 1e-12);
      }
      double squared = 0;
      for (long d = 0; d < 6; ++d) squared += states(i, d) * states(i, d);
      CHECK(std::abs(energies(patterns, states, beta)[static_cast<std::size_t>(i)] -
                     (squared / 2 - std::log(sum) / beta)) < 1e-12);
    }
    for (long step = 0; step < 10; ++step) {
      const Matrix then = retrieved(patterns, states, beta);
      const auto before = energies(patterns, states, beta), after = energies(patterns, then, beta);
      for (std::size_t i = 0; i < before.size(); ++i) CHECK(after[i] <= before[i] + 1e-12);
      states = then;
    }
    const auto rest = energies(patterns, states, beta),
               moved = energies(patterns, retrieved(other, states, beta), beta);
    for (std::size_t i = 0; i < rest.size(); ++i) CHECK(moved[i] > rest[i]);
  }
}

TEST_CASE("cosines are those of rows") {
  const auto found = cosines({2, 2, {1, 0, 3, 4}}, {2, 2, {2, 0, 4, -3}});
  CHECK(found[0] == doctest::Approx(1));
  CHECK(found[1] == doctest::Approx(0));
}

TEST_CASE(
    "similar nouns are never side by side and share their frames, associated words are, and all are as frequent") {
  const Batch batch = Company::batch(3, 5, 2000);
  CHECK(batch.tokens == Company::batch(3, 5, 2000).tokens);
  const Matrix beside = neighbours(batch, Company::vocabulary);
  std::map<int, std::set<int>> taking;  // which nouns an adjective goes with
  for (int a = 0; a < Company::vocabulary; ++a) {
    for (int b = 0; b < Company::vocabulary; ++b) {
      if (beside(a, b) == 0) continue;
      CHECK(b != Company::mark);
      CHECK_FALSE((Company::is_noun(a) && !is_frame(b)));
      if (is_adjective(a)) {
        CHECK(Company::relation(a, b) == Relation::associated);
        taking[a].insert(b);
      }
      if (Company::is_noun(a)) CHECK((b - Company::first_frame) / Company::frames == Company::category(a));
    }
  }
  CHECK(taking.size() == Company::adjectives);
  for (const auto& [adjective, nouns] : taking) {
    std::set<int> categories;
    for (const int noun : nouns) categories.insert(Company::category(noun));
    CHECK((nouns.size() == 4 && categories.size() == 4));
    for (int noun = Company::first_noun; noun < Company::first_adjective; ++noun) {
      const Relation wanted = nouns.contains(noun)                           ? Relation::associated
                              : categories.contains(Company::category(noun)) ? Relation::mates_adjective
                                                                             : Relation::unrelated_adjective;
      CHECK(Company::relation(adjective, noun) == wanted);
    }
  }
  std::map<int, long> count;
  for (const int word : batch.tokens) ++count[word];
  const double mean = 2000 * 47 / 4.5 / Company::nouns;  // clauses have 4.5 words
  for (int noun = Company::first_noun; noun < Company::first_adjective; ++noun) {
    CHECK(std::abs(static_cast<double>(count[noun]) / mean - 1) < 0.25);
  }
}

TEST_CASE("a text keeps to its topic, without topics it keeps to none, and shuffled texts have the same words") {
  const auto share = [](Kind kind) {  // of nouns that are of the category of the noun before
    const Batch batch = Company::batch(4, 0, 500, kind);
    double same = 0, all = 0;
    for (long b = 0; b < 500; ++b) {
      int before = -1;
      for (long t = 0; t < Company::length; ++t) {
        const int word = batch.tokens[static_cast<std::size_t>(b * Company::length + t)];
        CHECK((word == Company::mark) == (t == 0));
        if (!Company::is_noun(word)) continue;
        if (kind == Kind::topics) CHECK(word != before);
        if (before >= 0) same += Company::category(word) == Company::category(before), ++all;
        before = word;
      }
    }
    return same / all;
  };
  CHECK(share(Kind::topics) == doctest::Approx(0.65).epsilon(0.05));  // 0.82^2 + 9 0.02^2, less the same noun again
  CHECK(share(Kind::no_topics) < 0.1);
  CHECK(share(Kind::shuffled_within) > 0.55);
  CHECK(share(Kind::shuffled_over_all) < 0.13);
  auto text = Company::batch(4, 1, 50).tokens;
  for (const Kind kind : {Kind::shuffled_within, Kind::shuffled_over_all}) {
    auto other = Company::batch(4, 1, 50, kind).tokens;
    CHECK(other != text);
    if (kind == Kind::shuffled_within) {
      auto first = std::vector(text.begin(), text.begin() + Company::length);
      auto second = std::vector(other.begin(), other.begin() + Company::length);
      std::sort(first.begin(), first.end()), std::sort(second.begin(), second.end());
      CHECK(first == second);
    }
    auto sorted = text;
    std::sort(sorted.begin(), sorted.end()), std::sort(other.begin(), other.end());
    CHECK(other == sorted);
  }
}

TEST_CASE("words are alike that keep the same company, those that stand side by side need not be") {
  const Matrix alike = likeness(neighbours(Company::batch(5, 0, 2000), Company::vocabulary));
  std::map<Relation, std::vector<double>> found;
  for (int target = Company::first_noun; target < Company::first_adjective; ++target) {
    CHECK(alike(target, target) == doctest::Approx(1));
    for (int prime = Company::first_noun; prime < Company::first_frame; ++prime) {
      CHECK(alike(prime, target) == doctest::Approx(alike(target, prime)));
      if (prime != target) found[Company::relation(prime, target)].push_back(alike(prime, target));
    }
  }
  CHECK(std::ranges::min(found[Relation::similar]) > std::ranges::max(found[Relation::unrelated_noun]));
  CHECK(std::ranges::min(found[Relation::similar]) > std::ranges::max(found[Relation::associated]));
  // Word 0 is followed by 2 and 3, word 1 by 2 alone.
  Matrix counts = primer::train::zeros(5, 5);
  counts(0, 2) = 3, counts(1, 2) = 2, counts(0, 3) = 3, counts(4, 4) = 5;
  const double ac = std::log(3 * 13.0 / (6 * 5)), ad = std::log(3 * 13.0 / (6 * 3));
  CHECK(likeness(counts)(0, 1) == doctest::Approx(ac / std::hypot(ac, ad)));
  CHECK(likeness(transposed(counts))(0, 1) == doctest::Approx(ac / std::hypot(ac, ad)));  // what stands before
}

TEST_CASE("regression weights: of a sum of two correlated series each has its own") {
  const std::vector<double> a{1, 2, 3, 4, 7}, b{2, 1, 4, 3, 9};
  std::vector<double> y;
  for (std::size_t i = 0; i < a.size(); ++i) y.push_back(3 * a[i] - 0.5 * b[i] + 11);
  const auto deviation = [](const std::vector<double>& x) {
    double mean = 0, sum = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) sum += (v - mean) * (v - mean);
    return std::sqrt(sum);
  };
  const Weights found = regressed(y, a, b);
  CHECK(std::abs(found.a - 3 * deviation(a) / deviation(y)) < 1e-10);
  CHECK(std::abs(found.b + 0.5 * deviation(b) / deviation(y)) < 1e-10);
}

TEST_CASE(
    "brackets are closed in order, never deeper than said, and what is asked is the kind of each that is closed") {
  for (const Brackets& brackets : {Brackets{}, Brackets{16, 8, 40}}) {
    const Batch batch = brackets.batch(2, 3, 300);
    CHECK(batch.tokens == brackets.batch(2, 3, 300).tokens);
    CHECK(batch.tokens != brackets.batch(2, 4, 300).tokens);
    long deepest = 0, far = 0, all = 0;
    std::map<int, long> closed;
    for (long b = 0; b < batch.sequences; ++b) {
      const std::vector<int> x(batch.tokens.begin() + b * batch.length, batch.tokens.begin() + (b + 1) * batch.length);
      const std::vector<long> matches = brackets.matches(x);
      CHECK(x[0] == Brackets::mark);
      long depth = 0;
      for (std::size_t s = 1; s < x.size(); ++s) {
        const bool closes = x[s] >= brackets.close();
        depth += closes ? -1 : 1;
        deepest = std::max(deepest, depth);
        CHECK(depth >= 0);
        CHECK(batch.targets[static_cast<std::size_t>(b * batch.length) + s - 1] == (closes ? x[s] : -1));
        CHECK((matches[s] >= 0) == closes);
        if (!closes) continue;
        const auto from = static_cast<std::size_t>(matches[s]);
        CHECK(x[s] - brackets.close() == x[from] - Brackets::open);
        std::vector<int> between(x.begin() + matches[s] + 1, x.begin() + static_cast<long>(s));  // is whole:
        for (std::size_t i = 0; i + 1 < between.size();) {  // a pair side by side leaves, as long as there is one
          const bool pair = between[i] < brackets.close() && between[i + 1] == between[i] + brackets.kinds;
          if (pair) between.erase(between.begin() + static_cast<long>(i), between.begin() + static_cast<long>(i) + 2);
          i = pair ? 0 : i + 1;
        }
        CHECK(between.empty());
        far += s - from > 20;
        ++closed[x[s] - brackets.close()];
        ++all;
      }
      CHECK(depth == 0);
    }
    CHECK(deepest == brackets.deepest);
    CHECK(all == 300 * brackets.length / 2);
    CHECK(far > all / 50);
    CHECK(static_cast<int>(closed.size()) == brackets.kinds);
    for (const auto& [kind, count] : closed) {
      CHECK(std::abs(static_cast<double>(count * brackets.kinds) / static_cast<double>(all) - 1) < 0.25);
    }
  }
}
