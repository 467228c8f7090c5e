#include "data/bytes/disk.h"

#include <array>
#include <random>
#include <set>

#include "tests/data/fixture.h"
#include "tests/disk/memory_disk.h"
#include "tests/disk/power_loss.h"

namespace primer::data {

namespace {

using test::FileTree;
using test::Killed;
using test::MemoryDisk;
using test::PowerLoss;
using test::Trouble;

// Makes one random call on a disk below `top`; what it answered, in words. Both disks are given the same random
// numbers.
class Exerciser {
 public:
  Exerciser(Disk& disk, std::string top) : disk_(disk), top_(std::move(top)) {}

  std::string step(std::mt19937& random) {
    const auto path = [&] {
      static constexpr std::array names = {"a", "b", "a/c", "a/d", "a/c/e", "b/f", "x/y", "a/../b", "a/.", "a/c/e/g"};
      return top_ + "/" + names[random() % names.size()];
    };
    const int which = open_.empty() ? -1 : open_[random() % open_.size()];
    const std::size_t size = random() % 2000, offset = random() % 3000;
    switch (random() % 15) {
      case 0:
      case 1: {
        const std::string p = path();
        const int opened = disk_.open(p, static_cast<Disk::Open>(random() % 4));
        if (opened >= 0) open_.push_back(opened);
        return "open " + shown(p) + std::to_string(std::min(opened, 0));
      }
      case 2: {
        std::erase(open_, which);
        return "close " + std::to_string(disk_.close(which));
      }
      case 3: {
        std::string bytes(size, '\0');
        const std::int64_t got = disk_.read(which, bytes.data(), size, offset);
        return "read " + std::to_string(got) + " " + bytes;
      }
      case 4: return "write " + std::to_string(disk_.write(which, std::string(size, 'w').data(), size, offset));
      case 5: return "allocate " + std::to_string(disk_.allocate(which, size));
      case 6: return "truncate " + std::to_string(disk_.truncate(which, size));
      case 7: return "lock " + std::to_string(disk_.lock(which));
      case 8: {
        FileStatus status;
        const int result = disk_.status(which, status);
        return "status " + std::to_string(result) + described(status);
      }
      case 9: {
        FileStatus status;
        const std::string p = path();
        const int result = disk_.status(p, false, status);
        return "status " + shown(p) + std::to_string(result) + described(status);
      }
      case 10: {
        std::vector<std::string> names;
        const std::string p = path();
        std::string answer = "names " + shown(p) + std::to_string(disk_.names(p, names));
        std::sort(names.begin(), names.end());
        for (const std::string& name : names) answer += " " + name;
        return answer;
      }
      case 11: {
        const std::string from = path(), to = path();
        return "rename " + shown(from) + shown(to) + std::to_string(disk_.rename(from, to));
      }
      case 12: {
        const std::string p = path();
        return "remove " + shown(p) + std::to_string(disk_.remove(p));
      }
      case 13: {
        const std::string p = path();
        return "remove folder " + shown(p) + std::to_string(disk_.remove_folder(p));
      }
      default: {
        const std::string p = path();
        return "make folder " + shown(p) + std::to_string(disk_.make_folder(p));
      }
    }
  }

  void close_all() {
    for (const int descriptor : open_) disk_.close(descriptor);
    open_.clear();
  }

 private:
  std::string shown(const std::string& path) const { return path.substr(top_.size()) + " "; }

  static std::string described(const FileStatus& status) {
    const bool is_file = status.kind == FileKind::regular;
    return " kind " + std::to_string(static_cast<int>(status.kind)) +
           (is_file ? " size " + std::to_string(status.identity.size) : "");
  }

  Disk& disk_;
  std::string top_;
  std::vector<int> open_;
};

// Where a path ends in a dot or goes up, Linux refuses with one errno or another; that it refuses is what counts.
bool same(const std::string& memory, const std::string& system) {
  const auto refuses = [](const std::string& answer) { return answer.find(" -") != std::string::npos; };
  return memory == system || (memory.find("/.") != std::string::npos && refuses(memory) && refuses(system));
}

}  // namespace

TEST_CASE("the disk in memory answers as the machine's does, call for call") {
  long calls = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    const TemporaryFolder folder;
    MemoryDisk disk;
    std::string top;
    for (const char c : folder.path()) {
      if (c == '/' && !top.empty()) disk.make_folder(top);
      top += c;
    }
    disk.make_folder(top);
    Exerciser memory(disk, top), system(system_disk(), top);
    std::mt19937 random(seed), again(seed);
    for (int k = 0; k < 300; ++k, ++calls) {
      const std::string ours = memory.step(random), theirs = system.step(again);
      CAPTURE(seed);
      CAPTURE(k);
      CAPTURE(ours);
      CAPTURE(theirs);
      REQUIRE(same(ours, theirs));
      REQUIRE(random == again);
    }
    system.close_all();
  }
  MESSAGE(calls << " calls answered alike");
}

TEST_CASE("a power loss takes what was not synced: bytes by sectors, names by folders") {
  MemoryDisk disk;
  disk.make_folder("f");
  sync_folder(".", disk);
  const int file = disk.open("f/a", Disk::Open::create);
  const std::string bytes(600, 'x');
  disk.write(file, bytes.data(), bytes.size(), 0);

  std::set<std::string> contents;  // of f/a, where it is there
  bool is_missing = false;
  const auto look = [&](FileTree left) {
    MemoryDisk after(std::move(left));
    const std::string* const found = after.file("f/a");
    if (found) contents.insert(*found);
    else is_missing = true;
  };
  PowerLoss(disk.tree(), 1000, 1).each(look);
  CHECK(is_missing);
  CHECK(contents.contains(""));
  CHECK(contents.contains(bytes));
  CHECK(contents.contains(std::string(600, '\0')));
  CHECK(contents.contains(std::string(512, 'x') + std::string(88, '\0')));
  CHECK(contents.contains(std::string(512, '\0') + std::string(88, 'x')));
  CHECK(contents.contains(std::string(512, 'x')));
  CHECK(contents.contains(std::string(257, 'x')));
  CHECK(contents.size() >= 12);

  CHECK(disk.sync(file) == 0);  // its bytes, not its name
  contents.clear(), is_missing = false;
  CHECK(PowerLoss(disk.tree(), 1000, 1).each(look) == 2);
  CHECK(is_missing);
  CHECK(contents == std::set<std::string>{bytes});

  sync_folder("f", disk);
  CHECK(PowerLoss(disk.tree(), 1000, 1).each(look) == 1);
}

TEST_CASE("what a failed sync did not write, no later sync writes") {
  MemoryDisk disk;
  const int file = disk.open("a", Disk::Open::create);
  sync_folder(".", disk);
  disk.write(file, "lost", 4, 0);
  disk.arm({.kind = Trouble::Kind::error});
  CHECK(disk.sync(file) == -EIO);
  CHECK(disk.sync(file) == 0);
  CHECK(*disk.file("a") == "lost");  // as processes still see it
  PowerLoss(disk.tree(), 100, 1).each([](FileTree left) {
    MemoryDisk after(std::move(left));
    CHECK(*after.file("a") != "lost");
  });
}

TEST_CASE("unsynced names are lost and made in any order, but no folder has two") {
  MemoryDisk disk;
  disk.make_folder("old");
  disk.tree().settle();
  disk.make_folder("new.tmp");
  disk.rename("old", "aside");
  disk.rename("new.tmp", "old");
  std::set<std::vector<std::string>> states;
  PowerLoss(disk.tree(), 1000, 1).each([&](FileTree left) {
    MemoryDisk after(std::move(left));
    states.insert(names_in("/", after));
  });
  CHECK(states == std::set<std::vector<std::string>>{
                      {"old"}, {"new.tmp", "old"}, {"new.tmp"}, {"aside"}, {"aside", "new.tmp"}, {"aside", "old"}});
}

TEST_CASE("a dead disk does nothing, until another process comes") {
  MemoryDisk disk;
  const int file = disk.open("a", Disk::Open::create);
  REQUIRE(disk.lock(file) == 0);
  disk.arm({.kind = Trouble::Kind::kill_after, .at = 2});
  disk.write(file, "1", 1, 0);
  CHECK_THROWS_AS(disk.write(file, "2", 1, 1), Killed);
  CHECK(disk.dead());
  CHECK(disk.write(file, "3", 1, 2) == -EIO);
  CHECK(disk.remove("a") == -EIO);
  disk.restart();
  CHECK(*disk.file("a") == "12");
  CHECK(disk.open_descriptors() == 0);
  CHECK(disk.lock(disk.open("a", Disk::Open::update)) == 0);
}

TEST_CASE("a process that dies in a destructor is stopped at the next call") {
  MemoryDisk disk;
  disk.arm({.kind = Trouble::Kind::kill_before, .at = 2});
  const int file = disk.open("a", Disk::Open::create);
  CHECK(disk.close(file) == -EIO);  // which a destructor calls
  CHECK_THROWS_AS(disk.make_folder("b"), Killed);
}

TEST_CASE("a disk fills to the last byte, and what is removed is free again") {
  MemoryDisk disk;
  disk.set_capacity(10);
  const int file = disk.open("a", Disk::Open::create);
  CHECK(disk.write(file, "12345678", 8, 0) == 8);
  CHECK(disk.write(file, "12345678", 8, 8) == 2);
  CHECK(disk.write(file, "12345678", 8, 10) == -ENOSPC);
  CHECK(disk.write(file, "abcdefgh", 8, 2) == 8);
  CHECK(disk.allocate(file, 11) == -ENOSPC);
  CHECK(disk.remove("a") == 0);
  const int another = disk.open("b", Disk::Open::create);
  CHECK(disk.allocate(another, 10) == 0);
}

}  // namespace primer::data
