// A run that goes on with other wishes: longer, from an earlier step, or refused.
#include <doctest/doctest.h>

#include "tests/threads.h"
#include "tests/train/small_run.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;
using primer::test::Threads;

TEST_CASE("an extended run keeps its schedule, and its rate then stays at the minimum") {
  const Threads threads(1);
  const Options options = small({{"steps", "20"}, {"lr", "0.01"}, {"min_lr", "0.001"}, {"warmup", "2"}});
  const TrainedRun run(prose(1200), options);
  run.train();
  const std::string first = run.metrics();
  CHECK(run.train().step == 20);  // nothing left to do, and nothing changed
  CHECK(run.metrics() == first);
  CHECK(run.train(wishes({{"steps", "30"}})).step == 30);
  const std::string extended = run.metrics();
  CHECK(extended.starts_with(first));
  std::size_t at_minimum = 0;
  for (auto at = extended.find("\"lr\":0.001,"); at != std::string::npos; at = extended.find("\"lr\":0.001,", at + 1)) {
    ++at_minimum;
  }
  CHECK(at_minimum == 10);

  // Extended in two parts, with a cut between: config.json knows the new length before a checkpoint does.
  const TrainedRun cut(prose(1200), options);
  cut.train();
  RaiseAt at_once(0, SIGTERM);
  cut.train(at_once, wishes({{"steps", "30"}}));
  CHECK(cut.train().step == 30);
  CHECK(cut.metrics() == extended);
  CHECK_THROWS_WITH_AS(cut.train(wishes({{"steps", "25"}})), doctest::Contains("fewer than the 30"), Error);
}

TEST_CASE("a run that goes on may get more epochs, as many steps as a new run would plan for them") {
  const Threads threads(1);
  for (const auto& [objective, text] :
       std::vector<std::pair<std::string, std::string>>{{"lm", prose(1200)}, {"classify", labelled_lines(37)}}) {
    CAPTURE(objective);
    const Options options = small({{"objective", objective}, {"context", "16"}});
    const auto with = [&](const std::string& key, const std::string& value) {
      Options all = options;
      std::erase_if(all, [](const auto& option) { return option.first == "steps"; });
      all.emplace_back(key, value);
      return all;
    };
    const TrainedRun three(text, with("epochs", "3"));
    const long steps = three.train().step;
    CHECK(steps > 3);
    CHECK(three.train(wishes({{"epochs", "3"}})).step == steps);  // as many as it has
    const TrainedRun one(text, with("epochs", "1"));
    CHECK(one.train().step < steps);
    CHECK(one.train(wishes({{"epochs", "3"}})).step == steps);
    CHECK_THROWS_WITH_AS(one.train(wishes({{"epochs", "2"}})), doctest::Contains("is fewer than the"), Error);
    CHECK(one.train(wishes({{"epochs", "9"}, {"steps", std::to_string(steps + 1)}})).step == steps + 1);
  }
}

TEST_CASE("a run that goes on for some minutes gets the steps that fit, more or fewer than it had") {
  const Threads threads(1);
  const TrainedRun run(prose(1200), small({{"steps", "3"}}));
  run.train();
  {
    OpenRun open = open_run(run.paths, {});
    const long more = extend_by_minutes(open, 1e-3);
    CHECK(more >= 1);
    CHECK(open.checkpoint.config.steps == 3 + more);
  }
  Config saved;
  read_json(saved, file_bytes(run.paths.config()), "config", ChosenBy::file);
  CHECK(saved.minutes == 0);
  CHECK(run.train().step == saved.steps);  // config.json alone knows how far
  const TrainedRun long_run(prose(1200), small({{"steps", "1000000000"}}));
  OpenRun open = open_run(long_run.paths, {});
  const long fewer = extend_by_minutes(open, 1e-3);
  CHECK(fewer < 1000000);
  CHECK(open.checkpoint.config.steps == fewer);
  CHECK(open.checkpoint.state.schedule_steps == fewer);  // it would have ended with the run
}

TEST_CASE("the older checkpoints that stay are a function of the step, wherever a run was interrupted") {
  const Threads threads(1);
  const auto kept = [](const TrainedRun& run) { return CheckpointStore(run.paths.checkpoints()).list(); };
  for (const char* rate : {"0.001", "0"}) {  // the best model is a later one, or that of step 0
    CAPTURE(rate);
    const Options options = small(
        {{"steps", "23"}, {"save_every", "5"}, {"keep", "2"}, {"eval_every", "5"}, {"lr", rate}, {"min_lr", "0"}});
    const TrainedRun whole(prose(1200), options);
    whole.train();
    REQUIRE(kept(whole).size() >= 3);
    for (long look = 0;; look += 3) {
      const TrainedRun cut(prose(1200), options);
      RaiseAt signal(look, SIGTERM);
      cut.train(signal);
      if (!signal.was_raised()) break;
      RaiseAt again(3, SIGTERM);
      cut.train(again);
      cut.train();
      CAPTURE(look);
      REQUIRE(kept(cut) == kept(whole));
    }
  }
}

TEST_CASE(
    "a run that goes back ends as one that never stopped; what was later is set aside, and a refusal changes nothing") {
  const Threads threads(1);
  const Options options = small({{"steps", "30"}, {"save_every", "5"}, {"keep", "9"}, {"eval_every", "5"}});
  const TrainedRun run(prose(1200), options);
  run.train();
  const std::string expected = essence(run, 30), metrics = run.metrics();
  const std::string newest = run.checkpoint(30, "model.safetensors");
  const CheckpointStore store(run.paths.checkpoints());
  const auto all = store.list();
  const auto back = [&](Choice choice, const Config& more = {}) { return open_run(run.paths, more, choice); };

  CHECK(back({Choice::Kind::last, 0}).is_finished());
  CHECK_THROWS_WITH_AS(back({Choice::Kind::step, 7}),
                       doctest::Contains("there is no checkpoint of step 7; there are 0, 5"), Error);
  CHECK_THROWS_AS(back({Choice::Kind::step, 10}, wishes({{"channels", "32"}})), Error);
  CHECK_THROWS_AS(back({Choice::Kind::step, 10}, wishes({{"steps", "29"}})), Error);
  CHECK(store.list() == all);

  for (int time = 0; time < 2; ++time) {  // the second time there are files of these names already
    CAPTURE(time);
    const std::string ending = time == 0 ? ".aside" : ".aside.2";
    {
      const OpenRun open = back({Choice::Kind::step, 10});
      CHECK(open.checkpoint.id == CheckpointId{10});
      CHECK(store.list() == std::vector<CheckpointId>{{0}, {5}, {10}});
      CHECK(open.notes.size() == 1 + 2 + all.size() - 3);
    }
    CHECK(file_bytes(store.path({30}) + ending + "/model.safetensors") == newest);
    CHECK(file_bytes(run.paths.metrics() + ending) == metrics);
    Interruption none;
    run.train(none);
    CHECK(essence(run, 30) == expected);
    CHECK(run.metrics() == metrics);
    CHECK(store.list() == all);
  }
}

TEST_CASE("what belongs to a run cannot be changed when it goes on") {
  const Threads threads(1);
  const TrainedRun run(prose(1200), small({{"steps", "3"}}));
  run.train();
  for (const auto& [key, value] : Options{{"lr", "0.5"}, {"layers", "2"}, {"seed", "5"}, {"eval_every", "2"}}) {
    CAPTURE(key);
    try {
      run.train(wishes({{key, value}}));
      FAIL("went on");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::usage);
    }
  }
  CHECK(run.train(wishes({{"layers", "1"}, {"keep", "5"}, {"save_every", "2"}, {"steps", "4"}})).step == 4);
}
