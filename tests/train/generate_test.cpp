#include "train/step/generate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "autograd/error.h"
#include "train/use/sample_writer.h"

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

TEST_CASE("min-p keeps the tokens that have that share of the largest probability, behind the other choices") {
  Sampling sampling = plain();
  sampling.min_p = 0.24;
  check_near(of(logits, sampling), {0.125, 0.5, 0.125, 0.25});
  sampling.min_p = 0.3;
  check_near(of(logits, sampling), {0, 2 / 3.0, 0, 1 / 3.0});
  sampling.min_p = 1;  // what is exactly at the bound stays
  check_near(of(std::vector<float>{2, 1, 2}, sampling), {0.5, 0, 0.5});
  sampling.min_p = 0.3;
  sampling.temperature = 2;  // the shares are 0.5, 1, 0.5 and 0.71 of the largest
  CHECK(of(logits, sampling)[0] > 0.1);
  sampling.temperature = 0;
  check_near(of(logits, sampling), {0, 1, 0, 0});
}

TEST_CASE("a penalty divides the positive logits of what was seen and multiplies the negative ones") {
  std::vector<float> numbers = {3, 3, -1, -1, 0};
  penalise(numbers, {true, false, true, false, true}, 2);
  CHECK(numbers == std::vector<float>{1.5, 3, -2, -1, 0});
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
      StopFilter filter({"ab"});
      std::string shown = filter.feed(text.substr(0, cut));
      shown += filter.feed(text.substr(cut, second - cut));
      shown += filter.feed(text.substr(second));
      shown += filter.finish();
      CHECK(shown == "one a");
      CHECK(filter.stopped());
    }
  }
  StopFilter never({"xyz"});
  CHECK(never.feed("only x") == "only ");
  CHECK(never.feed("y").empty());
  CHECK(never.finish() == "xy");
  StopFilter off({""});
  CHECK(off.feed("all") == "all");
}

TEST_CASE("of several stop texts the first that is complete ends the text, however it is cut") {
  const auto shown = [](const std::string& text, const std::vector<std::string>& stops, bool whole) {
    StopFilter filter(stops);
    std::string out = whole ? filter.feed(text) : "";
    for (const char c : whole ? "" : text) out += filter.feed({c});
    return out + filter.finish() + (filter.stopped() ? "|" : "");
  };
  for (const bool whole : {true, false}) {
    CHECK(shown("one two three", {"three", "two"}, whole) == "one |");
    CHECK(shown("abcd", {"abcd", "c"}, whole) == "ab|");    // c is complete first
    CHECK(shown("xabc", {"c", "", "abc"}, whole) == "x|");  // both end here: the longer one
    CHECK(shown("aab aac", {"aabc", "aac"}, whole) == "aab |");
    CHECK(shown("aab aa", {"aabc", "aac", "b a c"}, whole) == "aab aa");
  }
  StopFilter filter({"abcdef", "bx"});  // the longest beginning of any is kept back
  CHECK(filter.feed("zabc") == "z");
  CHECK(filter.feed("dx") == "abcdx");
  CHECK(filter.feed("b").empty());
}

TEST_CASE("bytes may follow each other where RFC 3629 says so") {
  struct Row {
    int first, last, low, high, width;  // lead bytes, second bytes, bytes of a character
  };
  const std::vector<Row> rows = {{0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
                                 {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
                                 {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
  const ValidText valid(*primer::data::make_byte_tokenizer());
  const auto check_range = [&](const std::vector<int>& text, int low, int high) {
    std::vector<float> free(256);
    valid.mask(valid.behind(text), free);
    for (int byte = 0; byte < 256; ++byte)
      CHECK((free[static_cast<std::size_t>(byte)] == 0) == (byte >= low && byte <= high));
  };
  std::vector<float> free(256);
  valid.mask(0, free);
  for (int byte = 0; byte < 256; ++byte) {
    const bool leads = std::ranges::any_of(rows, [&](const Row& row) { return byte >= row.first && byte <= row.last; });
    CHECK((free[static_cast<std::size_t>(byte)] == 0) == (byte < 0x80 || leads));
  }
  for (const Row& row : rows)
    for (const int lead : {row.first, row.last}) {
      std::vector<int> text = {'a', 0x80, 0xE1, lead};  // what was wrong before counts for nothing
      check_range(text, row.low, row.high);
      for (const int second : {row.low, row.high}) {
        text = {lead, second};
        for (; static_cast<int>(text.size()) < row.width; text.push_back(0xBF)) check_range(text, 0x80, 0xBF);
        CHECK(valid.behind(text) == 0);
      }
    }
}

TEST_CASE("a vocabulary that cannot end a character begins none, and one without characters is drawn from as it is") {
  using primer::data::first_stray;
  const auto masked = [](const std::vector<primer::data::Symbol>& alphabet) {
    const auto tokenizer = primer::data::make_character_tokenizer(alphabet, {"[UNK]"});
    std::vector<float> free(alphabet.size() + 1);
    ValidText(*tokenizer).mask(0, free);
    std::vector<bool> is_masked;
    for (const float logit : free) is_masked.push_back(logit != 0);
    return is_masked;
  };
  CHECK(masked({'a', first_stray + 0xE9, first_stray + 0xC3}) == std::vector<bool>{false, true, true, true});
  CHECK(masked({'a', first_stray + 0xC3, first_stray + 0xA9}) == std::vector<bool>{false, false, true, true});
  CHECK(masked({first_stray + 0xE9, first_stray + 0xFF}) == std::vector<bool>{false, false, false});
}

TEST_CASE("no text can command a terminal") {
  CHECK(for_terminal("a\tb\n\x1b[31m\r") == "a\tb\n\\x1B[31m\\x0D");
  CHECK(for_terminal("\xC2\x9B"
                     "31m") == "\\u{9B}31m");
  CHECK(for_terminal("\x9B") == "\\x9B");
  CHECK(for_terminal("\xE4\xB8\xAD") == "\xE4\xB8\xAD");
}
