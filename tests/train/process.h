// The program itself in a process of its own: started, signalled, killed, waited for.
#pragma once

#include <doctest/doctest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/places.h"
#include "tests/train/fresh_directory.h"

#ifdef __SANITIZE_ADDRESS__
constexpr bool has_address_sanitizer = true;
#else
constexpr bool has_address_sanitizer = false;
#endif

/// Of n programs that a test starts: under a sanitizer, where a program starts twenty times as slowly, a third.
constexpr long sample(long n) { return has_address_sanitizer ? (n + 2) / 3 : n; }

struct Outcome {
  int code;  // as a shell says it: 128 + n for a process that died by signal n
  std::string out, err;
  long peak_kilobytes;  // of memory
  double seconds;
};

/// A shell that runs `command` in `here`, where `primer` is the program under test. `exec primer` makes it the program.
/// When this object goes, the process and its children are killed.
class Process {
 public:
  Process(const FreshDirectory& here, const std::string& command) {
    static int count = 0;
    const std::string name = std::to_string(++count);
    out_ = here / (".out." + name);
    err_ = here / (".err." + name);
    const std::string script = "cd '" + here.path + "' && export PATH='" + binary_directory() +
                               "':\"$PATH\" "
                               "OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive && exec </dev/null >'" +
                               out_ + "' 2>'" + err_ + "' && " + command;
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t none, all;  // whoever runs the tests may ignore signals (nohup) or block them
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const char* const arguments[] = {"sh", "-c", script.c_str(), nullptr};
    const int error = ::posix_spawn(&id_, "/bin/sh", nullptr, &attributes, const_cast<char**>(arguments), environ);
    ::posix_spawnattr_destroy(&attributes);
    REQUIRE(error == 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (!is_running()) return;
    ::kill(-id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }

  pid_t id() const { return id_; }

  bool is_running() {
    if (!ended_) {
      ended_ = ::wait4(id_, &status_, WNOHANG, &usage_) != 0;
      ended_at_ = Clock::now();
    }
    return !ended_;
  }

  /// Nothing happens to a process that has ended.
  void send(int signal) {
    if (is_running()) ::kill(id_, signal);
  }

  /// Waits until `condition()`, or until the process ends. False if the condition never came true.
  template <class Condition>
  bool until(Condition condition) {
    for (const auto begin = Clock::now(); Clock::now() - begin < patience;) {
      const bool running = is_running();
      if (condition()) return true;
      if (!running) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  /// Lets it run for so many seconds, or until it ends.
  void run_for(double seconds) {
    const auto end = begin_ + std::chrono::duration<double>(seconds);
    while (is_running() && Clock::now() < end) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }

  /// Waits for its end. One that does not end is killed, and the test fails.
  Outcome wait() {
    if (!until([this] { return ended_; })) {
      ::kill(-id_, SIGKILL);
      ::wait4(id_, &status_, 0, &usage_);
      ended_ = true;
      FAIL_CHECK("it did not end: " << err());
    }
    const int code = WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
    return {code, file_bytes(out_), err(), usage_.ru_maxrss, std::chrono::duration<double>(ended_at_ - begin_).count()};
  }

  std::string err() const { return file_bytes(err_); }  // so far

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes patience{10};
  pid_t id_ = 0;
  std::string out_, err_;
  bool ended_ = false;
  int status_ = 0;
  rusage usage_{};
  Clock::time_point begin_ = Clock::now(), ended_at_;
};

/// Stops the process for as long as it lives: what is changed meanwhile changes between two of its system calls, and
/// what it is sent meanwhile comes at one moment.
class Pause {
 public:
  explicit Pause(Process& paused) : process_(paused) {
    process_.send(SIGSTOP);
    process_.until([&] { return state() == 'T'; });
  }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  ~Pause() { process_.send(SIGCONT); }

 private:
  // As the system has it: "PID (name) T ...".
  char state() const {
    const std::string stat = file_bytes("/proc/" + std::to_string(process_.id()) + "/stat");
    const auto end = stat.rfind(") ");
    return end == std::string::npos ? '?' : stat[end + 2];
  }

  Process& process_;
};

/// Runs `primer ARGUMENTS` by a shell, so that redirections work; `before` is put in front of the program.
inline Outcome run_primer(const FreshDirectory& here, const std::string& arguments, const std::string& before = "") {
  return Process(here, before + " primer " + arguments).wait();
}

/// `primer ARGUMENTS` is refused: this exit code, nothing on standard output, and one clear line with `part` in it,
/// which holds nothing that could command a terminal.
inline void check_refusal(const FreshDirectory& here, const std::string& arguments, int code, const std::string& part) {
  CAPTURE(arguments);
  const Outcome result = run_primer(here, arguments);
  CAPTURE(result.err);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(result.err.starts_with("primer: error: "));
  CHECK(result.err.find(part) != std::string::npos);
  CHECK(result.err.find('\x1b') == std::string::npos);
}

/// Until the end of the scope new directories are in memory, where the machine offers that: a process that is killed
/// loses nothing there either, and a sync takes no time.
class InMemory {
 public:
  InMemory() {
    if (const char* const before = std::getenv("TMPDIR")) before_ = before;
    if (::access("/dev/shm", W_OK | X_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
  }
  ~InMemory() { before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1); }

 private:
  std::string before_;
};

struct MemoryDirectory : FreshDirectory {
  explicit MemoryDirectory(const InMemory& = {}) {}
};

using Tree = std::map<std::string, std::string>;  // path below the directory -> bytes

/// All of a run but what tells the time or the process.
inline Tree tree_of(const std::string& run) {
  Tree tree;
  if (!std::filesystem::exists(run)) return tree;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(run)) {
    const std::string name = entry.path().lexically_relative(run).string();
    if (name == "timing.jsonl" || name == "lock") continue;
    tree[name] = entry.is_directory() ? "" : file_bytes(entry.path().string());
  }
  return tree;
}

/// The paths at which two trees differ, "" if they do not.
inline std::string difference(const Tree& expected, const Tree& found) {
  std::string all;
  for (const auto& [name, bytes] : expected) {
    const auto other = found.find(name);
    if (other == found.end()) all += "missing: " + name + "\n";
    else if (other->second != bytes) all += "different: " + name + "\n";
  }
  for (const auto& [name, bytes] : found) {
    if (!expected.contains(name)) all += "unexpected: " + name + "\n";
  }
  return all;
}

/// What is in a directory and is no stream of a Process, separated by spaces.
inline std::string listing(const std::string& directory) {
  std::string all;
  std::map<std::string, bool> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names[entry.path().filename().string()];
  for (const auto& [name, unused] : names) {
    if (!name.starts_with(".out.") && !name.starts_with(".err.")) all += (all.empty() ? "" : " ") + name;
  }
  return all;
}

inline long line_count(const std::string& path) {
  const std::string text = file_bytes(path);
  return std::count(text.begin(), text.end(), '\n');
}

/// A run that takes a moment, and whose directory is the same however often it was interrupted.
inline const std::string small_run =
    " --layers 1 --channels 16 --heads 2 --context 8 --batch 2 --dropout 0.2 --accumulate 2 --eval-every 20 "
    "--patience 0 --keep 0 ";

/// The options that make the same of another body, and of a Llama's block.
inline const std::string small_recurrent_run =
    " --body gru --layers 1 --channels 16 --context 8 --batch 2 --dropout 0.2 --accumulate 2 --eval-every 20 "
    "--patience 0 --keep 0 ";
inline const std::string small_llama_run = small_run + "--preset llama --kv-heads 1 --qk-norm ";

/// A run that was never interrupted, of here/t.txt.
struct Unbroken {
  Tree tree;
  double seconds;

  Unbroken(const FreshDirectory& here, const std::string& options) {
    const Outcome outcome = Process(here, "exec primer train t.txt -o unbroken" + options).wait();
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    tree = tree_of(here / "unbroken");
    seconds = outcome.seconds;
    std::filesystem::remove_all(here / "unbroken");
  }
};
