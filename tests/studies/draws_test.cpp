// Numbers that are drawn one after the other are those of autograd::Random, and every order is as likely.
#include "studies/circuits/texts/draws.h"

#include <doctest/doctest.h>

#include <map>
#include <numeric>
#include <vector>

using namespace primer::studies;
using primer::autograd::Random, primer::autograd::hash;

TEST_CASE("a draw is the next number of its stream, from the first that was asked for") {
  const Random random(3, hash("purpose"), 5);
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
