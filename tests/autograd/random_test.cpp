// Random numbers and dropout's masks: the published values, the distributions, and what a number may depend on.
#include "autograd/random.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

#include "autograd/ops/dropout.h"

using namespace primer::autograd;

namespace {

using Words = std::array<std::uint32_t, 4>;

/// The mask that dropout puts on ones [sequences, width], at a place of the step's batch.
std::vector<float> mask_of(long first_sequence, long sequences, long width, double probability = 0.3) {
  Tape<float> tape;
  tape.noise = {7, 3, first_sequence, sequences};
  const std::vector<float> ones(sequences * width, 1.0f);
  const auto y = dropout(tape.input({sequences, width}, ones), {probability, hash("here")});
  return {y.data(), y.data() + y.size()};
}

}  // namespace

// The vectors are Random123's kat_vectors (Salmon et al. 2011).
TEST_CASE("Philox 4x32-10 gives its published known answers") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

// FNV-1a's own test values (Fowler, Noll, Vo).
TEST_CASE("the hash of a path is FNV-1a, fixed for ever") {
  CHECK(hash("") == 0xcbf29ce484222325ull);
  CHECK(hash("a") == 0xaf63dc4c8601ec8cull);
  CHECK(hash("foobar") == 0x85944171f73967e8ull);
}

// Bounds below are five standard deviations of the statistic.
TEST_CASE("uniform numbers have mean 1/2 and variance 1/12, and stay in [0, 1)") {
  const Random random(1, hash("uniform"));
  constexpr long n = 200'000;
  double total = 0, squares = 0, neighbours = 0, previous = 0;
  for (long i = 0; i < n; ++i) {
    const double x = random.uniform(i);
    CHECK_UNARY(x >= 0 && x < 1);
    const double centred = x - 0.5;
    total += centred;
    squares += centred * centred;
    neighbours += centred * previous;
    previous = centred;
  }
  CHECK(std::abs(total / n) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(squares / n - 1.0 / 12) < 5 * std::sqrt(1.0 / 180 / n));
  CHECK(std::abs(neighbours / n) < 5 / 12.0 / std::sqrt(n));
}

TEST_CASE("below() favours nobody") {
  const Random random(2, hash("below"));
  for (const std::uint64_t count : {1, 2, 7, 100}) {
    CAPTURE(count);
    constexpr long n = 100'000;
    std::vector<long> hits(count);
    for (long i = 0; i < n; ++i) {
      const std::uint64_t x = random.below(count, i);
      REQUIRE(x < count);
      ++hits[x];
    }
    const double expected = static_cast<double>(n) / static_cast<double>(count);
    double chi_square = 0;  // mean count - 1, variance 2 (count - 1)
    for (const long h : hits) chi_square += std::pow(static_cast<double>(h) - expected, 2) / expected;
    const auto freedom = static_cast<double>(count - 1);
    CHECK(std::abs(chi_square - freedom) <= 5 * std::sqrt(2 * freedom));
  }
  const std::uint64_t huge = 3ull << 62;  // a remainder would fall into the lower third twice as often
  long low = 0;
  for (long i = 0; i < 30'000; ++i) low += random.below(huge, i) < huge / 3;
  CHECK(std::abs(static_cast<double>(low) - 10'000) < 5 * std::sqrt(30'000 * 2.0 / 9));
}

TEST_CASE("normal numbers have the moments of the normal distribution") {
  const Random random(3, hash("normal"));
  constexpr long n = 200'000;
  double moments[5] = {};
  for (long i = 0; i < n; ++i) {
    const double x = random.normal(i);
    REQUIRE(std::isfinite(x));
    for (int k = 1; k <= 4; ++k) moments[k] += std::pow(x, k) / n;
  }
  CHECK(std::abs(moments[1]) < 5 * std::sqrt(1.0 / n));
  CHECK(std::abs(moments[2] - 1) < 5 * std::sqrt(2.0 / n));
  CHECK(std::abs(moments[3]) < 5 * std::sqrt(15.0 / n));
  CHECK(std::abs(moments[4] - 3) < 5 * std::sqrt(96.0 / n));
}

TEST_CASE("seed, purpose and step each make another stream, and nothing else does") {
  std::set<std::uint64_t> first_words;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    for (const char* purpose : {"a", "b", "blocks.0.attention.pattern", "blocks.1.attention.pattern"})
      for (std::uint64_t step : {0ull, 1ull, 1ull << 32}) {
        const Random random(seed, hash(purpose), step), again(seed, hash(purpose), step);
        CHECK(random.block(9) == again.block(9));
        first_words.insert(static_cast<std::uint64_t>(random.word(0)) << 32 | random.word(1));
      }
  CHECK(first_words.size() == 10 * 4 * 3);

  constexpr long n = 50'000;
  const Random a(1, hash("a")), other_seed(2, hash("a")), other_purpose(1, hash("b")), other_step(1, hash("a"), 1);
  for (const Random& b : {other_seed, other_purpose, other_step}) {
    double product = 0;
    for (long i = 0; i < n; ++i) product += (a.uniform(i) - 0.5) * (b.uniform(i) - 0.5);
    CHECK(std::abs(product / n) < 5 / 12.0 / std::sqrt(n));
  }
}

TEST_CASE("an index beyond 32 bits is another number") {
  const Random random(1, 1);
  CHECK(random.block(5) != random.block(5 + (1ull << 32)));
  CHECK(random.word(3) == random.block(0)[3]);
  CHECK(random.word(4) == random.block(1)[0]);
}

TEST_CASE("dropout zeroes its fraction and keeps the mean") {
  constexpr long n = 200'000;
  for (const double p : {0.1, 0.5, 0.9}) {
    CAPTURE(p);
    long dropped = 0;
    for (const float m : mask_of(0, 1, n, p)) {
      if (m == 0) ++dropped;
      else CHECK_UNARY(m == static_cast<float>(1 / (1 - p)));
    }
    CHECK(std::abs(static_cast<double>(dropped) / n - p) < 5 * std::sqrt(p * (1 - p) / n));
  }
}

TEST_CASE("dropout keeps the mean for every probability below 1") {
  constexpr long n = 4'000'000;
  for (const double p : {0.0001, 0.3, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1 - 1e-9}) {
    CAPTURE(p);
    double sum = 0, largest = 0;
    for (const float m : mask_of(0, 1, n, p)) {
      sum += m;
      largest = std::max(largest, static_cast<double>(m));
    }
    // the variance of one factor is p / (1 - p), of the rounded p
    CHECK(std::abs(sum / n - 1) < 5 * std::sqrt((largest - 1) / n) + 1e-4);
  }
}

TEST_CASE("dropout's mask counts over the step's batch: eight sequences at once or two at a time") {
  constexpr long width = 77;  // no multiple of the 128 decisions that are made at a time
  const std::vector<float> whole = mask_of(0, 8, width);
  for (long first = 0; first < 8; first += 2) {
    const std::vector<float> part = mask_of(first, 2, width);
    CHECK(part == std::vector<float>(whole.begin() + first * width, whole.begin() + (first + 2) * width));
  }
  CHECK(mask_of(2, 2, width) != mask_of(0, 2, width));
}

TEST_CASE("dropout's factors are the same from every starting point") {
  Tape<double> tape;
  tape.noise.seed = 11;
  constexpr long n = 400;
  const DropoutMask<double> mask(tape, {0.4, 5}, n);
  std::vector<double> whole(n), values(n), sums(n);
  mask.factors(0, n, whole.data());
  for (long begin : {0L, 1L, 63L, 64L, 127L, 128L, 129L, 200L, 399L})
    for (long count : {0L, 1L, 2L, 64L, 127L, 128L, 129L, 150L}) {
      if (begin + count > n) continue;
      CAPTURE(begin);
      CAPTURE(count);
      std::vector<double> part(count, -1);
      mask.factors(begin, count, part.data());
      CHECK(part == std::vector<double>(whole.begin() + begin, whole.begin() + begin + count));
    }
  for (long i = 0; i < n; ++i) values[i] = static_cast<double>(i + 1);
  mask.apply(3, n - 3, values.data(), values.data(), sums.data());
  for (long i = 0; i < n - 3; ++i) CHECK(sums[i] == values[i] + values[i] * whole[i + 3]);
}

TEST_CASE("half a Philox word decides about an element: its probability is p to a multiple of 2^-16") {
  Tape<float> tape;
  tape.noise = {11, 5, 0, 1};
  constexpr long n = 1000;
  std::vector<float> factors(n);
  for (const double p : {0.00001, 0.2, 0.5, 0.999999}) {
    CAPTURE(p);
    const std::uint32_t threshold = p < 0.0001 ? 1 : p == 0.2 ? 13107 : p == 0.5 ? 32768 : 65535;
    DropoutMask<float>(tape, {p, 5}, n).factors(0, n, factors.data());
    const Random random(11, 5, 5);
    for (long i = 0; i < n; ++i) {
      const long group = i / 128, word = i % 64;  // a group: word k of block 16 group + lane is its word 16 k + lane
      const std::uint32_t both = random.block(16 * group + word % 16)[word / 16];
      const std::uint32_t half = i % 128 < 64 ? both & 0xFFFF : both >> 16;
      REQUIRE(factors[i] == (half < threshold ? 0.0f : static_cast<float>(1 / (1 - p))));
    }
  }
}

TEST_CASE("dropout's decisions about elements near each other know nothing of each other") {
  constexpr long n = 200'000;
  const std::vector<float> mask = mask_of(0, 1, n, 0.5);  // 0 or 2
  for (const long apart : {1, 16, 63, 64, 65, 128}) {     // at 64 they are halves of one word
    CAPTURE(apart);
    double total = 0;
    for (long i = 0; i + apart < n; ++i) total += (mask[i] - 1) * (mask[i + apart] - 1);
    CHECK(std::abs(total / n) < 5 / std::sqrt(n));
  }
}

TEST_CASE("without training, or with probability 0, dropout hands its input back") {
  Tape<float> tape;
  const auto x = tape.input({3}, std::vector<float>{1, 2, 3});
  CHECK(dropout(x, {0, 1}).node == x.node);
  tape.training = false;
  CHECK(dropout(x, {0.5, 1}).node == x.node);
  for (const double p : {1.0, -0.1, 2.0, std::nan("")}) CHECK_THROWS_AS(dropout(x, {p, 1}), Error);
}
