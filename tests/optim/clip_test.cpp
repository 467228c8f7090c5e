// The norm of the gradients and the factor that bounds it.
#include "optim/clip.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <cmath>
#include <limits>
#include <vector>

#include "autograd/parameters.h"
#include "autograd/random.h"

using namespace primer::autograd;
namespace optim = primer::optim;

namespace {

template <class T>
struct Gradients {
  Parameters<T> parameters;
  explicit Gradients(long n) {
    parameters.declare("a", {n / 3}, {}, true);
    parameters.declare("b", {n - n / 3}, {}, false);
    parameters.build(1);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("the norm of known gradients", T, float, double) {
  Gradients<T> g(7);
  CHECK(optim::gradient_norm(g.parameters) == 0);
  g.parameters.at("a").node->grad[1] = 3;
  g.parameters.at("b").node->grad[4] = -4;
  CHECK(optim::gradient_norm(g.parameters) == 5);
  g.parameters.at("a").node->grad[0] = static_cast<T>(1e30);  // its square is no float
  CHECK(optim::gradient_norm(g.parameters) == doctest::Approx(1e30));
}

TEST_CASE_TEMPLATE("the norm sums every element, in the same bits for any number of threads", T, float, double) {
  for (const long n : {3L, 64L, 1000L, 300'000L}) {
    Gradients<T> g(n);
    const Random random(1, 2);
    double expected = 0;
    for (const char* path : {"a", "b"}) {
      const Tensor<T> x = g.parameters.at(path);
      for (long i = 0; i < x.size(); ++i) {
        x.node->grad[i] = static_cast<T>(random.normal(i));
        expected += static_cast<double>(x.node->grad[i]) * static_cast<double>(x.node->grad[i]);
      }
    }
    const int before = threads();
    const double norm = optim::gradient_norm(g.parameters);
    CHECK(norm == doctest::Approx(std::sqrt(expected)).epsilon(1e-12));
    for (const int count : {1, 2, 3, 4}) {
      omp_set_num_threads(count);
      CHECK(optim::gradient_norm(g.parameters) == norm);
    }
    omp_set_num_threads(before);
  }
}

TEST_CASE("a gradient that is not finite shows in the norm, wherever it stands") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), HUGE_VALF, -HUGE_VALF})
    for (const long i : {0L, 500L, 998L}) {
      Gradients<float> g(3000);
      g.parameters.at("a").node->grad[i] = bad;
      const double norm = optim::gradient_norm(g.parameters);
      CHECK(!std::isfinite(norm));
      CHECK(!std::isfinite(optim::clip_factor(norm, 1) * norm));
    }
}

TEST_CASE("the factor shortens what is too long and nothing else") {
  CHECK(optim::clip_factor(0.5, 1) == 1);
  CHECK(optim::clip_factor(1, 1) == 1);
  CHECK(optim::clip_factor(4, 1) == doctest::Approx(0.25).epsilon(1e-6));
  CHECK(optim::clip_factor(4, 1) * 4 <= 1);
  CHECK(optim::clip_factor(4, 0) == 1);
  CHECK(optim::clip_factor(0, 0) == 1);
  CHECK(optim::clip_factor(0, 1) == 1);
}
