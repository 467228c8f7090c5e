#include "train/checkpoints/checkpoint_store.h"

#include <doctest/doctest.h>

#include "tests/train/store_sweeps.h"

namespace primer::test {

namespace {

// A store on a disk of its own, with these checkpoints.
struct Shelf {
  MemoryDisk disk;
  CheckpointStore store{store_folder, disk};

  explicit Shelf(const std::vector<CheckpointId>& ids) {
    disk.make_folder(run_folder);
    for (const CheckpointId id : ids) store.save(id, writers_of(files_of(id)));
    disk.tree().settle();
  }
  Shelf(const Shelf&) = delete;
  bool has(CheckpointId id) { return is_whole(disk, id, {{{id, {files_of(id)}}}, {}, {}}); }
};

}  // namespace

TEST_CASE("what is saved is listed, verified and recovered; the newest is the last") {
  Shelf shelf(std::vector<CheckpointId>{{0}, {10}, {2}, {10, false}, {1234567890123}});
  CHECK(shelf.store.list() == std::vector<CheckpointId>{{0}, {2}, {10, false}, {10}, {1234567890123}});
  for (const CheckpointId id : shelf.store.list()) {
    CHECK(shelf.has(id));
    CHECK(shelf.store.verify(id).step == id.step);
  }
  CHECK(shelf.store.recover().id == CheckpointId{1234567890123});
  CHECK(shelf.store.path({10}) == "run/checkpoints/step-000000010");
  CHECK(shelf.store.path({10, false}) == "run/checkpoints/step-000000010-unevaluated");
}

TEST_CASE("only names that the store makes are checkpoints") {
  Shelf shelf(std::vector<CheckpointId>{{7}});
  for (const char* name : {"step-7", "step-0000000007", "step-000000008.broken", "step-000000008-", "step-00000000x",
                           "step--00000008", "step-+00000008", "step-", "best", "step-000000008-unevaluated2"}) {
    shelf.disk.make_folder(store_folder + "/" + name);
  }
  CHECK(shelf.store.list() == std::vector<CheckpointId>{{7}});
}

TEST_CASE("without a folder, or with an empty one, there is no checkpoint, and recovery says so") {
  Shelf shelf(std::vector<CheckpointId>{});
  for (int k = 0; k < 2; ++k) {
    CHECK(shelf.store.list().empty());
    try {
      shelf.store.recover();
      FAIL("it recovered nothing");
    } catch (const autograd::Error& error) {
      CHECK(error.fault() == autograd::Fault::checkpoint);
      CHECK(std::string(error.what()).find("no whole checkpoint") != std::string::npos);
    }
    shelf.disk.make_folder(store_folder);
  }
}

TEST_CASE("pruning leaves the newest, the best and as many others as are to be kept") {
  const std::vector<CheckpointId> all{{1}, {2}, {3}, {4, false}, {4}, {5}};
  const auto after = [&](CheckpointId newest, std::optional<CheckpointId> best, long keep) {
    Shelf shelf(all);
    shelf.store.prune(newest, best, keep, 0);
    for (const CheckpointId id : shelf.store.list()) CHECK(shelf.has(id));
    CHECK(shelf.disk.open_descriptors() == 0);
    return shelf.store.list();
  };
  CHECK(after({5}, {}, 0) == std::vector<CheckpointId>{{5}});
  CHECK(after({5}, {}, -1) == std::vector<CheckpointId>{{5}});
  CHECK(after({5}, CheckpointId{2}, 0) == std::vector<CheckpointId>{{2}, {5}});
  CHECK(after({5}, CheckpointId{2}, 2) == std::vector<CheckpointId>{{2}, {4, false}, {4}, {5}});
  CHECK(after({5}, CheckpointId{5}, 1) == std::vector<CheckpointId>{{4}, {5}});
  CHECK(after({5}, {}, 100) == all);
  CHECK(after({3}, {}, 0) == std::vector<CheckpointId>{{3}, {4, false}, {4}, {5}});  // later ones are not older
  CHECK(after({9}, {}, 0) == all);  // the newest is not there: nothing is known to be safe
}

TEST_CASE("what pruning could not remove, the next pruning removes") {
  Shelf shelf(std::vector<CheckpointId>{{1}, {2}});
  shelf.disk.arm({.kind = Trouble::Kind::error, .repeat = Trouble::Repeat::for_ever, .only = Trouble::Call::remove});
  shelf.store.prune({2}, {}, 0, 0);
  CHECK(shelf.store.list() == std::vector<CheckpointId>{{2}});
  const std::size_t used = shelf.disk.tree().used();
  shelf.disk.heal();
  shelf.store.save({3}, writers_of(files_of({3})));
  shelf.store.prune({3}, {}, 0, 0);
  CHECK(shelf.disk.tree().used() == used / 2);
}

TEST_CASE("a checkpoint that failed in its last step, saved again, replaces what may be lost") {
  Shelf shelf(std::vector<CheckpointId>{{1}});
  for (long call = 1;; ++call) {
    MemoryDisk disk = shelf.disk;
    CheckpointStore store(store_folder, disk);
    disk.arm({.kind = Trouble::Kind::error, .at = call, .only = Trouble::Call::sync});
    attempt(disk, [&] { store.save({2}, writers_of(files_of({2}))); });
    if (!disk.struck()) break;
    store.save({2}, writers_of(files_of({2})));
    for (const auto& [path, bytes] : disk.tree().paths()) CHECK(path.find("/.") == std::string::npos);
    const Expected expected{{{{2}, {files_of({2})}}, {{1}, {files_of({1})}}}, CheckpointId{2}, {{1}, {2}}};
    CHECK(violation(disk, primer_protocol(), expected) == "");
    MemoryDisk left(disk.tree().after_power_loss({}, {}));
    CHECK(violation(left, primer_protocol(), expected) == "");
  }
}

TEST_CASE("the files of a checkpoint may be empty, and may be none") {
  Shelf shelf(std::vector<CheckpointId>{});
  shelf.store.save({1}, {{"nothing", [](data::OutputFile&) {}}});
  shelf.store.save({2}, {});
  CHECK(shelf.store.verify({1}).files == std::vector<train::Manifest::File>{{"nothing", 0, 0}});
  CHECK(shelf.store.verify({2}).files.empty());
}

TEST_CASE("a name that no manifest can hold is refused when it is saved") {
  for (const char* name : {"two words", "two\nlines", "", "manifest"}) {
    Shelf shelf(std::vector<CheckpointId>{{1}});
    const auto before = shelf.disk.tree().paths();
    CAPTURE(name);
    CHECK_THROWS_AS(shelf.store.save({2}, {{name, [](data::OutputFile& file) { file.append("x"); }}}), autograd::Error);
    CHECK(shelf.disk.tree().paths() == before);
  }
}

TEST_CASE("an error of whoever writes a file passes through, and nothing stays") {
  Shelf shelf(std::vector<CheckpointId>{{1}});
  const auto before = shelf.disk.tree().paths();
  const auto fails = [](data::OutputFile& file) {
    file.append("half");
    throw autograd::Error(autograd::Fault::input, "the source is gone");
  };
  try {
    shelf.store.save({2}, {{"model", fails}});
    FAIL("it was saved");
  } catch (const autograd::Error& error) {
    CHECK(error.fault() == autograd::Fault::input);
  }
  CHECK(shelf.disk.tree().paths() == before);
  CHECK(shelf.disk.open_descriptors() == 0);
}

}  // namespace primer::test
