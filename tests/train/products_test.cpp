// Trainings whose products BLAS makes: the same numbers but for rounding, with whatever kernels and threads it has.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "autograd/product.h"
#include "tests/train/trained_run.h"

using primer::autograd::Products;

namespace {

// What makes the products, until the end of the scope.
struct ProductsBy {
  explicit ProductsBy(Products products) { primer::autograd::use(products); }
  ~ProductsBy() { primer::autograd::use(before); }
  Products before = primer::autograd::used_products();
};

// The losses of every step, trained and on the validation part.
std::vector<double> losses(Products products, const std::string& objective) {
  const ProductsBy scope(products);
  const TrainedRun run(prose(3000), {{"objective", objective}, {"layers", "2"}, {"channels", "48"}, {"heads", "3"},
                                     {"context", "24"}, {"batch", "5"}, {"steps", "25"}, {"eval_every", "5"}});
  run.train();
  const std::string metrics = run.metrics();
  std::vector<double> all;
  for (auto at = metrics.find("loss\":"); at != std::string::npos; at = metrics.find("loss\":", at + 1)) {
    all.push_back(std::strtod(metrics.c_str() + at + 6, nullptr));
  }
  return all;
}

}  // namespace

TEST_CASE("a training with products by BLAS has the losses of one by tiles, up to rounding") {
  for (const char* objective : {"lm", "mlm"}) {
    CAPTURE(objective);
    const std::vector<double> tiles = losses(Products::tiles, objective), blas = losses(Products::blas, objective);
    REQUIRE(tiles.size() >= 25 + 6);
    REQUIRE(tiles.size() == blas.size());
    for (std::size_t i = 0; i < tiles.size(); ++i) CHECK(blas[i] == doctest::Approx(tiles[i]).epsilon(1e-4));
    CHECK(tiles.back() < tiles.front());
  }
}
