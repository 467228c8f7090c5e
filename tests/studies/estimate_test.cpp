// What the laboratory says of its figures: intervals hold what they should, bounds can fail, a NaN never passes.
#include "studies/lab/estimate.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "autograd/error.h"
#include "autograd/random.h"

using namespace primer::studies;
using primer::autograd::Random;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// The share of `studies` of n values each whose interval holds the true mean. interval(values) makes the estimate.
template <class Draw, class Interval>
double coverage(long studies, std::uint64_t n, double truth, Draw draw, Interval interval) {
  long held = 0;
  for (long study = 0; study < studies; ++study) {
    const Random random(7, primer::autograd::hash("coverage"), static_cast<std::uint64_t>(study));
    std::vector<double> values;
    for (std::uint64_t i = 0; i < n; ++i) values.push_back(draw(random, i));
    const Estimate found = interval(values);
    held += found.low <= truth && truth <= found.high ? 1 : 0;
  }
  return static_cast<double>(held) / static_cast<double>(studies);
}

}  // namespace

TEST_CASE("a mean, its standard error and Student's interval") {
  const Estimate found = mean_of(std::vector<double>{1, 2, 6}, "seeds");
  CHECK(found.mean == 3);
  CHECK(found.error == doctest::Approx(std::sqrt(7.0 / 3)));
  CHECK(found.high - found.mean == doctest::Approx(4.3027 * found.error));
  CHECK(found.mean - found.low == doctest::Approx(4.3027 * found.error));
  CHECK(found.count == 3);
  const Estimate single = mean_of(std::vector<double>{5}, "seeds");
  CHECK(single.mean == 5);
  CHECK(std::isnan(single.error));
  CHECK(std::isnan(mean_of({}, "seeds").mean));
}

TEST_CASE("percentiles of Student's t are those of the tables, beyond the table too") {
  CHECK(student_t(1) == doctest::Approx(12.706).epsilon(1e-3));
  for (const auto& [degrees, t] : {std::pair{11L, 2.2010}, {15L, 2.1314}, {30L, 2.0423}, {100L, 1.9840}}) {
    CAPTURE(degrees);
    CHECK(student_t(degrees) == doctest::Approx(t).epsilon(1e-3));
  }
  CHECK(std::isnan(student_t(0)));
}

TEST_CASE("intervals hold the true mean in about 95 of 100 studies, of few normal values and of many skewed ones") {
  const auto normal = [](const Random& random, std::uint64_t i) { return 3 + 2 * random.normal(i); };
  const auto of = [](const std::vector<double>& values) { return mean_of(values, "items"); };
  CHECK(std::abs(coverage(4000, 3, 3, normal, of) - 0.95) < 0.015);  // four standard errors of a share of 4000
  CHECK(std::abs(coverage(4000, 12, 3, normal, of) - 0.95) < 0.015);
  const auto exponential = [](const Random& random, std::uint64_t i) { return -std::log(1 - random.uniform(i)); };
  const auto again = [](const std::vector<double>& values) { return bootstrap(values, "items", 3, 400); };
  CHECK(std::abs(coverage(600, 200, 1, exponential, again) - 0.95) < 0.036);
}

TEST_CASE("values that belong together are compared pair by pair") {
  const std::vector<double> a{10, 20, 31}, b{9, 19, 29};
  const Estimate found = mean_of(difference(a, b), "seeds");
  CHECK(found.mean == doctest::Approx(4.0 / 3));
  CHECK(found.error == doctest::Approx(1.0 / 3));
  CHECK_THROWS_AS(difference(a, std::vector<double>{1}), primer::autograd::Error);
  CHECK(difference(a, b) == std::vector<double>{1, 1, 2});
  CHECK(difference(a, b, 0.5) == std::vector<double>{5.5, 10.5, 16.5});
  CHECK(means_of_pairs(std::vector<double>{0, 1, 1, 1}) == std::vector<double>{0.5, 1});
}

TEST_CASE("the mean of groups counts items, its error groups") {
  const Estimate found = mean_of_groups(std::vector<double>{1, 1}, std::vector<double>{1, 3});
  CHECK(found.mean == 0.5);
  CHECK(found.error == doctest::Approx(std::sqrt(2 * 2 * 0.25) / 4));  // (1 - 0.5)^2 + (1 - 1.5)^2
}

TEST_CASE("a bound says what it wants, and holds for that alone") {
  CHECK(at_least(0.95).text() == ">= 0.95");
  CHECK(at_most(0.15).text() == "<= 0.15");
  CHECK(between(-0.1, 0.1).text() == "-0.1 to 0.1");
  CHECK(at_least(0.95).holds(0.95));
  CHECK_FALSE(at_least(0.95).holds(0.9499));
  CHECK(at_most(0.15).holds(0.15));
  CHECK_FALSE(at_most(0.15).holds(0.1501));
  CHECK_FALSE(between(-0.1, 0.1).holds(0.11));
  for (const Bound& bound : {at_least(-1e9), at_most(1e9), between(-1, 1)}) CHECK_FALSE(bound.holds(not_a_number));
  CHECK(at_least(0.9).margin(0.95) == doctest::Approx(0.05));
  CHECK(at_most(0.1).margin(0.3) == doctest::Approx(-0.2));
}

TEST_CASE("a number is not rounded over a bound that it does not reach, nor away from one that it does") {
  CHECK(short_number(0.94996, at_least(0.95)) == "0.94996");
  CHECK(short_number(0.9499999996, at_least(0.95)) == "0.9499999996");
  CHECK(short_number(0.95004, at_least(0.95)) == "0.95");
  CHECK(short_number(0.15004, at_most(0.15)) == "0.15004");
  CHECK(short_number(0.123412, at_least(0.12341)) == "0.12341");
  CHECK(short_number(not_a_number, at_least(0)) == "nan");
}

TEST_CASE("numbers are short, and small ones keep their digits") {
  CHECK(short_number(0.95) == "0.95");
  CHECK(short_number(2) == "2");
  CHECK(short_number(0) == "0");
  CHECK(short_number(-0.00001) == "-1e-05");
  CHECK(short_number(12345.678) == "12345.678");
  CHECK(short_number(3.1e-12) == "3.1e-12");
}
