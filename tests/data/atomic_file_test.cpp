// Files that appear whole or not at all, on a disk that fails, fills, dies and loses power.
#include <string>
#include <vector>

#include "tests/data/fixture.h"
#include "tests/disk/faulty_disks.h"
#include "tests/disk/memory_disk.h"
#include "tests/disk/power_loss.h"

namespace primer::data {

namespace {

using test::FileTree;
using test::Killed;
using test::MemoryDisk;
using test::PowerLoss;
using test::Trouble;

const std::string path = "folder/file";
const std::string old_bytes(1400, 'o'), new_bytes = std::string(700, 'n') + std::string(600, 'm');

MemoryDisk disk_with_old(bool has_old) {
  MemoryDisk disk;
  disk.make_folder("folder");
  if (has_old) write_file_atomically(path, old_bytes, disk);
  disk.tree().settle();
  return disk;
}

// In two pieces, after taking their space.
void write_new(Disk& disk) {
  AtomicFile file(path, disk);
  file.reserve(new_bytes.size());
  file.append(std::string_view(new_bytes).substr(0, 900));
  file.append(std::string_view(new_bytes).substr(900));
  file.commit();
}

// False if it was stopped.
bool try_to_write_new(MemoryDisk& disk) {
  try {
    write_new(disk);
  } catch (const Killed&) {
    return false;
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::io);
    return false;
  }
  return !disk.dead();
}

// Whether it is the old file or the new one; the new one where that was `written`.
bool is_whole(MemoryDisk disk, bool has_old, bool written) {
  disk.restart();
  const std::string* const bytes = disk.file(path);
  if (!bytes) return !has_old && !written;
  return *bytes == new_bytes || (has_old && !written && *bytes == old_bytes);
}

std::vector<std::string> all_names(MemoryDisk& disk) { return names_in("folder", disk); }

// What is wrong with an atomic file that is written through a `FaultyDisk`: how often, over all power losses, after no
// failure or one.
template <class FaultyDisk>
long mixtures_through(std::size_t most, long& states) {
  long mixtures = 0;
  for (const bool has_old : {false, true}) {
    for (const auto kind : {Trouble::Kind::kill_before, Trouble::Kind::error, Trouble::Kind::shortened}) {
      bool struck = true;
      for (long call = 1; struck; ++call) {
        MemoryDisk disk = disk_with_old(has_old);
        disk.arm({.kind = kind, .at = call});
        bool written = false;
        try {
          FaultyDisk faulty(disk);
          write_new(faulty);
          written = !disk.dead();
        } catch (const Killed&) {
        } catch (const Error&) {}
        struck = disk.struck();
        if (!is_whole(disk, has_old, written)) ++mixtures;
        states += PowerLoss(disk.tree(), most, static_cast<unsigned>(call)).each([&](FileTree left) {
          if (!is_whole(MemoryDisk(std::move(left)), has_old, written)) ++mixtures;
        });
      }
    }
  }
  return mixtures;
}

}  // namespace

TEST_CASE("an atomic file is the old one or the new one, wherever a process dies and whatever a power loss leaves") {
  long states = 0;
  CHECK(mixtures_through<test::PassingDisk>(3000, states) == 0);
  MESSAGE(states << " states of an atomic file");
  CHECK(states > 500);
}

TEST_CASE("mistakes in how an atomic file is written are seen") {
  long states = 0;
  CHECK(mixtures_through<test::FilesUnsynced>(300, states) > 0);
  CHECK(mixtures_through<test::FoldersUnsynced>(300, states) > 0);
  CHECK(mixtures_through<test::RenamedBeforeSync>(300, states) > 0);
  CHECK(mixtures_through<test::CloseErrorsIgnored>(300, states) > 0);
  CHECK(mixtures_through<test::ShortWritesIgnored>(300, states) > 0);
  CHECK(mixtures_through<test::SyncTriedAgain>(300, states) > 0);
}

TEST_CASE("an atomic file whose calls fail leaves what was there and nothing else, and can be written again") {
  using Repeat = Trouble::Repeat;
  long cases = 0;
  for (const bool has_old : {false, true}) {
    for (const int error : {EIO, ENOSPC, EDQUOT, EINTR}) {
      for (const auto repeat : {Repeat::once, error == EINTR ? Repeat::every_other : Repeat::for_ever}) {
        bool struck = true;
        for (long call = 1; struck; ++call, ++cases) {
          MemoryDisk disk = disk_with_old(has_old);
          disk.arm({.kind = Trouble::Kind::error, .at = call, .repeat = repeat, .error = error});
          const bool written = try_to_write_new(disk);
          struck = disk.struck();
          disk.heal();
          CAPTURE(call);
          CAPTURE(error);
          CHECK(is_whole(disk, has_old, written));
          CHECK(disk.open_descriptors() == 0);
          if (repeat == Repeat::once) CHECK(all_names(disk).size() <= 1);
          CHECK(try_to_write_new(disk));
          CHECK(*disk.file(path) == new_bytes);
        }
      }
    }
    for (const std::size_t bytes : {1, 700}) {
      MemoryDisk disk = disk_with_old(has_old);
      disk.arm({.kind = Trouble::Kind::shortened, .repeat = Repeat::for_ever, .bytes = bytes});
      CHECK(try_to_write_new(disk));
      CHECK(*disk.file(path) == new_bytes);
      CHECK(read_file(path, 10000, Fault::input, disk) == new_bytes);
    }
  }
  MESSAGE(cases << " failures of an atomic file");
}

TEST_CASE("a full disk refuses an atomic file before a byte is written, and has its space back") {
  for (const std::size_t capacity : {1400, 1401, 2000, 2699, 2700}) {
    MemoryDisk disk = disk_with_old(true);
    disk.set_capacity(capacity);
    CHECK(try_to_write_new(disk) == (capacity == 2700));
    CHECK(disk.tree().used() == (capacity == 2700 ? 1300 : 1400));
  }
}

}  // namespace primer::data
