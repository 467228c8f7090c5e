#include "train/step/generate.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "autograd/error.h"

using namespace primer::train;
using primer::autograd::Error;

namespace {

// Logits of the distribution 0.5, 0.25, 0.125, 0.125, out of order.
const std::vector<float> logits = {std::log(0.125f), std::log(0.5f), std::log(0.125f), std::log(0.25f)};

Sampling plain() {
  Sampling sampling;
  sampling.temperature = 1;
  return sampling;
}

std::vector<double> of(const std::vector<float>& numbers, const Sampling& sampling) {
  static ProbabilitySpace space;  // the same for all, so that what one leaves behind would show in the next
  const auto p = probabilities(numbers, sampling, space);
  return {p.begin(), p.end()};
}

void check_near(const std::vector<double>& p, const std::vector<double>& expected) {
  REQUIRE(p.size() == expected.size());
  for (std::size_t i = 0; i < p.size(); ++i) CHECK(p[i] == doctest::Approx(expected[i]).epsilon(1e-6));
}

}  // namespace

TEST_CASE("temperature 1 gives the softmax, others sharpen and flatten it") {
  check_near(of(logits, plain()), {0.125, 0.5, 0.125, 0.25});
  Sampling half = plain();
  half.temperature = 0.5;  // squares the probabilities: 1/64, 16/64, 1/64, 4/64 of 22/64
  check_near(of(logits, half), {1 / 22.0, 16 / 22.0, 1 / 22.0, 4 / 22.0});
  Sampling cold = plain();
  cold.temperature = 1e-300;
  check_near(of(logits, cold), {0, 1, 0, 0});
}

TEST_CASE("temperature 0 is greedy, and the lower id wins between equals") {
  Sampling greedy = plain();
  greedy.temperature = 0;
  check_near(of(logits, greedy), {0, 1, 0, 0});
  check_near(of(std::vector<float>{1, 3, 3}, greedy), {0, 1, 0});
}

TEST_CASE("top-k keeps the k most probable tokens") {
  Sampling sampling = plain();
  sampling.top_k = 2;
  check_near(of(logits, sampling), {0, 2 / 3.0, 0, 1 / 3.0});
  sampling.top_k = 1;
  check_near(of(logits, sampling), {0, 1, 0, 0});
  sampling.top_k = 3;  // of the two equal ones the lower id stays
  check_near(of(logits, sampling), {1 / 7.0, 4 / 7.0, 0, 2 / 7.0});
  sampling.top_k = 100;
  check_near(of(logits, sampling), {0.125, 0.5, 0.125, 0.25});
}

TEST_CASE("top-p keeps the fewest tokens that have that probability together") {
  Sampling sampling = plain();
  sampling.top_p = 0.45;
  check_near(of(logits, sampling), {0, 1, 0, 0});
  sampling.top_p = 0.7;
  check_near(of(logits, sampling), {0, 2 / 3.0, 0, 1 / 3.0});
  sampling.top_p = 0;
  check_near(of(logits, sampling), {0, 1, 0, 0});
  sampling.top_p = 0.6;  // after top-k 2 the shares are 2/3 and 1/3
  sampling.top_k = 2;
  check_near(of(logits, sampling), {0, 1, 0, 0});
}

TEST_CASE("infinite logits are masks, a NaN is a broken model") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  check_near(of(std::vector<float>{0, -infinity, 0}, plain()), {0.5, 0, 0.5});
  check_near(of(std::vector<float>{0, infinity}, plain()), {0, 1});
  CHECK_THROWS_AS(of(std::vector<float>{0, std::nanf("")}, plain()), Error);
}

TEST_CASE("a choice falls where the running sum passes the number") {
  const std::vector<double> p = {0.125, 0, 0.5, 0.375, 0};
  CHECK(choose(p, 0) == 0);
  CHECK(choose(p, 0.1249) == 0);
  CHECK(choose(p, 0.125) == 2);
  CHECK(choose(p, 0.6249) == 2);
  CHECK(choose(p, 0.625) == 3);
  CHECK(choose(p, 0.9999999) == 3);
  CHECK(choose(std::vector<double>{0.2, 0.3, 0.4, 0}, 0.999) == 2);
}

TEST_CASE("text ends before the stop text, however it is cut") {
  const std::string text = "one aab two";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    for (std::size_t second = cut; second <= text.size(); ++second) {
      StopFilter filter("ab");
      std::string shown = filter.feed(text.substr(0, cut));
      shown += filter.feed(text.substr(cut, second - cut));
      shown += filter.feed(text.substr(second));
      shown += filter.finish();
      CHECK(shown == "one a");
      CHECK(filter.stopped());
    }
  }
  StopFilter never("xyz");
  CHECK(never.feed("only x") == "only ");
  CHECK(never.feed("y").empty());
  CHECK(never.finish() == "xy");
  StopFilter off("");
  CHECK(off.feed("all") == "all");
}

TEST_CASE("no text can command a terminal") {
  CHECK(for_terminal("a\tb\n\x1b[31m\r") == "a\tb\n\\x1B[31m\\x0D");
  CHECK(for_terminal("\xC2\x9B"
                     "31m") == "\\u{9B}31m");
  CHECK(for_terminal("\x9B") == "\\x9B");
  CHECK(for_terminal("\xE4\xB8\xAD") == "\xE4\xB8\xAD");
}
