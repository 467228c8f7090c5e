// The power fails at any call: whatever was not synced may be gone, torn or out of order.
#include <doctest/doctest.h>

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

TEST_SUITE("long") {
TEST_CASE("after a power loss in whatever moment, some states of each, nothing is lost") { lose_power(10, 2, 2); }
}

TEST_SUITE("campaign") {
TEST_CASE("after a power loss in whatever moment, many states of each, nothing is lost") { lose_power(100, 12, 25); }
}

}  // namespace primer::test
