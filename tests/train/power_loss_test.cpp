// The power fails at any call: whatever was not synced may be gone, torn or out of order.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/train/store_sweeps.h"

namespace primer::test {

namespace {

const Protocol protocol = primer_protocol();

template <class Sweep>
void check_all(const std::string& what, Sweep sweep) {
  Findings findings;
  for (const Scenario& s : quick_scenarios(protocol)) findings += sweep(s);
  MESSAGE(what << ": " << findings.cases << " states");
  CAPTURE(findings.first);
  CHECK(findings.cases > 1000);
  CHECK(findings.violations == 0);
}

// The power fails in a recovery, twice, and after trouble of each kind: so many states of each moment.
void lose_power(std::size_t in_recovery, std::size_t twice, std::size_t after_trouble) {
  check_all("power lost in a recovery",
            [&](const Scenario& s) { return sweep_power_loss_in_recovery(s, protocol, in_recovery); });
  check_all("power lost twice", [&](const Scenario& s) { return sweep_power_loss_twice(s, protocol, twice); });
  for (const auto kind : {Trouble::Kind::error, Trouble::Kind::kill_before, Trouble::Kind::kill_after}) {
    check_all("power lost after trouble", [&](const Scenario& s) {
      return sweep_trouble_and_power_loss(s, protocol, {.kind = kind}, after_trouble);
    });
  }
}

}  // namespace

TEST_CASE("after a power loss at any call of a save, the old checkpoint or the new one is there, whole") {
  check_all("power lost in a save", [](const Scenario& s) { return sweep_power_loss(s, protocol, 4000); });
}

TEST_CASE("after a power loss at any call of a recovery, what it has found or would have found is there") {
  check_all("power lost in a recovery", [](const Scenario& s) { return sweep_power_loss_in_recovery(s, protocol, 5); });
}

TEST_CASE("after a power loss, and another in the recovery from it, a whole checkpoint is there") {
  check_all("power lost twice", [](const Scenario& s) { return sweep_power_loss_twice(s, protocol, 2); });
}

TEST_CASE("after a failed call and a power loss, what was reported as saved is there") {
  check_all("power lost after a failure", [](const Scenario& s) {
    return sweep_trouble_and_power_loss(s, protocol, {.kind = Trouble::Kind::error}, 1);
  });
}

TEST_CASE("after a killed process, another one, and a power loss, what the second reported as saved is there") {
  check_all("power lost after a kill", [](const Scenario& s) {
    return sweep_trouble_and_power_loss(s, protocol, {.kind = Trouble::Kind::kill_before}, 1);
  });
}

TEST_CASE(
    "going back that is killed, or loses power, leaves a checkpoint with all that is older, and no byte is gone") {
  const std::vector<CheckpointId> ids{{1}, {2}, {3, false}, {3}, {4}};
  MemoryDisk full;
  full.make_folder(run_folder);
  for (const CheckpointId id : ids) protocol.save(full, id, files_of(id));
  full.tree().settle();
  long cases = 0;
  const auto check = [&](MemoryDisk disk) {
    ++cases;
    disk.restart();
    CheckpointStore store(store_folder, disk);
    const auto found = store.recover();
    CHECK(found.id >= CheckpointId{2});
    CHECK(found.warnings.empty());
    std::vector<CheckpointId> expected = ids;
    while (expected.back() != found.id) expected.pop_back();
    CHECK(store.list() == expected);  // no gap
    for (const CheckpointId id : ids) {
      const std::string path = id <= found.id ? path_of(id) : path_of(id) + ".aside";
      for (const auto& [name, bytes] : files_of(id)) {
        const std::string* const there = disk.file(path + "/" + name);
        CHECK((there && *there == bytes));
      }
    }
    CHECK(store.go_back({2}).size() == static_cast<std::size_t>(std::ranges::count_if(ids, [&](CheckpointId id) {
            return id <= found.id && id > CheckpointId{2};
          })));
    CHECK(store.recover().id == CheckpointId{2});
  };
  bool struck = true;
  for (long call = 1; struck; ++call) {
    CAPTURE(call);
    MemoryDisk disk = full;
    disk.restart();
    disk.arm({.kind = Trouble::Kind::kill_before, .at = call});
    attempt(disk, [&] { CheckpointStore(store_folder, disk).go_back({2}); });
    struck = disk.struck();
    check(disk);
    PowerLoss(disk.tree(), 1000, static_cast<unsigned>(call)).each([&](FileTree left) {
      check(MemoryDisk(std::move(left)));
    });
  }
  CHECK(cases > 20);
}

TEST_SUITE("long") {
  TEST_CASE("after a power loss in whatever moment, some states of each, nothing is lost") { lose_power(10, 2, 2); }
}

TEST_SUITE("campaign") {
  TEST_CASE("after a power loss in whatever moment, many states of each, nothing is lost") { lose_power(100, 12, 25); }
}

}  // namespace primer::test
