// A training that is killed at any moment goes on by itself, and ends as if nothing had happened.
#include "tests/train/planned.h"
#include "tests/train/process.h"

namespace fs = std::filesystem;

namespace {

// Kills a training after random times until it ends, several trainings if need be. `reach` is the longest time between
// two kills, in the time of an unbroken training.
void kill_until_it_ends(const FreshDirectory& here, const std::string& options, double reach, long kills,
                        unsigned seed) {
  here.write("t.txt", prose(1200));
  const Unbroken unbroken(here, options);
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> time(0, reach * unbroken.seconds);
  long killed = 0, before_run = 0, endings = 0;
  while (killed < kills || fs::exists(here / "run")) {
    const bool is_there = fs::exists(here / "run");
    const std::string begin = "exec primer train t.txt -o run" + options;
    Process process(here, is_there ? "exec primer train --resume -o run -q" : begin);
    // From some number on it may end.
    if (killed < 2 * kills) {
      process.run_for(time(random));
      process.send(SIGKILL);
    }
    const Outcome outcome = process.wait();
    if (outcome.code == 128 + SIGKILL) {
      ++killed;
      if (!fs::exists(here / "run")) ++before_run;
      continue;
    }
    CAPTURE(killed);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    REQUIRE(difference(unbroken.tree, tree_of(here / "run")) == "");
    fs::remove_all(here / "run");
    REQUIRE(listing(here.path) == "t.txt");
    ++endings;
  }
  MESSAGE(killed << " kills, " << before_run << " of them before there was a run, " << endings << " endings");
  CHECK(endings > 0);
}

}  // namespace

TEST_CASE("a training that is killed again and again ends as the unbroken one") {
  kill_until_it_ends(MemoryDirectory(), small_run + "--steps 200 --save-every 1 -q", 0.5, sample(6), 1);
  kill_until_it_ends(FreshDirectory(), small_run + "--steps 200 -q", 1.2, sample(4), 2);
}

TEST_CASE("a preparation that is killed begins anew") {
  const MemoryDirectory here;
  here.write("t.txt", prose(400'000));
  const std::string train = "exec primer train t.txt -o run" + small_run + "--steps 1 --eval-batches 1 -q";
  double seconds = 0;
  {
    Process process(here, train);
    const auto begin = std::chrono::steady_clock::now();
    process.until([&] { return fs::exists(here / "run"); });
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    REQUIRE(process.wait().code == 0);
  }
  const Tree expected = tree_of(here / "run");
  fs::remove_all(here / "run");
  std::mt19937 random(8);
  std::uniform_real_distribution<double> time(0, 1.1 * seconds);
  long killed = 0, leftovers = 0;
  while (killed < 6) {
    Process process(here, train);
    process.run_for(time(random));
    process.send(SIGKILL);
    const Outcome outcome = process.wait();
    if (fs::exists(here / "run")) {
      fs::remove_all(here / "run");
      continue;
    }
    REQUIRE(outcome.code == 128 + SIGKILL);
    ++killed;
    leftovers += listing(here.path) != "t.txt";
  }
  MESSAGE(killed << " kills, " << leftovers << " of them left something");
  CHECK(Process(here, train).wait().code == 0);
  CHECK(listing(here.path) == "run t.txt");
  CHECK(difference(expected, tree_of(here / "run")) == "");
}

TEST_CASE("what a killed preparation leaves is removed by the next one") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  const std::string options = small_run + "--steps 3 -q";
  const Unbroken unbroken(here, options);
  fs::create_directories(here / ".run.starting.1/checkpoints");  // killed while another removed it: its lock is gone
  here.write(".run.starting.1/tokens", "some");
  fs::create_directory(here / ".run.starting.2");  // killed before it was locked
  here.write(".run.starting.3/lock", "process 3\n");
  here.write(".runs.starting.4/lock", "of another run");
  here.write(".run.5", "of nobody");
  CHECK(run_primer(here, "train t.txt -o run" + options).code == 0);
  CHECK(listing(here.path) == ".run.5 .runs.starting.4 run t.txt");
  CHECK(difference(unbroken.tree, tree_of(here / "run")) == "");
}

TEST_CASE("what a killed resumption leaves is removed by the next one") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  const Unbroken unbroken(here, small_run + "--steps 3 -q");
  REQUIRE(run_primer(here, "train t.txt -o run" + small_run + "--steps 3 -q").code == 0);
  here.write("run/.config.json.77-0.tmp", "{");
  here.write("run/checkpoints/.step-000000009.tmp/manifest", "");
  here.write("run/checkpoints/.step-000000001.old/manifest", "");
  here.write("run/.hidden", "of nobody");
  CHECK(run_primer(here, "train --resume -o run -q").code == 0);
  CHECK(difference(unbroken.tree, tree_of(here / "run")) == "unexpected: .hidden\n");
}

TEST_SUITE("long") {
  TEST_CASE("thirty kills at random moments lose nothing") {
    kill_until_it_ends(MemoryDirectory(), small_run + "--steps 200 --save-every 1 -q", 0.3, 15, 8);
    kill_until_it_ends(FreshDirectory(), small_run + "--steps 300 --save-every 10 -q", 0.6, 10, 9);
    kill_until_it_ends(MemoryDirectory(), small_run + "--steps 200 --objective mlm -q", 1.2, 5, 10);
  }
}

TEST_SUITE("campaign") {
  TEST_CASE("two hundred and forty kills at random moments lose nothing") {
    kill_until_it_ends(FreshDirectory(), small_run + "--steps 200 --save-every 1 -q", 0.2, 60, 3);
    kill_until_it_ends(MemoryDirectory(), small_run + "--steps 300 --save-every 1 -q", 0.3, 60, 4);
    kill_until_it_ends(FreshDirectory(), small_run + "--steps 400 --save-every 10 -q", 0.6, 40, 5);
    kill_until_it_ends(FreshDirectory(), small_run + "--steps 600 -q", 1.2, 40, 6);
    kill_until_it_ends(MemoryDirectory(), small_run + "--steps 300 --objective mlm -q", 1.2, 20, 7);
    kill_until_it_ends(MemoryDirectory(), small_recurrent_run + "--steps 300 -q", 1.2, 20, 11);
    kill_until_it_ends(MemoryDirectory(), small_llama_run + "--steps 300 -q", 1.2, 20, 12);
  }
}
