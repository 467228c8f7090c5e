// Several processes and one run: one of them owns it, the others say who, and readers never notice.
#include <sys/mman.h>

#include <atomic>

#include "autograd/error.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"
#include "train/checkpoints/run_directory.h"

namespace fs = std::filesystem;
using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;

namespace {

/// What racing processes share.
struct Board {
  std::atomic<int> ready{0}, tried{0}, owners{0}, most_owners{0}, winner{0};
  std::atomic<bool> go{false}, unnamed{false};
};

struct SharedBoard {
  Board* board = new (::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Board;
  ~SharedBoard() { ::munmap(board, sizeof(Board)); }
  Board* operator->() const { return board; }
};

template <class Condition>
void await(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

// Runs `racer(number)` in so many processes at the same moment and returns their exit codes. They touch files only.
template <class Racer>
std::vector<int> race(int racers, Board& board, Racer racer) {
  std::vector<pid_t> children;
  for (int number = 0; number < racers; ++number) {
    const pid_t child = ::fork();
    if (child == 0) {
      ++board.ready;
      await([&] { return board.go.load(); });
      int code = 70;
      try {
        code = racer(number);
      } catch (const Error& error) {
        code = static_cast<int>(error.fault());
      } catch (...) {}
      ::_exit(code);
    }
    children.push_back(child);
  }
  await([&] { return board.ready == racers; });
  board.go = true;
  std::vector<int> codes;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  return codes;
}

// Between 2 and 8 processes want the lock of one run. The owner keeps it until all have tried; or dies by kill -9.
void race_for_the_lock(long races, unsigned seed) {
  const FreshDirectory here;
  std::mt19937 random(seed);
  long unnamed = 0;
  for (long i = 0; i < races; ++i) {
    const int racers = 2 + static_cast<int>(random() % 7);
    const bool dies = random() % 2 == 0;
    const SharedBoard board;
    const std::vector<int> codes = race(racers, *board.board, [&](int) {
      try {
        const RunLock lock(here / "lock");
        const int owners = ++board->owners;
        if (owners > board->most_owners) board->most_owners = owners;
        ++board->tried;
        await([&] { return board->tried == racers; });
        if (dies) ::raise(SIGKILL);
        --board->owners;
        return 0;
      } catch (const Error& error) {
        if (std::string(error.what()).find("is in use by process ") == std::string::npos) board->unnamed = true;
        ++board->tried;
        throw;
      }
    });
    CAPTURE(racers);
    REQUIRE(board->most_owners == 1);
    REQUIRE(std::count(codes.begin(), codes.end(), dies ? 128 + SIGKILL : 0) == 1);
    REQUIRE(std::count(codes.begin(), codes.end(), static_cast<int>(Fault::busy)) == racers - 1);
    unnamed += board->unnamed;
    RunLock(here / "lock");  // free at once, however it was given up
  }
  CHECK(unnamed <= 1);  // the very first owner may be asked for before it wrote its name
}

// Between 2 and 8 processes begin a run of one name. Without `force` one of them gets it; with it each that is told so
// has a run, and none is lost.
void race_for_the_name(long races, bool force, unsigned seed) {
  std::mt19937 random(seed);
  long published = 0;
  for (long i = 0; i < races; ++i) {
    const FreshDirectory here;
    const int racers = 2 + static_cast<int>(random() % 7);
    const bool stays = random() % 2 == 0;
    if (force && random() % 2 == 0) here.write("run/lock", "");
    const long before = fs::exists(here / "run");
    if (random() % 2 == 0) here.write(".run.starting.1/lock", "of one that was killed");
    const SharedBoard board;
    const std::vector<int> codes = race(racers, *board.board, [&](int number) {
      int code = 0;
      try {
        NewRun run(here / "run", force);
        run.refuse_busy();
        const std::string name = "racer-" + std::to_string(number);
        std::ofstream(run.staging().directory + "/" + name) << name;
        const RunPaths paths = run.publish(nullptr);
        if (!fs::exists(paths.directory + "/" + name)) code = 70;
        const int owners = ++board->owners;
        if (owners > board->most_owners) board->most_owners = owners;
        ++board->tried;
        if (stays) await([&] { return board->tried == racers; });
        --board->owners;
        return code;
      } catch (const Error&) {
        ++board->tried;
        throw;
      }
    });
    CAPTURE(i);
    CAPTURE(racers);
    std::string all;
    for (const int code : codes) all += std::to_string(code) + " ";
    CAPTURE(all);
    const long winners = std::count(codes.begin(), codes.end(), 0);
    const long refused = std::count(codes.begin(), codes.end(), 2) + std::count(codes.begin(), codes.end(), 6);
    REQUIRE(winners + refused == racers);
    REQUIRE(winners >= 1);
    if (!force || stays) REQUIRE(winners == 1);
    if (stays) REQUIRE(board->most_owners == 1);
    published += winners;
    // Every winner's run is somewhere, and nothing else.
    long found = 0, directories = 0;
    for (const auto& entry : fs::directory_iterator(here.path)) {
      ++directories;
      for (const auto& file : fs::directory_iterator(entry)) {
        const std::string name = file.path().filename().string();
        if (!name.starts_with("racer-")) continue;
        ++found;
        REQUIRE(codes[static_cast<std::size_t>(name.back() - '0')] == 0);
        REQUIRE(file_bytes(file.path().string()) == name);
      }
    }
    REQUIRE(found == winners);
    REQUIRE(directories == winners + before);
  }
  MESSAGE(races << " races, " << published << " runs");
}

const std::string endless = small_run + "--steps 10000000 --schedule constant -q ";

// Several programs go on with one run, or begin one of the same name.
void race_programs(const FreshDirectory& here, long races, unsigned seed) {
  here.write("t.txt", prose(1200));
  const std::string options = small_run + "--steps 40 -q ";
  const Unbroken unbroken(here, options);
  std::mt19937 random(seed);
  for (long i = 0; i < races; ++i) {
    fs::remove_all(here / "run");
    const bool resumed = random() % 2 == 0;
    if (resumed) {
      Process process(here, "exec primer train t.txt -o run" + options);
      process.until([&] { return fs::exists(here / "run"); });
      process.send(SIGKILL);
      process.wait();
    }
    std::vector<std::unique_ptr<Process>> programs;
    const std::size_t racers = 2 + random() % 7;
    while (programs.size() < racers) {
      programs.push_back(std::make_unique<Process>(
          here, resumed ? "exec primer train --resume -o run -q" : "exec primer train t.txt -o run" + options));
    }
    long ended = 0;
    for (const auto& program : programs) {
      const Outcome outcome = program->wait();
      CAPTURE(outcome.err);
      CAPTURE(resumed);
      ended += outcome.code == 0;
      if (resumed) {
        REQUIRE((outcome.code == 0 || outcome.code == 6));  // 0 too for one that came when all was done
        if (outcome.code == 6) REQUIRE(outcome.err.find("run is in use by process ") != std::string::npos);
      } else if (outcome.code != 0) {
        REQUIRE((outcome.code == 2 || outcome.code == 6));
      }
    }
    REQUIRE(ended >= 1);
    if (!resumed) REQUIRE(ended == 1);
    REQUIRE(difference(unbroken.tree, tree_of(here / "run")) == "");
    REQUIRE(listing(here.path) == "run t.txt");
  }
}

}  // namespace

TEST_CASE("of several processes one gets the lock, and its death frees it") { race_for_the_lock(30, 1); }

TEST_CASE("of several new runs of one name one appears") { race_for_the_name(30, false, 2); }

TEST_CASE("runs that several processes force into one place are all kept") { race_for_the_name(30, true, 3); }

TEST_CASE("several programs train one run") { race_programs(MemoryDirectory(), 3, 4); }

TEST_CASE("a run in use is left alone by --force and --resume, and kill -9 frees it") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  Process owner(here, "exec primer train t.txt -o run" + endless);
  REQUIRE(owner.until([&] { return line_count(here / "run/metrics.jsonl") > 3; }));
  for (const std::string& arguments : {std::string("train --resume -o run"), "train t.txt --force -o run" + endless}) {
    const Outcome refused = Process(here, "exec primer " + arguments).wait();
    CAPTURE(refused.err);
    CHECK(refused.code == 6);
    CHECK(refused.err.find("run is in use by process " + std::to_string(owner.id()) + " on ") != std::string::npos);
    CHECK(listing(here.path) == "run t.txt");
  }
  const long before = line_count(here / "run/metrics.jsonl");
  CHECK(owner.until([&] { return line_count(here / "run/metrics.jsonl") > before; }));
  owner.send(SIGKILL);
  owner.wait();
  Process next(here, "exec primer train --resume -o run");
  CHECK(next.until([&] {
    return file_bytes(here / "run/lock").starts_with("process " + std::to_string(next.id()) + " on ") &&
           line_count(here / "run/metrics.jsonl") > 3;
  }));
  next.send(SIGTERM);
  CHECK(next.wait().code == 128 + SIGTERM);
}

namespace {

// Reads a run that is saved and pruned at every step.
void read_while_it_trains(const FreshDirectory& here, long times) {
  here.write("t.txt", prose(1200));
  Process owner(here, "exec primer train t.txt -o run --eval-batches 1 --save-every 1" + endless);
  REQUIRE(owner.until([&] { return line_count(here / "run/metrics.jsonl") > 3; }));
  for (long time = 0; time < times; ++time) {
    for (const char* command : {"sample run --tokens 3 --checkpoint last", "eval run --checkpoint last", "info run",
                                "info run --checkpoint last", "sample run --tokens 3"}) {
      const Outcome outcome = Process(here, std::string("exec primer ") + command).wait();
      CAPTURE(command);
      CAPTURE(outcome.err);
      CHECK(outcome.code == 0);
      // Which step it is may be told, where that is a choice; nothing else.
      const bool chooses = std::string(command).find("last") == std::string::npos;
      const bool is_told =
          chooses && outcome.err.starts_with("note   step ") && std::ranges::count(outcome.err, '\n') == 1;
      CHECK((outcome.err.empty() || is_told));
    }
  }
  CHECK(owner.is_running());
  owner.send(SIGTERM);
  CHECK(owner.wait().code == 128 + SIGTERM);
}

}  // namespace

TEST_CASE("a run can be read while it trains, saves and prunes") { read_while_it_trains(MemoryDirectory(), 8); }

TEST_SUITE("long") {
  TEST_CASE("a hundred races for a lock, for a name, and by force") {
    race_for_the_lock(100, 9);
    race_for_the_name(100, false, 10);
    race_for_the_name(100, true, 11);
  }
  TEST_CASE("ten races of whole programs") { race_programs(MemoryDirectory(), 10, 12); }
  TEST_CASE("a hundred reads of a run that trains") { read_while_it_trains(MemoryDirectory(), 20); }
}

TEST_SUITE("campaign") {
  TEST_CASE("a thousand races for a lock, for a name, and by force") {
    race_for_the_lock(1000, 5);
    race_for_the_name(1000, false, 6);
    race_for_the_name(1000, true, 7);
  }
  TEST_CASE("a hundred races of whole programs") { race_programs(MemoryDirectory(), 100, 8); }
  TEST_CASE("two thousand reads of a run that trains") { read_while_it_trains(MemoryDirectory(), 400); }
}
