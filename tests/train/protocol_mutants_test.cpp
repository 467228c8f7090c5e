// The tests of the store, tested: eleven mistakes that programs make with their checkpoints, each of which must be
// seen.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include "data/bytes/checksum.h"
#include "tests/data/fixture.h"
#include "tests/disk/faulty_disks.h"
#include "tests/train/store_failures.h"
#include "train/checkpoints/run_lock.h"

namespace primer::test {

namespace {

// primer's store on a disk with a mistake in front of it.
template <class Disk>
Protocol through() {
  const Protocol right = primer_protocol();
  return {[right](data::Disk& under, CheckpointId id, const Files& files) {
            Disk disk(under);
            right.save(disk, id, files);
          },
          [right](data::Disk& under) {
            Disk disk(under);
            return right.recover(disk);
          },
          [right](data::Disk& under, CheckpointId newest, std::optional<CheckpointId> best, long keep) {
            Disk disk(under);
            right.prune(disk, newest, best, keep);
          }};
}

// The old ones go before the new one's name is safe.
Protocol pruning_before_sync() {
  Protocol wrong = primer_protocol();
  wrong.save = [](data::Disk& under, CheckpointId id, const Files& files) {
    FolderUnsynced disk(under, store_folder);
    CheckpointStore store(store_folder, disk);
    store.save(id, writers_of(files));
    store.prune(id, {}, 0, 0);
    data::sync_folder(store_folder, under);
  };
  wrong.prune = [](data::Disk&, CheckpointId, std::optional<CheckpointId>, long) {};
  return wrong;
}

// A file names the newest checkpoint, and is written before it.
Protocol latest_first() {
  Protocol wrong = primer_protocol();
  wrong.save = [](data::Disk& disk, CheckpointId id, const Files& files) {
    const int made = disk.make_folder(store_folder);
    if (made < 0 && made != -EEXIST) throw autograd::Error(autograd::Fault::io, "no folder");
    data::write_file_atomically(store_folder + "/latest", std::to_string(id.step), disk);
    primer_protocol().save(disk, id, files);
  };
  wrong.recover = [](data::Disk& disk) {
    const std::string step = data::read_file(store_folder + "/latest", 100, autograd::Fault::checkpoint, disk);
    const CheckpointId id{std::stol(step)};
    CheckpointStore(store_folder, disk).verify(id);
    return CheckpointStore::Recovered{id, {}};
  };
  return wrong;
}

// Only the lengths are compared.
Protocol without_checksums() {
  Protocol wrong = primer_protocol();
  wrong.recover = [](data::Disk& disk) {
    const CheckpointStore store(store_folder, disk);
    const CheckpointId id = store.list().back();
    const std::string text = data::read_file(store.path(id) + "/manifest", 10000, autograd::Fault::checkpoint, disk);
    for (const train::Manifest::File& file : train::parse_manifest(text, "manifest").files) {
      const data::InputFile input(store.path(id) + "/" + file.name, autograd::Fault::checkpoint, disk);
      if (input.size() != file.bytes) throw autograd::Error(autograd::Fault::checkpoint, "its length is wrong");
    }
    return CheckpointStore::Recovered{id, {}};
  };
  return wrong;
}

// Bits of the only checkpoint flip: nothing may be found.
Findings sweep_flips(const Scenario& s, const Protocol& protocol) {
  Findings findings;
  const CheckpointId id = s.had.back();
  for (const auto& [name, bytes] : files_of(id)) {
    for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 101) {
      MemoryDisk damaged = s.before;
      (*damaged.file(path_of(id) + "/" + name))[bit / 8] ^= static_cast<char>(1 << bit % 8);
      const bool found = attempt(damaged, [&] { protocol.recover(damaged); });
      findings.add(found ? "it was accepted" : "", name + " with bit " + std::to_string(bit) + " flipped");
    }
  }
  return findings;
}

// All that the other tests look for, in small; with `all` until the end, else until something is found.
Findings hunt(const Protocol& protocol, bool all) {
  Findings findings;
  const Scenario s = scenario(protocol, "over an old one", {{2}}, {3}, 0, {}, 0, {});
  const auto step = [&](const char* what, auto sweep) {
    if (findings.violations > 0 && !all) return;
    findings += sweep();
    if (findings.violations > 0 && !all) findings.first = std::string(what) + ": " + findings.first;
  };
  step("bits", [&] { return sweep_flips(scenario(protocol, "", {{1}}, {2}, 0, {}, 0, {}), protocol); });
  step("kills", [&] { return sweep_kills(s, protocol); });
  step("power loss", [&] { return sweep_power_loss(s, protocol, 100); });
  step("failures", [&] { return sweep_failing_saves(s, protocol, failures()); });
  step("failures and power loss",
       [&] { return sweep_trouble_and_power_loss(s, protocol, {.kind = Trouble::Kind::error}, 2); });
  return findings;
}

void check_seen(const std::string& mistake, const Protocol& protocol) {
  const Findings findings = hunt(protocol, false);
  MESSAGE(mistake << ": seen " << findings.violations << " times in " << findings.cases << " cases; "
                  << findings.first);
  CAPTURE(mistake);
  CHECK(findings.violations > 0);
}

// The lock of a run still holds after its file was opened and closed once more: another process cannot have it.
bool lock_holds(data::Disk& disk) {
  const data::TemporaryFolder folder;
  const std::string path = folder / "lock";
  const train::RunLock lock(path, disk);
  disk.close(disk.open(path, data::Disk::Open::read));
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 1;
    try {
      const train::RunLock another(path, disk);
    } catch (const autograd::Error& error) {
      code = error.fault() == autograd::Fault::busy ? 0 : 2;
    }
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) < 2);
  return WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("the right protocol passes all that the mistaken ones fail") {
  const Findings findings = hunt(through<PassingDisk>(), true);
  MESSAGE("no mistake: " << findings.cases << " cases");
  CAPTURE(findings.first);
  CHECK(findings.violations == 0);
}

TEST_CASE("files that are not synced are seen") { check_seen("no fsync of files", through<FilesUnsynced>()); }
TEST_CASE("folders that are not synced are seen") { check_seen("no fsync of folders", through<FoldersUnsynced>()); }
TEST_CASE("a rename before the sync is seen") { check_seen("rename before fsync", through<RenamedBeforeSync>()); }
TEST_CASE("writing in place is seen") { check_seen("write in place", through<WrittenInPlace>()); }
TEST_CASE("pruning before the sync is seen") { check_seen("prune before fsync", pruning_before_sync()); }
TEST_CASE("checksums that are not compared are seen") { check_seen("no checksum", without_checksums()); }
TEST_CASE("a close whose error is ignored is seen") { check_seen("ignored close", through<CloseErrorsIgnored>()); }
TEST_CASE("a short write that is ignored is seen") { check_seen("ignored short write", through<ShortWritesIgnored>()); }
TEST_CASE("a failed sync that is tried again is seen") { check_seen("fsync tried again", through<SyncTriedAgain>()); }
TEST_CASE("a pointer to the newest that is written first is seen") { check_seen("latest first", latest_first()); }

TEST_CASE("a run's lock outlives another descriptor of its file, which one of fcntl does not") {
  CHECK(lock_holds(data::system_disk()));
  LockedForTheProcess mistaken(data::system_disk());
  CHECK(!lock_holds(mistaken));
}

}  // namespace primer::test
