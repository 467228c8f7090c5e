// Trainings whose products BLAS makes: the same numbers but for rounding, with whatever kernels and threads it has.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "data/examples/token_file.h"
#include "tests/train/trained_run.h"
#include "train/step/machine.h"
#include "train/step/trainer.h"

using namespace primer::train;

namespace {

TrainedRun run_of(const std::string& objective, bool deterministic) {
  return {prose(3000),
          {{"objective", objective},
           {"layers", "2"},
           {"channels", "48"},
           {"heads", "3"},
           {"context", "24"},
           {"batch", "5"},
           {"steps", "25"},
           {"eval_every", "5"},
           {"deterministic", deterministic ? "true" : "false"}}};
}

// The losses of every step, trained and on the validation part.
std::vector<double> losses(const TrainedRun& run) {
  run.train();
  const std::string metrics = run.metrics();
  std::vector<double> all;
  for (auto at = metrics.find("loss\":"); at != std::string::npos; at = metrics.find("loss\":", at + 1)) {
    all.push_back(std::strtod(metrics.c_str() + at + 6, nullptr));
  }
  return all;
}

}  // namespace

TEST_CASE("a training with products by BLAS has the losses of one by tiles, up to rounding, and says which it was") {
  for (const char* objective : {"lm", "mlm"}) {
    CAPTURE(objective);
    const TrainedRun by_tiles = run_of(objective, true), by_blas = run_of(objective, false);
    const std::vector<double> tiles = losses(by_tiles), blas = losses(by_blas);
    REQUIRE(tiles.size() >= 25 + 6);
    REQUIRE(tiles.size() == blas.size());
    for (std::size_t i = 0; i < tiles.size(); ++i) CHECK(blas[i] == doctest::Approx(tiles[i]).epsilon(1e-4));
    CHECK(tiles.back() < tiles.front());
    const auto products = [](const TrainedRun& run) { return open_run(run.paths, {}).checkpoint.state.products; };
    CHECK(products(by_tiles) == products_name(primer::autograd::Products::tiles));
    CHECK(products(by_blas) == products_name(primer::autograd::Products::blas));
  }
}

TEST_CASE("two trainings in one process, one by tiles and one by BLAS, have the bits that each has alone") {
  const TrainedRun run = run_of("lm", true);
  const OpenRun open = open_run(run.paths, {});
  const auto trainer = [&](bool deterministic) {
    Config config = open.checkpoint.config;
    config.deterministic = deterministic;
    return std::make_unique<Trainer<float>>(config, *open.checkpoint.tokenizer, open.tokens->train());
  };
  const auto alone = [&](bool deterministic) {
    const auto one = trainer(deterministic);
    std::vector<double> losses;
    for (int i = 0; i < 6; ++i) losses.push_back(one->step().loss);
    return losses;
  };
  const auto tiles = trainer(true), blas = trainer(false);
  std::vector<double> by_tiles, by_blas;
  for (int i = 0; i < 6; ++i) {
    by_tiles.push_back(tiles->step().loss);
    by_blas.push_back(blas->step().loss);
  }
  CHECK(by_tiles == alone(true));  // where BLAS's kernels add in the order of the tiles all four are equal
  CHECK(by_blas == alone(false));
}
