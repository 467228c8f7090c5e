// What is measured of a model that may copy, on models whose answers are known: a circuit written into the weights.
#include "studies/circuits/probes.h"

#include <doctest/doctest.h>

#include <cmath>

#include "studies/circuits/constructed.h"
#include "studies/circuits/texts/periodic.h"
#include "studies/lab/estimate.h"

using namespace primer::studies;
using primer::train::Head, primer::train::Matrix;
namespace nn = primer::nn;

namespace {

/// As many symbols as Periodic has, and room for the sequences of the swap.
const ConstructedSize size{.symbols = 64, .period = 16};

Net<double> random_model(long layers) {
  return {nn::ModelConfig{.vocabulary = 65,
                          .context = 24,
                          .layers = layers,
                          .heads = 2,
                          .channels = 16,
                          .ffn_channels = -1,
                          .position = nn::Position::qk,
                          .norm = nn::NormPlace::none,
                          .deviation = 0.4,
                          .output = {.tie = false}},
          3};
}

}  // namespace

TEST_CASE("the swap: a circuit that copies gains for the one what it loses for the other, twice its strength of 50") {
  const Net<double> net = constructed_circuit(size);
  for (const double change : swapped(net.model, 1, 20)) CHECK(change == doctest::Approx(100).epsilon(1e-9));
}

TEST_CASE("the swap: a model without layers reads the last token alone and does not change, one with a layer does") {
  for (const double change : swapped(random_model(0).model, 1, 20)) CHECK(change == 0);
  double most = 0;
  for (const double change : swapped(random_model(1).model, 1, 20)) raise_to(most, std::abs(change));
  CHECK(most > 1e-3);
}

TEST_CASE("the steepest window has the largest share of the rise, and its middle is one of all points") {
  std::vector<double> series(21, 0.0);
  for (std::size_t i = 12; i < series.size(); ++i) series[i] = i < 14 ? 0.4 * static_cast<double>(i - 11) : 1;
  const Rise rise = steepest(series, 4);  // 0 ... 0, 0.4, 0.8, 1 ...: from point 10 to point 14
  CHECK(rise.share == doctest::Approx(1));
  CHECK(rise.middle == doctest::Approx(12.0 / 21));
  CHECK(steepest(series, 1).share == doctest::Approx(0.4));
  CHECK(std::isnan(steepest(std::vector<double>(5, 0.3), 2).share));
  CHECK(std::isnan(steepest({0.5, 0.4, 0.3}, 1).middle));
}

TEST_CASE("the second head of the written circuit finds its place by what the first one wrote, and by nothing else") {
  const Net<double> net = constructed_circuit(size);
  const Matrix written = written_by(net.model, 0, std::vector{1.0});
  const Found found = found_by(net.model, {1, 0}, written);
  CHECK(found.positivity == doctest::Approx(1).epsilon(1e-9));
  // W_QK2 W_OV1 has V entries, and so have both factors, all of one size: the score is V / (sqrt(V) sqrt(V)) / sqrt(V).
  const double V = 65, C = static_cast<double>(net.model.config().channels);
  CHECK(found.over_chance == doctest::Approx(std::sqrt(C / V)).epsilon(1e-9));
  // The keys of the first layer are places: nothing that any head writes matches a query of it.
  CHECK(found_by(net.model, {0, 0}, written).over_chance == doctest::Approx(0));
}

TEST_CASE("what heads of a layer write is the sum of what each does, by its weight") {
  const Net<double> net = random_model(2);
  const std::vector<double> both{0.75, -2}, first{1, 0}, second{0, 1};
  const Matrix sum = written_by(net.model, 1, both), one = written_by(net.model, 1, first);
  const Matrix other = written_by(net.model, 1, second);
  for (std::size_t i = 0; i < sum.values.size(); ++i) {
    CHECK(sum.values[i] == doctest::Approx(0.75 * one.values[i] - 2 * other.values[i]).epsilon(1e-12));
  }
}

TEST_CASE("every token is raised most by the head of the written circuit that looks at it, and by chance few are") {
  CHECK(raise_themselves(constructed_circuit(size).model, {1, 0}) == 1);
  CHECK(raise_themselves(random_model(1).model, {0, 0}) < 0.3);
}
