// The program dies, or its disk fails, at every system call that touches files, or is sent a signal at any call;
// strace(1) sees to that. In whatever state that leaves a run, going on is enough to end as if nothing had happened.
#include <set>
#include <sstream>

#include "tests/train/planned.h"
#include "tests/train/process.h"

namespace fs = std::filesystem;

namespace {

/// The calls that a command makes, when nothing goes wrong.
struct Calls {
  std::map<std::string, long> all;      // name -> how many
  std::map<std::string, long> loading;  // likewise, before the program starts itself once more
  std::map<std::string, long> before;   // likewise, before the run's lock is looked for
  std::map<std::string, long> early;    // likewise, before the first step's line is written
};

// first, ... `count` are too many for the quick tests: at most `most` of them, spread evenly.
std::vector<long> spread(long first, long count, long most) {
  std::vector<long> chosen;
  const long stride = std::max(1L, (count - first + most) / most);
  for (long number = first + (stride - 1) / 2; number <= count; number += stride) chosen.push_back(number);
  return chosen;
}

// A masked model ends without writing an excerpt.
const std::string masked = small_run + "--objective mlm --save-every 1 ";

/// A command that is tried from one state of a directory again and again.
class Sweep {
 public:
  // Leaks cannot be looked for in a process that is traced. `kinds`: of system calls that are traced, as strace has it.
  Sweep(bool resumes, const std::string& options = masked, const std::string& kinds = "%file,%desc",
        const std::string& environment = "")
      : resumes_(resumes),
        tracer_(environment + "export ASAN_OPTIONS=\"$ASAN_OPTIONS:detect_leaks=0\" && exec strace -f -qq -e trace=" +
                kinds + " -o ") {
    here_.write("t.txt", prose(1200));
    if (resumes) {
      REQUIRE(run_primer(here_, "train t.txt -q -o run --steps 4" + options).code == 0);
      fs::copy(here_ / "run", before_ / "run", fs::copy_options::recursive);
      command_ = "primer train --resume -o run --steps 6";
    } else {
      command_ = "primer train t.txt -o run --steps 2" + options;
    }
    const Outcome outcome = Process(here_, tracer_ + "trace " + command_).wait();
    if (fs::exists(here_ / "trace")) calls = count_calls();
    works = outcome.code == 0 && !calls.all.empty();
    if (!works) MESSAGE("skipped: strace cannot be used here: " << outcome.err);
    expected_ = tree_of(here_ / "run");
    fs::remove(here_ / "trace");
  }

  bool works = false;
  Calls calls;
  std::map<std::string, long> made;  // by the last run: it unmaps memory as often as the loader's luck wants

  /// Runs the command with a fault, then until it ends, and compares.
  Outcome run(const std::string& fault) {
    reset();
    const Outcome outcome = Process(here_, tracer_ + "trace -e inject=" + fault + " " + command_).wait();
    made = count_calls().all;
    fs::remove(here_ / "trace");
    const bool goes_on = fs::exists(here_ / "run") && !resumes_;
    const Outcome again = Process(here_, "exec " + (goes_on ? "primer train --resume -o run" : command_)).wait();
    CAPTURE(fault);
    CAPTURE(outcome.code);
    CAPTURE(outcome.err);
    CAPTURE(again.err);
    CHECK(again.code == 0);
    const Tree found = tree_of(here_ / "run");
    if (outcome.err.find("lines of metrics.jsonl could not be written") == std::string::npos) {
      CHECK(difference(expected_, found) == "");
    } else {
      const std::string last = std::string("checkpoints/step-00000000") + (resumes_ ? "6" : "2");
      const std::string moments = last + "/optimizer.safetensors";
      CHECK(found.at(moments) == expected_.at(moments));
    }
    CHECK(listing(here_.path) == "run t.txt");
    return outcome;
  }

 private:
  void reset() {
    fs::remove_all(here_.path);
    fs::create_directory(here_.path);
    here_.write("t.txt", prose(1200));
    if (resumes_) fs::copy(before_ / "run", here_ / "run", fs::copy_options::recursive);
  }

  // Lines are "PID name(arguments) = result".
  Calls count_calls() const {
    Calls found;
    std::istringstream lines(file_bytes(here_ / "trace"));
    bool restarted = false, lock = false, step = false;
    std::string line;
    std::getline(lines, line);  // strace's own start of the program: no fault can be put there
    while (std::getline(lines, line)) {
      const auto begin = line.find_first_not_of("0123456789 "), end = line.find('(');
      if (begin == std::string::npos || end == std::string::npos || line[begin] == '<') continue;
      lock = lock || line.find("/lock\"") != std::string::npos;
      const std::string name = line.substr(begin, end - begin);
      step = step || (name == "pwrite64" && line.find("{\\\"step\\\"") != std::string::npos);
      restarted = restarted || line.find("\"/proc/self/exe\"") != std::string::npos;
      ++found.all[name];
      if (!restarted) ++found.loading[name];
      if (!lock) ++found.before[name];
      if (!step) ++found.early[name];
    }
    return found;
  }

  bool resumes_;
  std::string tracer_;
  MemoryDirectory here_, before_;
  std::string command_;
  Tree expected_;
};

using Names = std::set<std::string>;  // of system calls

const Names writing_calls{"pwrite64", "fsync", "fallocate", "ftruncate", "mkdir", "rename", "openat"};
const Names every_call = [] {
  Names names{"newfstatat", "pread64", "close", "unlink", "rmdir", "getdents64", "flock"};
  names.insert(writing_calls.begin(), writing_calls.end());
  return names;
}();

// Kills before every call, `most` of each kind; no names: of all kinds.
void kill_at_every_call(bool resumes, const Names& names, long most) {
  Sweep sweep(resumes);
  if (!sweep.works) return;
  long kills = 0;
  for (const auto& [name, count] : sweep.calls.all) {
    if (name == "execve" || (!names.empty() && !names.contains(name))) continue;
    for (const long number : spread(std::min(sweep.calls.before[name] + 1, count), count, most)) {
      const Outcome outcome = sweep.run(name + ":signal=KILL:when=" + std::to_string(number));
      kills += outcome.code == 128 + SIGKILL;
    }
  }
  MESSAGE(kills << " kills");
  CHECK(kills >= 3);
}

// Fails calls of a training that goes on: each once, and from each on for ever; `most` of each kind.
void fail_at_every_call(const std::vector<std::string>& errors, const Names& names, long most) {
  Sweep sweep(true);
  if (!sweep.works) return;
  std::map<int, long> codes;
  for (const std::string& name : names) {
    const long first = sweep.calls.before[name] + 1, step = sweep.calls.early[name];
    for (const std::string& error : errors) {
      for (const long number : spread(first, sweep.calls.all[name], most)) {
        for (const char* times : {"", "+"}) {
          if (error == "EINTR" && *times) continue;  // no system is interrupted for ever
          const std::string fault = name + ":error=" + error + ":when=" + std::to_string(number) + times;
          const Outcome outcome = sweep.run(fault);
          CAPTURE(fault);
          CAPTURE(outcome.err);
          // Where only reading failed there may be a checkpoint of before; afterwards only saving counts.
          CHECK((outcome.code == 0 || outcome.code == 5));
          if (number > step && !*times) CHECK(outcome.code == 0);
          ++codes[outcome.code];
        }
      }
    }
  }
  for (const auto& [code, count] : codes) MESSAGE(count << " trainings ended with " << code);
}

// Of a training that starts itself once more, since nothing is said about OpenMP's threads, and ends by writing an
// excerpt: all its calls, from the loading of the program on.
Sweep whole_sweep(bool resumes, const std::string& before = "") {
  return {resumes, small_run + "--save-every 1 ", "all", before + "unset OMP_WAIT_POLICY && "};
}

// Sends a training a signal at every call; `most` of each kind.
void signal_at_every_call(bool resumes, const Names& names, long most) {
  Sweep sweep = whole_sweep(resumes);
  if (!sweep.works) return;
  long signals = 0;
  for (const auto& [name, count] : sweep.calls.all) {
    if (name == "exit_group" || (!names.empty() && !names.contains(name))) continue;
    for (const long number : spread(1, count, most)) {
      const std::string at = ":when=" + std::to_string(number);
      CAPTURE(name + at);
      const int code = sweep.run(name + ":signal=HUP" + at).code;
      if (sweep.made[name] < number) continue;
      CHECK(code == 128 + SIGHUP);
      // While it is loaded there is nobody who could hold a request to save back.
      if (number > sweep.calls.loading[name]) CHECK(sweep.run(name + ":signal=USR1" + at).code == 0);
      ++signals;
    }
  }
  MESSAGE(signals << " signals of each kind");
  CHECK(signals > 5);
}

}  // namespace

TEST_CASE("a training that is killed at a system call goes on") {
  kill_at_every_call(true, {"pwrite64", "fsync", "rename", "mkdir", "rmdir"}, sample(2));
  kill_at_every_call(false, {"mkdir", "rename", "openat"}, sample(2));
}

TEST_CASE("a training whose disk fails goes on, or ends with 5 and can go on") {
  fail_at_every_call({"EIO"}, {"pwrite64", "fsync", "rename"}, 1);
}

TEST_CASE("a signal to stop or to save is not lost, at whatever system call of a training it comes") {
  signal_at_every_call(true, {"execve", "rt_sigaction", "rt_sigprocmask", "openat", "flock", "pwrite64", "write"},
                       sample(2));
}

TEST_CASE("a SIGHUP that was ignored when the program was started stays ignored at the start, too") {
  Sweep sweep = whole_sweep(true, "trap '' HUP && ");
  if (!sweep.works) return;
  for (const char* at : {"execve:signal=HUP:when=1", "rt_sigprocmask:signal=HUP:when=1..2", "flock:signal=HUP"}) {
    CAPTURE(at);
    CHECK(sweep.run(at).code == 0);
  }
}

TEST_SUITE("long") {
  TEST_CASE("a recovery and three saves, a signal at a system call of each kind") { signal_at_every_call(true, {}, 1); }
  TEST_CASE("a new run, a signal at a system call of each kind") { signal_at_every_call(false, {}, 1); }
  TEST_CASE("a recovery and three saves, killed at a system call of each kind") { kill_at_every_call(true, {}, 1); }
  TEST_CASE("a new run, killed at a system call of each kind") { kill_at_every_call(false, {}, 1); }
  TEST_CASE("a recovery and three saves, a system call of each kind failing once and for ever") {
    fail_at_every_call({"EIO"}, every_call, 1);
    fail_at_every_call({"EINTR", "ENOSPC"}, {"pwrite64"}, 1);
  }
}

TEST_SUITE("campaign") {
  TEST_CASE("a recovery and three saves, a signal at every system call") { signal_at_every_call(true, {}, 1'000'000); }
  TEST_CASE("a new run, a signal at every system call") { signal_at_every_call(false, {}, 1'000'000); }
  TEST_CASE("a recovery and three saves, killed at every system call") { kill_at_every_call(true, {}, 1'000'000); }
  TEST_CASE("a new run, killed at every system call") { kill_at_every_call(false, {}, 1'000'000); }
  TEST_CASE("a recovery and three saves, every system call failing once and for ever") {
    fail_at_every_call({"EIO", "EINTR"}, every_call, 1'000'000);
    fail_at_every_call({"ENOSPC"}, writing_calls, 1'000'000);
    fail_at_every_call({"EDQUOT"}, {"pwrite64", "fallocate"}, 1'000'000);
  }
}
