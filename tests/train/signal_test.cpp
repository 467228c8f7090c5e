// Signals to the program while it trains.
#include "tests/train/planned.h"
#include "tests/train/process.h"

namespace fs = std::filesystem;

namespace {

const std::string run_name = "it's a \"run\" of $1";  // that a shell must be told with care
const std::string in_quotes = "\"it's a \\\"run\\\" of \\$1\"";

// The command that is printed for going on, "" if there is none.
std::string resume_command(const std::string& err) {
  const std::string words = "to go on: ";
  const auto at = err.rfind(words);
  if (at == std::string::npos) return {};
  const auto begin = at + words.size();
  return err.substr(begin, err.find('\n', begin) - begin);
}

// Stops trainings by so many signals at random moments, or a few more, and goes on by the command that they print.
void stop_at_random(const FreshDirectory& here, const std::string& options, double reach, long signals, unsigned seed) {
  here.write("t.txt", prose(1200));
  const Unbroken unbroken(here, options);
  const std::string begin = "exec primer train t.txt -o " + in_quotes + options;
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> time(0, reach * unbroken.seconds);
  std::string command = begin;
  long sent = 0, stopped = 0, endings = 0;
  while (sent < signals || endings == 0 || command != begin) {
    const int signal = std::vector<int>{SIGTERM, SIGINT, SIGHUP}[random() % 3];
    Process process(here, command);
    if (sent < 2 * signals) {  // then it may end, however slow the machine has become
      process.run_for(time(random));
      process.send(signal);
      ++sent;
    }
    const Outcome outcome = process.wait();
    CAPTURE(command);
    CAPTURE(outcome.err);
    if (const std::string next = resume_command(outcome.err); !next.empty()) {
      REQUIRE(outcome.code == 128 + signal);
      REQUIRE(next == "primer train --resume -o 'it'\\''s a \"run\" of $1'");
      command = "exec " + next;
      ++stopped;
    } else if (outcome.code != 0 && outcome.err.find("\nsaved  " + run_name) == std::string::npos) {
      REQUIRE(outcome.code == 128 + signal);  // before there was anything to save
      REQUIRE((command != begin || !fs::exists(here / run_name)));
    } else {
      REQUIRE((outcome.code == 0 || outcome.code == 128 + signal));  // after the last step
      REQUIRE(difference(unbroken.tree, tree_of(here / run_name)) == "");
      fs::remove_all(here / run_name);
      command = begin;
      ++endings;
    }
  }
  MESSAGE(sent << " signals, " << stopped << " stops, " << endings << " endings");
}

const std::string evaluates_always = [] {
  std::string options = small_run;
  return options.replace(options.find("--eval-every 20"), 15, "--eval-every 1");
}();
const std::string endless = small_run + "--steps 10000000 --schedule constant --val-fraction 0 ";

// Waits until `count` lines more are in the log.
bool goes_on(Process& process, const std::string& log, long count) {
  const long before = line_count(log);
  return process.until([&] { return line_count(log) >= before + count; });
}

// The name of the newest checkpoint, "" if there is none. Older ones are pruned: waiting for a certain one could miss
// it.
std::string newest(const std::string& checkpoints) {
  const std::string all = listing(checkpoints);
  const std::string last = all.substr(all.rfind(' ') + 1);
  return last.starts_with("step-") ? last : "";
}

// Signals a training twice, both at a moment of which `is_there()` says that it is the wanted one. Whichever of the two
// is handled last must end it: it writes nothing more, and neither saves nor says how to go on.
template <class Moment>
void signal_twice(const FreshDirectory& here, const std::string& arguments, Moment is_there) {
  Process process(here, "exec primer train " + arguments);
  const std::string log = here / "run/metrics.jsonl";
  REQUIRE(process.until([&] { return fs::exists(log); }));
  std::string checkpoints;
  long lines = 0;
  REQUIRE(process.until([&] {
    const Pause pause(process);
    if (!is_there()) return false;
    process.send(SIGINT);
    process.send(SIGTERM);
    checkpoints = listing(here / "run/checkpoints");
    lines = line_count(log);
    return true;
  }));
  const Outcome outcome = process.wait();
  CAPTURE(outcome.err);
  CHECK((outcome.code == 128 + SIGTERM || outcome.code == 128 + SIGINT));
  CHECK(resume_command(outcome.err) == "");
  CHECK(listing(here / "run/checkpoints") == checkpoints);
  CHECK(line_count(log) == lines);
}

}  // namespace

TEST_CASE("a training that signals stop is gone on with by the command it prints") {
  stop_at_random(FreshDirectory(), small_run + "--steps 300", 0.8, sample(10), 1);
}

TEST_CASE("SIGUSR1 saves and goes on; a SIGHUP that was ignored stays ignored") {
  const FreshDirectory here;
  here.write("t.txt", prose(1200));
  Process process(here, "trap '' HUP && exec primer train t.txt -o run" + endless);
  const std::string log = here / "run/metrics.jsonl";
  REQUIRE(goes_on(process, log, 5));
  CHECK(listing(here / "run/checkpoints") == "step-000000000");
  for (int time = 1; time <= 2; ++time) {
    process.send(SIGUSR1);
    const std::string last = newest(here / "run/checkpoints");
    REQUIRE(process.until([&] { return newest(here / "run/checkpoints") > last; }));
    REQUIRE(goes_on(process, log, 5));
  }
  process.send(SIGHUP);
  REQUIRE(goes_on(process, log, 50));
  process.send(SIGTERM);
  const Outcome outcome = process.wait();
  CHECK(outcome.code == 128 + SIGTERM);
  CHECK(outcome.err.find("saved  step") != std::string::npos);
  CHECK(resume_command(outcome.err) == "primer train --resume -o run");
}

TEST_CASE("a second signal ends a training at once, whatever it is doing") {
  const FreshDirectory here;
  here.write("t.txt", prose(300'000));
  const std::string step = "t.txt -o run --layers 4 --channels 256 --heads 4 --context 256 --batch 32 --steps 100000 ";
  SUBCASE("a step of some seconds") {
    signal_twice(here, step + "--val-fraction 0", [] { return true; });
    REQUIRE(run_primer(here, "info run").code == 0);
  }
  SUBCASE("an evaluation") {
    signal_twice(here, step + "--val-fraction 0.5 --eval-batches 0", [] { return true; });
  }
  SUBCASE("a save") {
    const std::string model = "t.txt -o run --layers 2 --channels 256 --heads 4 --context 8 --batch 1 ";
    signal_twice(here, model + "--steps 100000 --save-every 1 --val-fraction 0", [&] {
      return newest(here / "run/checkpoints") > "step-000000002" &&
             listing(here / "run/checkpoints").find(".tmp") != std::string::npos;
    });
    Process resumed(here, "exec primer train --resume -o run --save-every 1000000");
    REQUIRE(goes_on(resumed, here / "run/metrics.jsonl", 1));
    resumed.send(SIGTERM);
    CHECK(resumed.wait().code == 128 + SIGTERM);
    CHECK(listing(here / "run/checkpoints").find(".tmp") == std::string::npos);
  }
}

TEST_SUITE("long") {
  TEST_CASE("stops by signals at random moments of evaluations and saves change nothing") {
    stop_at_random(FreshDirectory(), small_run + "--steps 300 --save-every 7", 1, 6, 5);
    stop_at_random(MemoryDirectory(), evaluates_always + "--steps 200 --eval-batches 0", 1, 6, 6);
  }
}

TEST_SUITE("campaign") {
  TEST_CASE("a hundred stops by signals at random moments change nothing") {
    stop_at_random(MemoryDirectory(), small_run + "--steps 2000", 1, 50, 2);
    stop_at_random(FreshDirectory(), small_run + "--steps 1000 --save-every 7", 1, 30, 3);
    stop_at_random(MemoryDirectory(), evaluates_always + "--steps 400 --eval-batches 0", 1, 20, 4);
    stop_at_random(MemoryDirectory(), small_recurrent_run + "--steps 1000", 1, 20, 7);
    stop_at_random(MemoryDirectory(), small_llama_run + "--steps 1000", 1, 20, 8);
  }
}
