// Which step of a run a command takes, and that it says so.
#include <doctest/doctest.h>

#include "tests/train/process.h"
#include "tests/train/small_run.h"
#include "train/checkpoints/loaded_run.h"

using namespace primer::train;

namespace {

/// Which step is taken, and what is said of it.
std::string taken(const TrainedRun& run, const Choice& choice) {
  const auto loaded = load_run(run.paths.directory, choice);
  std::string said = std::to_string(loaded->id.step) + ":";
  for (const std::string& warning : loaded->warnings) said += " " + warning;
  return said;
}

constexpr Choice best{Choice::Kind::best, 0}, last{Choice::Kind::last, 0};

}  // namespace

TEST_CASE("a run that was stopped before its first evaluation is read at its last step, not at its beginning") {
  const TrainedRun run(prose(2000), small({{"eval_every", "40"}, {"steps", "100"}, {"eval_batches", "1"}}));
  const auto stop_at = [&](long look) {
    RaiseAt signal(look, SIGTERM);
    REQUIRE(run.train(signal).signal == SIGTERM);
  };
  stop_at(20);
  const std::string step = taken(run, last);
  CHECK(step != "0:");
  CHECK(taken(run, best) ==
        step + " step " + step.substr(0, step.size() - 1) + ", the last one: none was evaluated since the beginning");
  stop_at(60);  // after the first evaluation, of step 40
  const std::string newest = taken(run, last);
  CHECK(newest != "40:");
  CHECK(taken(run, best) ==
        "40: step 40, the best so far; --checkpoint last takes step " + newest.substr(0, newest.size() - 1));
  CHECK(taken(run, {Choice::Kind::step, 40}) == "40:");
}

TEST_CASE("a run whose last step is its best is read without a word") {
  const TrainedRun run(prose(2000), small({{"eval_every", "10"}, {"steps", "20"}}));
  run.train();
  CHECK(taken(run, best) == "20:");
}

TEST_CASE("a model that only got worse is read at its beginning") {
  const TrainedRun run(prose(2000), small({{"eval_every", "10"}, {"steps", "20"}, {"lr", "50"}, {"clip", "0"}}));
  run.train();
  CHECK(taken(run, best) == "0: step 0, the best so far; --checkpoint last takes step 20");
}

TEST_CASE("a dry run says what the start would say, and tells of files") {
  const FreshDirectory here;
  here.write("a.txt", prose(600));
  here.write("texts/one.txt", prose(600));
  here.write("texts/two.txt", std::string("a\0b", 3));
  REQUIRE(run_primer(
              here,
              "train a.txt -o run --layers 1 --channels 8 --heads 2 --steps 2 -q --tokenizer char --no-unknown-symbol")
              .code == 0);
  here.write("b.txt", prose(300) + "Gr\u00F6\u00DFe");
  const std::string lacks =
      "note   3 symbols of the text are not in the vocabulary and are left out, the first of them ";
  CHECK(run_primer(here, "train b.txt --init-from run --dry-run").out.find(lacks) != std::string::npos);
  CHECK(run_primer(here, "train b.txt --init-from run -o next --steps 2").err.find(lacks) != std::string::npos);
  const Outcome plan = run_primer(here, "train texts --dry-run");
  CHECK(plan.err == "files  1 file, 600 bytes; skipped 1 (1 with NUL bytes)\n");
  CHECK(plan.out.find("files") == std::string::npos);
  const Outcome one = run_primer(here, "train a.txt --dry-run --layers 1 --heads 1 --minutes 1");
  CHECK(one.out.find("1 layer, 1 head, ") != std::string::npos);
  CHECK(one.out.find("run    1 minute of ") != std::string::npos);
}
