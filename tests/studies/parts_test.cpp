// Why a task needs a part: what holds exactly of models without feed-forward layers, and of models without positions.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "studies/circuits/texts/part_tasks.h"
#include "studies/lab/estimate.h"
#include "studies/lab/fit.h"

using namespace primer::studies;
namespace nn = primer::nn;
using primer::autograd::Activation, primer::autograd::Random;

namespace {

/// How the points [n, d] are parted by 200,000 hyperplanes through the origin.
std::set<std::vector<bool>> parted(long n, long d) {
  const Random random(5, 1);
  std::set<std::vector<bool>> ways;
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    std::vector<bool> way;
    for (long p = 0; p < n; ++p) {
      double product = 0;
      for (long c = 0; c < d; ++c)
        product += random.normal(static_cast<std::uint64_t>(p * d + c)) *
                   random.normal(1000 + i * static_cast<std::uint64_t>(d) + static_cast<std::uint64_t>(c));
      way.push_back(product > 0);
    }
    ways.insert(way);
  }
  return ways;
}

/// Embeddings of three words of which the third is the sum of the others: its logits less the sum of theirs, at most.
double bent(const nn::ModelConfig& config) {
  Net<double> net(config, 3);
  double* rows = net.parameters.at("token.weight").data();
  const long C = config.channels, V = config.vocabulary;
  for (long c = 0; c < C; ++c) rows[2 * C + c] = rows[c] + rows[C + c];
  primer::data::Batch batch = empty_batch(3, 1);
  batch.tokens = {0, 1, 2};
  const std::vector<double> logits = logits_of(net.model, batch);  // [3, 1, V]
  double most = 0;
  for (long v = 0; v < V; ++v) {
    const auto at = [&](long b) { return logits[static_cast<std::size_t>(b * V + v)]; };
    raise_to(most, std::abs(at(2) - at(0) - at(1)));
  }
  return most;
}

/// The largest change of the last token's logits when two earlier words change places.
double moved(nn::Position position, bool causal) {
  const Net<double> net({.vocabulary = 9,
                         .context = 8,
                         .layers = 2,
                         .heads = 2,
                         .channels = 8,
                         .causal = causal,
                         .position = position,
                         .deviation = 0.4,
                         .output = {.tie = false}},
                        4);
  primer::data::Batch batch = empty_batch(2, 8);
  batch.tokens = {3, 1, 4, 5, 2, 6, 7, 0, 3, 2, 4, 5, 1, 6, 7, 0};
  const std::vector<double> logits = logits_of(net.model, batch);
  double most = 0;
  for (std::size_t v = 0; v < 9; ++v) raise_to(most, std::abs(logits[7 * 9 + v] - logits[15 * 9 + v]));
  return most;
}

}  // namespace

TEST_CASE("hyperplanes through the origin part points in as many ways as Cover says") {
  for (const auto& [n, d] : {std::pair{5L, 2L}, {7L, 2L}, {6L, 3L}, {4L, 4L}}) {
    CHECK(std::exp(log_dichotomies(n, d)) == doctest::Approx(static_cast<double>(parted(n, d).size())).epsilon(1e-9));
  }
  CHECK(log_dichotomies(40, 40) == doctest::Approx(40 * std::log(2)));
}

TEST_CASE("no more labellings than was allowed are met by a linear function in the ceiling's share of points") {
  constexpr long n = 11, d = 2;
  const auto ways = parted(n, d);
  const double chance = 0.1, ceiling = linear_ceiling(n, d, chance);
  CHECK(ceiling > 0.5);
  long met = 0, pairs = 0, pairs_below = 0;  // labellings; of labellings and ways, and with one point less
  for (unsigned labels = 0; labels < 1u << n; ++labels) {
    long best = 0;
    for (const std::vector<bool>& way : ways) {
      long agree = 0;
      for (long p = 0; p < n; ++p) agree += way[static_cast<std::size_t>(p)] == ((labels >> p & 1) != 0);
      best = std::max(best, agree);
      pairs += static_cast<double>(agree) >= ceiling * n - 1e-9;
      pairs_below += static_cast<double>(agree) >= ceiling * n - 1 - 1e-9;
    }
    met += static_cast<double>(best) >= ceiling * n - 1e-9;
  }
  CHECK(met <= chance * (1 << n));
  CHECK(pairs <= chance * (1 << n));  // the bound is the smallest for which the sum over ways is small enough
  CHECK(pairs_below > chance * (1 << n));
  CHECK(linear_ceiling(4, 4) == 1);
}

TEST_CASE(
    "of a word alone, logits without a feed-forward layer are linear in its embedding, and with one they are not") {
  nn::ModelConfig config{.vocabulary = 5,
                         .context = 2,
                         .layers = 2,
                         .heads = 2,
                         .channels = 8,
                         .ffn_channels = -1,
                         .causal = false,
                         .position = nn::Position::none,
                         .norm = nn::NormPlace::none,
                         .deviation = 0.4,
                         .output = {.tie = false}};
  CHECK(bent(config) < 1e-12);
  config.ffn_channels = 16;
  for (const Activation activation : {Activation::relu, Activation::gelu, Activation::swiglu}) {
    config.activation = activation;
    CHECK(bent(config) > 1e-3);
  }
}

TEST_CASE("without positions the last token does not see that two words changed places, unless a model is causal") {
  CHECK(moved(nn::Position::none, false) < 1e-12);
  CHECK(moved(nn::Position::none, true) > 1e-3);
  for (const nn::Position position :
       {nn::Position::sinusoidal, nn::Position::learned, nn::Position::rotary, nn::Position::qk}) {
    CHECK(moved(position, false) > 1e-3);
  }
}

TEST_CASE(
    "texts come in pairs that differ by two words that change places, and the target is the one that comes first") {
  const auto batch = Order::batch(1, 2, 100, 9);
  CHECK(batch.tokens == Order::batch(1, 2, 100, 9).tokens);
  CHECK(batch.tokens != Order::batch(1, 3, 100, 9).tokens);
  for (long b = 0; b < 200; b += 2) {
    const int *x = batch.tokens.data() + b * 10, *other = x + 10;
    CHECK(std::is_permutation(x, x + 10, other));
    long unlike = 0;
    for (long t = 0; t < 10; ++t) unlike += x[t] != other[t];
    CHECK(unlike == 2);
    for (const int* text : {x, other}) {
      CHECK(std::count(text, text + 9, Order::first) == 1);
      CHECK(std::count(text, text + 9, Order::second) == 1);
      CHECK(text[9] == Order::mark);
      const bool is_first = std::find(text, text + 9, Order::first) < std::find(text, text + 9, Order::second);
      CHECK(batch.targets[static_cast<std::size_t>(text - batch.tokens.data() + 9)] ==
            (is_first ? Order::first : Order::second));
    }
  }
}
