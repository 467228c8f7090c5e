// Learning rates at given points.
#include "optim/schedule.h"

#include <doctest/doctest.h>

#include <cmath>

using primer::optim::Decay;
using primer::optim::Schedule;

namespace {
doctest::Approx near(double x) { return doctest::Approx(x).epsilon(1e-12); }
}  // namespace

// get_lr of nanoGPT's train.py, with config/train_shakespeare_char.py's numbers for a CPU.
TEST_CASE("the cosine schedule is nanoGPT's") {
  const Schedule s{.decay = Decay::cosine, .lr = 1e-3, .min_lr = 1e-4, .warmup = 100, .steps = 2000};
  CHECK(s.rate(0) == near(1e-3 / 101));
  CHECK(s.rate(49) == near(1e-3 * 50 / 101));
  CHECK(s.rate(99) == near(1e-3 * 100 / 101));
  CHECK(s.rate(100) == near(1e-3));
  CHECK(s.rate(575) == near(1e-4 + 0.5 * (1 + std::sqrt(0.5)) * 9e-4));  // a quarter of the way
  CHECK(s.rate(1050) == near(5.5e-4));                                   // half of it
  CHECK(s.rate(1525) == near(1e-4 + 0.5 * (1 - std::sqrt(0.5)) * 9e-4));
  CHECK(s.rate(2000) == near(1e-4));
  CHECK(s.rate(1'000'000) == near(1e-4));
  for (long t = 100; t < 2000; ++t) CHECK(s.rate(t + 1) < s.rate(t));
}

TEST_CASE("the linear schedule is a line from the highest rate to the lowest") {
  const Schedule s{.decay = Decay::linear, .lr = 2, .min_lr = 1, .warmup = 0, .steps = 10};
  for (long t = 0; t <= 10; ++t) CHECK(s.rate(t) == near(2 - 0.1 * static_cast<double>(t)));
  CHECK(s.rate(11) == near(1));
}

TEST_CASE("the constant schedule rises, then stays") {
  const Schedule s{.decay = Decay::constant, .lr = 0.3, .min_lr = 0.1, .warmup = 2, .steps = 10};
  CHECK(s.rate(0) == near(0.1));
  CHECK(s.rate(1) == near(0.2));
  for (const long t : {2L, 9L, 10L, 1000L}) CHECK(s.rate(t) == near(0.3));
}

// Vaswani et al. 2017, equation 3: d^-0.5 min(step^-0.5, step warmup^-1.5), steps from 1.
TEST_CASE("the Noam schedule peaks at its last warmup step, at (channels warmup)^-0.5") {
  const Schedule s{.decay = Decay::noam, .lr = 1, .warmup = 4000, .steps = 100'000, .channels = 512};
  CHECK(s.rate(3999) == doctest::Approx(6.9877e-4).epsilon(1e-5));
  CHECK(s.rate(3999) == near(1 / std::sqrt(512.0 * 4000)));
  CHECK(s.rate(3998) < s.rate(3999));
  CHECK(s.rate(4000) < s.rate(3999));
  CHECK(s.rate(0) == near(1 / std::sqrt(512.0) * std::pow(4000, -1.5)));
  CHECK(s.rate(15'999) == near(s.rate(3999) / 2));
  const Schedule twice{.decay = Decay::noam, .lr = 2, .warmup = 0, .channels = 4};
  CHECK(twice.rate(0) == near(1));
  CHECK(twice.rate(3) == near(0.5));
}

TEST_CASE("every schedule gives finite rates of 0 or more at its corners") {
  for (const Decay decay : {Decay::constant, Decay::linear, Decay::cosine, Decay::noam})
    for (const long warmup : {0L, 1L, 10L, 50L})
      for (const long steps : {0L, 1L, 10L})
        for (long t = 0; t < 60; ++t) {
          const double rate = Schedule{decay, 1e-3, 1e-4, warmup, steps, 8}.rate(t);
          CHECK((std::isfinite(rate) && rate >= 0));
        }
}
