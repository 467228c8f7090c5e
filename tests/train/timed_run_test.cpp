// Trainings that have a time instead of a number of steps.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/train/small_run.h"

using namespace primer::train;

namespace {

nlohmann::json config_of(const TrainedRun& run) { return nlohmann::json::parse(file_bytes(run.paths.config())); }
long steps_of(const TrainedRun& run) { return config_of(run)["steps"].get<long>(); }

TrainingResult train(const TrainedRun& run, const TimeLimit& limit, Interruption& interruption) {
  const RunLock lock(run.paths.lock());
  OpenRun open = open_run(run.paths, {});
  Progress progress(Progress::Style::quiet, open.checkpoint.config.steps);
  return train_run(open, progress, interruption, limit);
}

}  // namespace

TEST_CASE("a training that has more steps than its time has room for gets fewer, and is complete") {
  const primer::test::Threads threads(1);
  const TrainedRun run(prose(2000), small({{"steps", "100000000"}, {"eval_every", "20"}}));
  Interruption none;
  const TrainingResult result = train(run, {.seconds = 0.3}, none);
  CHECK(result.signal == 0);
  CHECK(result.step < 100000000);
  CHECK(steps_of(run) == result.step);
  // The last learning rate is the schedule's last, and whoever goes on finds the run at its end.
  const std::string metrics = run.metrics();
  const auto last = nlohmann::json::parse(metrics.substr(metrics.rfind('\n', metrics.size() - 2) + 1));
  CHECK(last["step"] == result.step);
  CHECK(last["lr"].get<double>() < 1.2 * config_of(run)["min_lr"].get<double>());
  CHECK(train(run, {}, none).step == result.step);
}

TEST_CASE("a training that has fewer gets more, and one without a time keeps what it has") {
  const primer::test::Threads threads(1);
  const TrainedRun run(prose(2000), small({{"steps", "40"}, {"eval_every", "10"}}));
  RaiseAt soon(60, SIGTERM);  // it is asked before every batch of an evaluation, too
  const TrainingResult stopped = train(run, {.seconds = 3600}, soon);
  CHECK(stopped.signal == SIGTERM);
  CHECK(stopped.step < 40);
  const long steps = steps_of(run);
  CHECK(steps > 1000);
  RaiseAt later(60, SIGTERM);
  CHECK(train(run, {}, later).step > stopped.step);
  CHECK(steps_of(run) == steps);
  // Wherever it is stopped, also in an evaluation, it goes on: no step more has no pace.
  for (long asked = 20; asked < 40; ++asked) {
    RaiseAt then(asked, SIGTERM);
    train(run, {.seconds = 3600}, then);
    REQUIRE(steps_of(run) > 1000);
  }
}

TEST_CASE("of a number of steps and a time, the first to be reached ends a training") {
  const primer::test::Threads threads(1);
  const TrainedRun run(prose(2000), small({{"steps", "40"}, {"eval_every", "10"}}));
  Interruption none;
  CHECK(train(run, {.seconds = 3600, .most = 60}, none).step == 60);
  // A time that is over ends it at the next evaluation; a time from here may be shorter than what was planned.
  const TrainedRun other(prose(2000), small({{"steps", "100"}, {"eval_every", "10"}}));
  CHECK(train(other, {.seconds = 1e-9}, none).step == 10);
  const TrainedRun third(prose(2000), small({{"steps", "100"}, {"eval_every", "0"}}));
  RaiseAt soon(40, SIGTERM);
  train(third, {}, soon);
  {
    const RunLock lock(third.paths.lock());
    OpenRun open = open_run(third.paths, {});
    REQUIRE(open.checkpoint.id.step < 60);
    set_steps(open, 60);
    Progress progress(Progress::Style::quiet, 60);
    CHECK(train_run(open, progress, none).step == 60);
  }
  CHECK(steps_of(third) == 60);
}
