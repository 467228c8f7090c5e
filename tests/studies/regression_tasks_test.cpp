// Linear regression in the context: what the closed forms say is what drawn tasks show.
#include "studies/context/regression_tasks.h"

#include <doctest/doctest.h>

#include <cmath>

#include "studies/lab/estimate.h"
#include "train/circuits/linear_algebra.h"

using namespace primer::studies;
using doctest::Approx;
using primer::train::dot;

namespace {

/// (w'x - the exact y)^2 at the point behind the first k examples, task by task.
template <class Learner>
std::vector<double> squares(const Tasks& tasks, long k, Learner weights) {
  std::vector<double> all;
  for (long b = 0; b < tasks.count; ++b) {
    const std::vector<double> w = weights(b);
    all.push_back(std::pow(dot(w.data(), tasks.x_of(b, k), tasks.inputs) - tasks.exact(b, k), 2));
  }
  return all;
}

std::vector<double> step_squares(const Tasks& tasks, long k, double eta) {
  return squares(tasks, k, [&](long b) { return one_step(tasks, b, k, eta); });
}
std::vector<double> ridge_squares(const Tasks& tasks, long k, double lambda) {
  return squares(tasks, k, [&](long b) { return ridge(tasks, b, k, lambda); });
}

void check_within(const std::vector<double>& found, double wanted) {
  const Estimate mean = mean_of(found, "tasks");
  CAPTURE(mean.mean);
  CAPTURE(mean.error);
  CHECK(std::abs(mean.mean - wanted) < 3.5 * mean.error);
  CHECK(mean.error < 0.05 * wanted);
}

}  // namespace

TEST_CASE("tasks are a function of seed and step, whatever their number, and have the moments that are named") {
  const Regression uniform{.inputs = 3, .points = 5, .range = 0.5}, normal{.inputs = 3, .points = 5, .noise = 0.7};
  for (const Regression& of : {uniform, normal}) {
    const Tasks few = of.draw(4, 9, 3), many = of.draw(4, 9, 4000);
    for (std::size_t i = 0; i < few.x.size(); ++i) CHECK(few.x[i] == many.x[i]);
    for (std::size_t i = 0; i < few.y.size(); ++i) CHECK(few.y[i] == many.y[i]);
    CHECK(of.draw(4, 10, 3).x != few.x);
    CHECK(of.draw(5, 9, 3).w != few.w);
    std::vector<double> x2, w2, off;
    for (const double x : many.x) x2.push_back(x * x);
    for (const double w : many.w) w2.push_back(w * w);
    for (long b = 0; b < many.count; ++b)
      for (long i = 0; i < many.points; ++i) off.push_back(std::pow(many.y_of(b, i) - many.exact(b, i), 2));
    check_within(x2, of.range > 0 ? 0.25 / 3 : 1);
    check_within(w2, 1);
    if (of.noise > 0) check_within(off, 0.49);
    else CHECK(mean_of(off, "points").mean == 0);
  }
}

TEST_CASE("the best single step has the rate and the loss of its closed form: numbers, and 20,000 tasks") {
  const BestStep known = best_step({.inputs = 10, .range = 0.5}, 10), wide = best_step({.inputs = 10, .range = 1}, 10);
  CHECK(known.rate == Approx(6.0606).epsilon(1e-4));
  CHECK(known.loss == Approx(0.20623).epsilon(1e-4));
  CHECK(wide.rate == Approx(1.5152).epsilon(1e-4));
  CHECK(best_step({.inputs = 10}, 10).loss / 5 == Approx(11.0 / 21).epsilon(1e-12));
  for (const Regression& of : {Regression{.inputs = 6, .points = 9, .range = 0.8}, Regression{.inputs = 6, .points = 9},
                               Regression{.inputs = 6, .points = 9, .noise = 1.5}}) {
    const BestStep best = best_step(of, 8);
    const Tasks tasks = of.draw(1, 0, 20'000);
    const std::vector<double> at_best = step_squares(tasks, 8, best.rate);
    check_within(at_best, 2 * best.loss);
    for (const double factor : {0.8, 1.25}) {
      CHECK(mean_of(difference(step_squares(tasks, 8, factor * best.rate), at_best), "tasks").low > 0);
    }
  }
}

TEST_CASE("averaging errs by (d + 1) / k, least squares by 1 - k / d, per input: 20,000 tasks") {
  const long d = 5;
  const Tasks tasks = Regression{.inputs = d, .points = 11}.draw(2, 0, 20'000);
  for (const long k : {1L, 3L, 4L, 10L}) check_within(step_squares(tasks, k, 1), d * 6.0 / static_cast<double>(k));
  for (const long k : {0L, 1L, 2L, 3L, 4L}) check_within(ridge_squares(tasks, k, 0), static_cast<double>(d - k));
  for (const double square : ridge_squares(tasks, 8, 0)) CHECK(square < 1e-12);
}

TEST_CASE("ridge is where the gradient of its sum of squares is 0, to 1e-10, with fewer and with more examples") {
  const long d = 6;
  const Tasks tasks = Regression{.inputs = d, .points = 14, .noise = 0.3}.draw(3, 0, 20);
  for (const double lambda : {0.0, 0.25, 4.0}) {
    for (const long k : {1L, 5L, 6L, 7L, 13L}) {
      for (long b = 0; b < tasks.count; ++b) {
        const std::vector<double> w = ridge(tasks, b, k, lambda);
        double most = 0, scale = 1;
        for (long c = 0; c < d; ++c) {
          double slope = lambda * w[static_cast<std::size_t>(c)];
          for (long i = 0; i < k; ++i) {
            slope += (dot(w.data(), tasks.x_of(b, i), d) - tasks.y_of(b, i)) * tasks.x_of(b, i)[c];
          }
          raise_to(most, std::abs(slope));
          scale = std::max(scale, std::abs(w[static_cast<std::size_t>(c)]));
        }
        CHECK(most < 1e-10 * scale * scale);
      }
    }
  }
  CHECK(ridge(tasks, 0, 0, 0.25) == std::vector<double>(d, 0));
}

TEST_CASE("of all weights that fit too few examples, least squares takes the shortest, to 1e-10") {
  const Tasks tasks = Regression{.inputs = 6, .points = 6}.draw(5, 0, 20);
  for (long b = 0; b < tasks.count; ++b) {
    const std::vector<double> w = ridge(tasks, b, 4, 0);
    const double* fits_too = tasks.w.data() + b * 6;  // what differs between the two is orthogonal to the shortest
    CHECK(dot(w.data(), fits_too, 6) == Approx(dot(w.data(), w.data(), 6)).epsilon(1e-10));
    CHECK(dot(w.data(), w.data(), 6) < dot(fits_too, fits_too, 6));
  }
}

TEST_CASE("with noise nothing is better than ridge with lambda = noise^2") {
  const Tasks tasks = Regression{.inputs = 5, .points = 9, .noise = 0.5}.draw(6, 0, 20'000);
  for (const long k : {3L, 8L}) {
    const std::vector<double> best = ridge_squares(tasks, k, 0.25);
    for (const double lambda : {0.0, 0.12, 0.5}) {
      CHECK(mean_of(difference(ridge_squares(tasks, k, lambda), best), "tasks").low > 0);
    }
  }
}

TEST_CASE("a task as pairs hides the last y, and gives it apart") {
  const Tasks tasks = Regression{.inputs = 2, .points = 3}.draw(7, 0, 2);
  primer::autograd::Tape<double> tape;
  const auto tokens = pair_tokens(tape, tasks);
  CHECK(tokens.shape == primer::autograd::Shape{2, 3, 3});
  for (long b = 0; b < 2; ++b) {
    for (long i = 0; i < 3; ++i) {
      const double* token = tokens.data() + (b * 3 + i) * 3;
      CHECK(token[0] == tasks.x_of(b, i)[0]);
      CHECK(token[1] == tasks.x_of(b, i)[1]);
      CHECK(token[2] == (i < 2 ? tasks.y_of(b, i) : 0));
    }
    CHECK(last_y(tape, tasks).data()[b] == tasks.y_of(b, 2));
  }
}

TEST_CASE(
    "tasks that are scaled keep y = w'x, a part is its points, and strangers' examples leave the last point as it is") {
  const Tasks tasks = Regression{.inputs = 2, .points = 3}.draw(8, 0, 4), larger = tasks.scaled(2, 0.5);
  const Tasks part = tasks.part(2, 1, 2), mixed = tasks.with_others_examples();
  CHECK(larger.x[5] == 2 * tasks.x[5]);
  CHECK(larger.w[3] == 0.5 * tasks.w[3]);
  for (long b = 0; b < 4; ++b) {
    for (long i = 0; i < 3; ++i) {
      CHECK(larger.y_of(b, i) == Approx(larger.exact(b, i)).epsilon(1e-12));
      CHECK(mixed.y_of(b, i) == tasks.y_of(i < 2 ? (b + 1) % 4 : b, i));
    }
  }
  CHECK(mixed.x == tasks.x);
  for (long i = 0; i < 2; ++i) {
    CHECK(part.y_of(0, i) == tasks.y_of(2, i + 1));
    CHECK(part.exact(0, i) == tasks.exact(2, i + 1));
  }
}
