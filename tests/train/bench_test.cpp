#include "train/bench/bench.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "autograd/error.h"
#include "train/step/step_meter.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;

namespace {

BenchReport report_of(std::vector<double> peaks, double bandwidth, std::vector<BenchResult> results) {
  BenchReport report;
  report.peaks = std::move(peaks);
  report.bandwidth = bandwidth;
  report.results = std::move(results);
  return report;
}

BenchResult result(const std::string& name, double gflops, double gb_per_s) {
  BenchResult result;
  result.name = name;
  result.gflops = gflops;
  result.gb_per_s = gb_per_s;
  return result;
}

}  // namespace

TEST_CASE("a share is that of the best peak, or of the bandwidth where bytes are counted") {
  const BenchReport report = report_of({180, 200, 190}, 40, {result("B", 150, 0), result("B-decode-1", 10, 30)});
  CHECK(report.peak() == 200);
  CHECK(report.moved() == doctest::Approx(0.1));
  CHECK(report.share_of_limit(report.results[0]) == 0.75);
  CHECK(report.share_of_limit(report.results[1]) == 0.75);
  CHECK(report.share_of_peak(report.results[1]) == 0.05);
  CHECK(report_of({181, 200}, 40, {}).is_steady());
  CHECK(!report_of({179, 200}, 40, {}).is_steady());
}

TEST_CASE("what lost more than a tenth of its share is named, what is new or gone is not") {
  const BenchReport report = report_of({200}, 40, {result("A", 100, 0), result("B", 136, 0), result("new", 1, 0)});
  CHECK(lost_cases(report, {{"A", 0.55}, {"B", 0.75}, {"gone", 0.9}}) == "");
  CHECK(lost_cases(report, {{"A", 0.56}, {"B", 0.75}}) == "A");
  CHECK(lost_cases(report, {{"A", 0.56}, {"B", 0.76}}) == "A, B");
}

TEST_CASE("shares are read from what bench --json writes, and from nothing else") {
  const auto shares = read_shares(
      R"({"core":"Zen","cases":[{"name":"A","ms":1,"share_of_limit":0.5},{"name":"B","share_of_limit":0.25}]})",
      "my.json");
  CHECK(shares == std::map<std::string, double>{{"A", 0.5}, {"B", 0.25}});
  for (const char* json : {"", "{}", "{\"cases\":[]}", "{\"cases\":[", "[]"}) {
    CAPTURE(json);
    try {
      read_shares(json, "my.json");
      FAIL_CHECK("accepted");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::input);
      CHECK(std::string(error.what()).starts_with("my.json: "));
    }
  }
}

TEST_CASE("a training step and sampling are measured, of a recurrent body and of linear attention too") {
  for (const char* name : {"A", "A-favor", "LSTM", "GRU"}) {
    CAPTURE(name);
    const std::vector<BenchCase> all = bench_cases();
    BenchCase small = *std::find_if(all.begin(), all.end(), [=](const BenchCase& b) { return b.name == name; });
    small.config.layers = 1;
    small.config.context = 16;
    small.config.batch = 12;
    small.steps = 3;
    const BenchResult step = run_case(small, 40);
    CHECK(step.ms > 0);
    StepMeter meter(small.config, model_config(small.config, small.vocabulary));
    CHECK(step.gflops == doctest::Approx(1e-6 * meter.part(12).work.flop / step.ms));
    CHECK(step.bound_ms > 0);
    CHECK(step.tokens_per_s == doctest::Approx(1e3 * 12 * 16 / step.ms));
    const auto parts = run_sampling(small, 2);
    REQUIRE(parts.size() == 2);
    CHECK(parts[0].name == name + std::string("-prefill-2"));
    CHECK(parts[1].name == name + std::string("-decode-2"));
    CHECK(parts[1].tokens_per_s == doctest::Approx(2e3 / parts[1].ms));
    CHECK(parts[1].gb_per_s > 0);
  }
}
