// Sweeps over everything that can go wrong between two calls of the file layer. Each counts its cases and collects what
// the invariant says; over primer's own protocol nothing, over a mistaken one something.
#pragma once

#include <string>

#include "tests/disk/power_loss.h"
#include "tests/train/store_scenarios.h"

namespace primer::test {

struct Findings {
  long cases = 0, violations = 0;
  std::string first;  // violation

  void add(const std::string& wrong, const std::string& where) {
    ++cases;
    if (wrong.empty()) return;
    if (violations++ == 0) first = where + ": " + wrong;
  }
  Findings& operator+=(const Findings& other) {
    cases += other.cases;
    if (violations == 0) first = other.first;
    violations += other.violations;
    return *this;
  }
};

inline std::string at_call(const Scenario& s, const char* what, long call) {
  return s.name + ", " + what + " call " + std::to_string(call);
}

/// Does `work` on the disk as a process that may be killed or fail. False if it was stopped.
template <class Work>
bool attempt(MemoryDisk& disk, Work work) {
  try {
    work();
  } catch (const Killed&) {
    return false;
  } catch (const autograd::Error&) {
    return false;
  }
  return !disk.dead();
}

/// The disk as a process leaves it that is killed before its call number `call` of the scenario; nothing when it ends
/// before that.
inline std::optional<MemoryDisk> killed_before(const Scenario& s, const Protocol& protocol, long call, bool& reported) {
  MemoryDisk disk = s.before;
  disk.arm({.kind = Trouble::Kind::kill_before, .at = call});
  reported = false;
  attempt(disk, [&] { s.run(disk, protocol, reported); });
  if (!disk.struck()) return {};
  return disk;
}

/// The process is killed before and after each call of a save with its pruning.
inline Findings sweep_kills(const Scenario& s, const Protocol& protocol) {
  Findings findings;
  for (const auto kind : {Trouble::Kind::kill_before, Trouble::Kind::kill_after}) {
    for (long call = 1;; ++call) {
      MemoryDisk disk = s.before;
      disk.arm({.kind = kind, .at = call});
      bool reported = false;
      attempt(disk, [&] { s.run(disk, protocol, reported); });
      if (!disk.struck()) break;
      findings.add(violation(disk, protocol, s.expected(reported)), at_call(s, "killed at", call));
    }
  }
  return findings;
}

/// The process is killed before each of its calls, and so is the one that recovers, and the one after it.
inline Findings sweep_kills_in_recovery(const Scenario& s, const Protocol& protocol) {
  Findings findings;
  bool reported = false;
  for (long call = 1; const auto killed = killed_before(s, protocol, call, reported); ++call) {
    bool struck = true;
    for (long later = 1; struck; ++later) {
      MemoryDisk disk = *killed;
      for (const long at : {later, later / 2 + 1}) {
        disk.restart();
        disk.arm({.kind = Trouble::Kind::kill_before, .at = at});
        attempt(disk, [&] { protocol.recover(disk); });
        if (at == later) struck = disk.struck();
        findings.add(violation(disk, protocol, s.expected(reported)),
                     at_call(s, "killed at", call) + ", recovery at " + std::to_string(later));
      }
    }
  }
  return findings;
}

/// The power fails before each call of a save with its pruning, and at the end.
inline Findings sweep_power_loss(const Scenario& s, const Protocol& protocol, std::size_t most) {
  Findings findings;
  for (long call = 1;; ++call) {
    MemoryDisk disk = s.before;
    disk.arm({.kind = Trouble::Kind::kill_before, .at = call});
    bool reported = false;
    attempt(disk, [&] { s.run(disk, protocol, reported); });
    PowerLoss(disk.tree(), most, static_cast<unsigned>(call)).each([&](FileTree left) {
      findings.add(violation(MemoryDisk(std::move(left)), protocol, s.expected(reported), 1),
                   at_call(s, "power lost at", call));
    });
    if (!disk.struck()) return findings;
  }
}

/// The process is killed before each of its calls, and the power fails before each call of the recovery and after it.
inline Findings sweep_power_loss_in_recovery(const Scenario& s, const Protocol& protocol, std::size_t most) {
  Findings findings;
  bool reported = false;
  for (long call = 1; const auto killed = killed_before(s, protocol, call, reported); ++call) {
    for (long later = 1;; ++later) {
      MemoryDisk disk = *killed;
      disk.restart();
      disk.arm({.kind = Trouble::Kind::kill_before, .at = later});
      std::optional<CheckpointId> found;
      attempt(disk, [&] { found = protocol.recover(disk).id; });
      Expected expected = s.expected(reported);
      if (found && !disk.dead()) expected.at_least = found;  // what a recovery has named is there for good
      PowerLoss(disk.tree(), most, static_cast<unsigned>(call * 1000 + later)).each([&](FileTree left) {
        findings.add(violation(MemoryDisk(std::move(left)), protocol, expected, 1),
                     at_call(s, "killed at", call) + ", power lost at call " + std::to_string(later) + " of recovery");
      });
      if (!disk.struck()) break;
    }
  }
  return findings;
}

/// The power fails before each call of a save, and again before each call of the recovery from that.
inline Findings sweep_power_loss_twice(const Scenario& s, const Protocol& protocol, std::size_t most) {
  Findings findings;
  bool reported = false;
  for (long call = 1; const auto killed = killed_before(s, protocol, call, reported); ++call) {
    PowerLoss(killed->tree(), most, static_cast<unsigned>(call)).each([&](const FileTree& left) {
      bool struck = true;
      for (long later = 1; struck; ++later) {
        MemoryDisk disk(left);
        disk.arm({.kind = Trouble::Kind::kill_before, .at = later});
        attempt(disk, [&] { protocol.recover(disk); });
        struck = disk.struck();
        PowerLoss(disk.tree(), most, static_cast<unsigned>(later)).each([&](FileTree again) {
          findings.add(violation(MemoryDisk(std::move(again)), protocol, s.expected(reported), 1),
                       at_call(s, "power lost at", call) + ", again at call " + std::to_string(later));
        });
      }
    });
  }
  return findings;
}

/// Something goes wrong at a call, once: it fails, or the process dies and another one recovers. Then the same is saved
/// again. The power fails after the first, before each call of the second, and at the end.
inline Findings sweep_trouble_and_power_loss(const Scenario& s, const Protocol& protocol, Trouble trouble,
                                             std::size_t most) {
  Findings findings;
  for (trouble.at = 1;; ++trouble.at) {
    MemoryDisk disk = s.before;
    disk.arm(trouble);
    bool reported = false;
    attempt(disk, [&] { s.run(disk, protocol, reported); });
    const bool struck = disk.struck(), died = disk.dead();
    const auto lose_power = [&](const char* what) {
      PowerLoss(disk.tree(), most, static_cast<unsigned>(trouble.at)).each([&](FileTree left) {
        findings.add(violation(MemoryDisk(std::move(left)), protocol, s.expected(reported), 1),
                     at_call(s, what, trouble.at) + (reported ? ", reported" : ""));
      });
    };
    lose_power("trouble and a power loss at");
    if (!struck) return findings;
    if (died) {
      disk.restart();
      attempt(disk, [&] { protocol.recover(disk); });
    }
    for (long later = 1;; ++later) {
      const MemoryDisk kept = disk;
      const bool was_reported = reported;
      disk.arm({.kind = Trouble::Kind::kill_before, .at = later});
      attempt(disk, [&] { s.run(disk, protocol, reported); });
      const bool stopped = disk.struck();
      lose_power("saved again after trouble at");
      if (!stopped) break;
      disk = kept;
      reported = was_reported;
    }
  }
}

}  // namespace primer::test
