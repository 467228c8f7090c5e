// Disks that are full, read-only, limited or gone, and streams that are closed: none of them stops a training.
#include "tests/train/planned.h"
#include "tests/train/process.h"

namespace fs = std::filesystem;

namespace {

/// A process in a namespace of mounts of its own, which go when it does. Its files can be seen below root().
struct Mounts {
  Process holder;
  std::string directory;

  Mounts(const FreshDirectory& here, const std::string& mount)
      : holder(here, std::string("exec unshare ") + (::geteuid() == 0 ? "-m" : "-Urm") + " sh -c 'mkdir -p disk && " +
                         mount + " && touch mounted && exec sleep 1000'"),
        directory(here.path) {
    fs::remove(here / "mounted");
    works = holder.until([&] { return fs::exists(here / "mounted"); });
    if (!works) MESSAGE("skipped: nothing can be mounted here");
  }
  // To be put in front of a program.
  std::string inside() const {
    return "nsenter -t " + std::to_string(holder.id()) + (::geteuid() == 0 ? "" : " -U --preserve-credentials") +
           " -m sh -c 'cd \"$0\" && exec \"$@\"' '" + directory + "' ";
  }
  std::string operator/(const std::string& path) const {
    return "/proc/" + std::to_string(holder.id()) + "/root" + path;
  }

  bool works = false;
};

// Writes until nothing more can be written.
void fill(const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  for (std::size_t bytes = 1 << 16; bytes > 0; bytes /= 2) {
    while (file.write(std::string(bytes, '0').data(), static_cast<std::streamsize>(bytes)).flush()) {}
    file.clear();
  }
}

bool is_mentioned(const Process& process, const std::string& words) {
  return process.err().find(words) != std::string::npos;
}

// Limits the size of files that the process may write.
void limit_files(Process& process, rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  REQUIRE(::prlimit(process.id(), RLIMIT_FSIZE, &limit, nullptr) == 0);
}

const std::string long_run = small_run + "--steps 1200 --val-fraction 0 ";
const std::string often = long_run + "--save-every 5 ";

// What comes of `often`.
const Tree& unbroken_tree() {
  static const Tree tree = [] {
    const MemoryDirectory here;
    here.write("t.txt", prose(1200));
    return Unbroken(here, often).tree;
  }();
  return tree;
}

// The last checkpoint is that of the unbroken training, and lines of its log are missing only if that was said.
void check_end(const Tree& tree, const Outcome& outcome) {
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  for (const char* name : {"optimizer.safetensors", "model.safetensors"}) {
    const std::string path = std::string("checkpoints/step-000001200/") + name;
    CHECK(tree.at(path) == unbroken_tree().at(path));
  }
  const bool dropped = outcome.err.find("lines of metrics.jsonl could not be written") != std::string::npos;
  CHECK(dropped == (tree.at("metrics.jsonl") != unbroken_tree().at("metrics.jsonl")));
}

// Trains while `spoil()` has made saving impossible; `mend()` makes it possible again.
template <class Spoil, class Mend>
void spoil_and_mend(Process& process, const std::string& log, Spoil spoil, Mend mend) {
  REQUIRE(process.until([&] { return line_count(log) > 20; }));
  {
    const Pause pause(process);
    spoil();
  }
  REQUIRE(process.until([&] { return is_mentioned(process, "could not be saved"); }));
  {
    const Pause pause(process);
    mend();
  }
}

}  // namespace

TEST_CASE("a disk that is full for a while costs no checkpoint") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  const Mounts mounts(here, "mount -t tmpfs -o size=2m none disk");
  if (!mounts.works) return;
  const std::string disk = mounts / (here / "disk"), run = disk + "/run";
  const std::string train = "exec " + mounts.inside() + "primer train ";
  SUBCASE("and has room again before the training ends") {
    Process process(here, train + "t.txt -o disk/run" + often);
    spoil_and_mend(
        process, run + "/metrics.jsonl", [&] { fill(disk + "/filler"); },
        [&] {
          CHECK(listing(run + "/checkpoints").find("step-") != std::string::npos);
          fs::remove(disk + "/filler");
        });
    const Outcome outcome = process.wait();
    check_end(tree_of(run), outcome);
    CHECK(outcome.err.find("No space left on device; free some space") != std::string::npos);
    CHECK(listing(run + "/checkpoints") == "step-000001200");
  }
  SUBCASE("and is full to the end") {
    Process process(here, train + "t.txt -o disk/run" + often);
    std::string newest;
    spoil_and_mend(
        process, run + "/metrics.jsonl", [&] { fill(disk + "/filler"); }, [] {});
    const Outcome outcome = process.wait();
    CAPTURE(outcome.err);
    CHECK(outcome.code == 5);
    CHECK(outcome.err.find("the newest checkpoint is that of step") != std::string::npos);
    CHECK(Process(here, "exec " + mounts.inside() + "primer info disk/run").wait().code == 0);
    fs::remove(disk + "/filler");
    CHECK(Process(here, train + "--resume -o disk/run -q").wait().code == 0);
    CHECK(difference(unbroken_tree(), tree_of(run)) == "");
  }
}

TEST_CASE("a disk that becomes read-only, and then not") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  Mounts mounts(here, "true");
  if (!mounts.works) return;
  const std::string train = "exec " + mounts.inside() + "primer train ";
  const auto mount = [&](const std::string& command) {
    const Outcome outcome = Process(here, "exec " + mounts.inside() + command).wait();
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
  };
  Process process(here, train + "t.txt -o disk/run" + often);
  spoil_and_mend(
      process, here / "disk/run/metrics.jsonl",
      [&] { mount("sh -c 'mount --bind disk disk && mount -o remount,bind,ro disk'"); },
      [&] {
        // A training that begins or goes on now says so before it computes anything.
        const Outcome begun = Process(here, train + "t.txt -o disk/other -q" + often).wait();
        CHECK(begun.code == 5);
        CHECK(begun.err.find("Read-only") != std::string::npos);
        mount("umount disk");
      });
  const Outcome outcome = process.wait();
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(difference(unbroken_tree(), tree_of(here / "disk/run")) == "");
  mount("sh -c 'mount --bind disk disk && mount -o remount,bind,ro disk'");
  const Outcome resumed = Process(here, train + "--resume -o disk/run --steps 9000").wait();
  CHECK(resumed.code == 5);
  CHECK(resumed.err.find("Read-only") != std::string::npos);
  CHECK(resumed.err.find("could not be saved") == std::string::npos);  // at once, not after 7800 steps
}

TEST_CASE("a run that may not be written is refused before anything is computed") {
  const FreshDirectory here;
  here.write("t.txt", prose(1200));
  REQUIRE(run_primer(here, "train t.txt -o run -q" + small_run + "--steps 3").code == 0);
  const Tree before = tree_of(here / "run");
  fs::permissions(here.path, fs::perms::others_exec | fs::perms::others_read, fs::perm_options::add);
  const std::string somebody = ::geteuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : "";
  const auto refuse = [&](const std::string& arguments, const std::string& part) {
    const Outcome outcome = Process(here, "exec " + somebody + "primer train -q " + arguments).wait();
    CAPTURE(arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 5);
    CHECK(outcome.err.find(part) != std::string::npos);
    CHECK(outcome.err.find("Permission denied") != std::string::npos);
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    CHECK(outcome.err.find("could not be saved") == std::string::npos);  // at once, not after all steps
  };
  const auto read_only = fs::perms(0555);
  fs::create_directory(here / "folder");
  fs::permissions(here / "folder", read_only);
  refuse("t.txt -o folder/run" + small_run, "folder/run");
  // The lock and the logs may be written, and yet there is no place for a checkpoint.
  for (const char* file : {"run/lock", "run/metrics.jsonl", "run/timing.jsonl"}) {
    fs::permissions(here / file, fs::perms(0666));
  }
  fs::permissions(here / "run/checkpoints", read_only);
  refuse("--resume -o run --steps 100000", "run/checkpoints");
  fs::create_directory(here / "hidden");
  fs::permissions(here / "hidden", fs::perms::owner_write);
  refuse("t.txt -o hidden/run" + small_run, "hidden/run");
  refuse("t.txt -o hidden/deep/run" + small_run, "hidden/deep/run");
  for (const char* folder : {"hidden", "folder", "run/checkpoints"}) {
    fs::permissions(here / folder, fs::perms::owner_all);
  }
  CHECK(difference(before, tree_of(here / "run")) == "");
  CHECK(fs::is_empty(here / "folder"));
}

TEST_CASE("a limit on file sizes stops no training, and saving succeeds when it is raised") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  Process process(here, "exec primer train t.txt -o run" + often);
  // Logs are within this limit, checkpoints are not.
  spoil_and_mend(
      process, here / "run/metrics.jsonl", [&] { limit_files(process, 20'000); },
      [&] { limit_files(process, RLIM_INFINITY); });
  const Outcome outcome = process.wait();
  check_end(tree_of(here / "run"), outcome);
  CHECK(outcome.err.find("ulimit -f") != std::string::npos);

  fs::remove_all(here / "run");
  Process limited(here, "exec primer train t.txt -o run -q" + often);
  REQUIRE(limited.until([&] { return line_count(here / "run/metrics.jsonl") > 20; }));
  limit_files(limited, 0);
  CHECK(limited.wait().code == 5);
  CHECK(run_primer(here, "train --resume -o run -q").code == 0);
  CHECK(difference(unbroken_tree(), tree_of(here / "run")) == "");
}

TEST_CASE("a run that is removed or moved away ends with 5, and another in its place stays untouched") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  const std::string options = long_run + "--save-every 500 ";
  const Unbroken unbroken(here, options);
  const std::string train = "exec primer train t.txt -o run" + options;
  {
    Process process(here, train);
    REQUIRE(process.until([&] { return line_count(here / "run/metrics.jsonl") > 20; }));
    {
      const Pause pause(process);
      fs::remove_all(here / "run");
    }
    const Outcome outcome = process.wait();
    CAPTURE(outcome.err);
    CHECK(outcome.code == 5);
    CHECK(outcome.err.find("moved or removed") != std::string::npos);
    CHECK_FALSE(fs::exists(here / "run"));
  }
  Process process(here, train);
  REQUIRE(process.until([&] { return line_count(here / "run/metrics.jsonl") > 20; }));
  {
    const Pause pause(process);
    fs::rename(here / "run", here / "moved");
    fs::copy(here / "moved", here / "run", fs::copy_options::recursive);
  }
  const Tree copied = tree_of(here / "run");
  CHECK(process.wait().code == 5);
  CHECK(difference(copied, tree_of(here / "run")) == "");
  CHECK(run_primer(here, "train --resume -o moved -q").code == 0);
  CHECK(difference(unbroken.tree, tree_of(here / "moved")) == "");
}

TEST_CASE("few open files, little memory, streams that are closed or full") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  const std::string options = small_run + "--steps 30 --save-every 1 ";
  const Unbroken unbroken(here, options);
  const auto train = [&](const std::string& before, const std::string& after) {
    const Outcome outcome = Process(here, before + " primer train t.txt -o run" + options + after).wait();
    CAPTURE(before + after);
    CAPTURE(outcome.err);
    if (outcome.code != 8) CHECK(difference(unbroken.tree, tree_of(here / "run")) == "");
    fs::remove_all(here / "run");
    CHECK(listing(here.path) == "t.txt");
    return outcome.code;
  };
  CHECK(train("ulimit -n 16 &&", "") == 0);
  CHECK(train("", ">&-") == 0);
  CHECK(train("", "2>&-") == 0);
  CHECK(train("", "<&- >&- 2>&-") == 0);
  CHECK(train("", "2>/dev/full") == 0);
  CHECK(train("", "2>&1 | true") == 0);
  CHECK(train("", ">/dev/full") == 5);  // the excerpt could not be written; the run is whole
  if (has_address_sanitizer) return;    // which reserves more address space than any limit
  for (const char* kilobytes : {"250000", "400000", "800000", "3000000"}) {
    const int code = train(std::string("ulimit -v ") + kilobytes + " &&", "");
    CAPTURE(kilobytes);
    CHECK((code == 0 || code == 8));
  }
  // Memory is counted before a training goes on, too; what there is stays.
  REQUIRE(run_primer(here, "train t.txt -q -o run" + options).code == 0);
  const Tree before = tree_of(here / "run");
  const Outcome refused = run_primer(here, "train -q --resume -o run --steps 40", "ulimit -v 250000 &&");
  CHECK(refused.code == 8);
  CHECK(refused.err.find("ulimit -v") != std::string::npos);
  CHECK(refused.err.find("--init-from") != std::string::npos);
  CHECK(file_bytes(here / "run/metrics.jsonl") == before.at("metrics.jsonl"));
  CHECK(run_primer(here, "train -q --resume -o run --steps 40").code == 0);
}
