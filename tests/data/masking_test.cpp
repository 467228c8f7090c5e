#include "data/examples/masking.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/data/fixture.h"

namespace primer::data {

namespace {

struct Masked {
  std::vector<int> tokens, targets;
  bool operator==(const Masked&) const = default;
};

Masked masked(const Masking& masking, std::vector<int> tokens, std::uint64_t epoch, std::uint64_t window,
              Purpose purpose = Purpose::training) {
  std::vector<int> targets(tokens.size(), 99);
  masking.apply(purpose, epoch, window, tokens, targets);
  return {tokens, targets};
}

}  // namespace

TEST_CASE("as many tokens are chosen as the share says, at least one") {
  const Masking masking{1, 0, 10};
  for (std::size_t length = 1; length < 100; ++length) {
    const Masked out = masked(masking, std::vector<int>(length, 5), 0, length);
    long chosen = 0;
    for (std::size_t i = 0; i < length; ++i) {
      chosen += out.targets[i] >= 0;
      CHECK(out.targets[i] == (out.targets[i] >= 0 ? 5 : -1));
      if (out.targets[i] < 0) CHECK(out.tokens[i] == 5);
    }
    CHECK(chosen == std::max(1L, std::lround(0.15 * static_cast<double>(length))));
  }
}

TEST_CASE("every position is as likely, and of the chosen 80 % are hidden, 10 % another, 10 % kept") {
  const std::size_t length = 20;
  const int mask = 7, vocabulary = 30, trials = 20'000;
  const Masking masking{3, mask, vocabulary};
  std::vector<int> at(length, 0), other(static_cast<std::size_t>(vocabulary), 0);
  int hidden = 0, kept = 0, changed = 0;
  for (int trial = 0; trial < trials; ++trial) {
    const Masked out = masked(masking, std::vector<int>(length, 5), 2, static_cast<std::uint64_t>(trial));
    for (std::size_t i = 0; i < length; ++i) {
      if (out.targets[i] < 0) continue;
      ++at[i];
      if (out.tokens[i] == mask) ++hidden;
      else if (out.tokens[i] == 5) ++kept;
      else ++changed, ++other[static_cast<std::size_t>(out.tokens[i])];
    }
  }
  const double chosen = 3.0 * trials;
  for (const int count : at) CHECK(std::abs(count - chosen / 20) < 5 * std::sqrt(chosen / 20));
  // A random token is the old one in 1 of 29 cases, and then counts as kept.
  CHECK(std::abs(hidden - 0.8 * chosen) < 5 * std::sqrt(0.16 * chosen));
  CHECK(std::abs(changed - 0.1 * chosen * 28 / 29) < 5 * std::sqrt(0.09 * chosen));
  CHECK(hidden + kept + changed == static_cast<int>(chosen));
  CHECK(other[static_cast<std::size_t>(mask)] == 0);
  for (int id = 0; id < vocabulary; ++id) {
    const double expected = id == mask || id == 5 ? 0 : 0.1 * chosen / 29;
    CHECK(std::abs(other[static_cast<std::size_t>(id)] - expected) <= 5 * std::sqrt(expected));
  }
}

TEST_CASE("the masks are a pure function of seed, purpose, epoch and window") {
  const Masking masking{3, 0, 30};
  const std::vector<int> tokens(200, 5);
  const Masked out = masked(masking, tokens, 1, 2);
  CHECK(masked(masking, tokens, 1, 2) == out);
  CHECK(!(masked(masking, tokens, 1, 3) == out));
  CHECK(!(masked(masking, tokens, 2, 2) == out));
  CHECK(!(masked(masking, tokens, 1, 2, Purpose::evaluation) == out));
  CHECK(!(masked({4, 0, 30}, tokens, 1, 2) == out));
}

TEST_CASE("a mask outside the vocabulary or alone in it is refused") {
  for (const Masking masking : {Masking{1, -1, 10}, Masking{1, 10, 10}, Masking{1, 0, 1}, Masking{1, 0, 10, 0.0},
                                Masking{1, 0, 10, 1.5}, Masking{1, 0, 10, std::nan("")}}) {
    refused(Fault::usage, [&] { masked(masking, {5}, 0, 0); });
  }
}

TEST_CASE("over a million chosen positions 80 % are hidden, 10 % another, 10 % kept, within 0.002" *
          doctest::test_suite("long")) {
  const std::size_t length = 128;
  Masking masking{11, 1000, 1003};
  masking.begin = 1001, masking.end = 1002;
  std::vector<int> text(length, 5);
  text.front() = 1001, text.back() = 1002;
  long chosen = 0, hidden = 0, kept = 0, changed = 0;
  for (std::uint64_t window = 0; chosen < 1'000'000; ++window) {
    const Masked out = masked(masking, text, window / 1000, window % 1000);
    for (std::size_t i = 0; i < length; ++i) {
      if (out.targets[i] < 0) continue;
      ++chosen;
      hidden += out.tokens[i] == 1000;
      kept += out.tokens[i] == 5;
      changed += out.tokens[i] != 1000 && out.tokens[i] != 5;
      CHECK((out.tokens[i] != 1001 && out.tokens[i] != 1002));
    }
    CHECK((out.targets.front() == -1 && out.targets.back() == -1));
  }
  const auto share = [&](long count) { return static_cast<double>(count) / static_cast<double>(chosen); };
  MESSAGE(chosen << " chosen: " << share(hidden) << " hidden, " << share(changed) << " changed, " << share(kept)
                 << " kept");
  CHECK(std::abs(share(hidden) - 0.8) < 0.002);
  CHECK(std::abs(share(changed) - 0.1) < 0.002);
  CHECK(std::abs(share(kept) - 0.1) < 0.002);
}

TEST_CASE("what stands around a text counts for the share, is never chosen and never drawn") {
  Masking masking{3, 7, 10};
  masking.begin = 8, masking.end = 9;
  for (std::size_t length = 3; length < 60; ++length) {
    std::vector<int> text(length, 5);
    text.front() = 8, text.back() = 9;
    const Masked out = masked(masking, text, 0, length);
    const long chosen = std::count_if(out.targets.begin(), out.targets.end(), [](int t) { return t >= 0; });
    CHECK(chosen == std::max(1L, std::lround(0.15 * static_cast<double>(length))));
    CHECK((out.tokens.front() == 8 && out.tokens.back() == 9));
    for (std::size_t i = 1; i + 1 < length; ++i) CHECK(out.tokens[i] < 8);
  }
}

}  // namespace primer::data
