// Every call of the file layer fails: with each errno, once, now and then and for ever; or moves fewer bytes.
#pragma once

#include <array>

#include "tests/train/store_sweeps.h"

namespace primer::test {

/// Every kind of failure but being killed, each to be armed at call 1, 2, 3 ...
inline std::vector<Trouble> failures() {
  using Kind = Trouble::Kind;
  using Repeat = Trouble::Repeat;
  std::vector<Trouble> all;
  for (const int error : {EIO, ENOSPC, EDQUOT, EROFS, EMFILE}) {
    for (const auto repeat : {Repeat::once, Repeat::for_ever}) {
      all.push_back({.kind = Kind::error, .repeat = repeat, .error = error});
    }
  }
  for (const auto repeat : {Repeat::once, Repeat::every_other}) {  // nobody is interrupted for ever
    all.push_back({.kind = Kind::error, .repeat = repeat, .error = EINTR});
  }
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{700}}) {
    for (const auto repeat : {Repeat::once, Repeat::for_ever}) {
      for (const auto call : {Trouble::Call::read, Trouble::Call::write}) {
        all.push_back({.kind = Kind::shortened, .repeat = repeat, .bytes = bytes, .only = call});
      }
    }
  }
  return all;
}

/// What the scenario's save, failing, may do: throw Fault::io, or succeed where the failure is harmless, as shortened
/// reads and writes are. Then the older checkpoints are as they were, nothing is left open, and the next save succeeds.
inline std::string violation_of_failing_save(const Scenario& s, const Protocol& protocol, const Trouble& trouble,
                                             bool& struck) {
  MemoryDisk disk = s.before;
  disk.arm(trouble);
  bool reported = false;
  std::string error;
  try {
    s.run(disk, protocol, reported);
  } catch (const autograd::Error& e) {
    error = e.what();
    if (e.fault() != autograd::Fault::io) return "not an I/O error: " + error;
  }
  struck = disk.struck();
  disk.heal();
  if (trouble.kind == Trouble::Kind::shortened && !error.empty()) return "a short read or write failed: " + error;
  if (disk.open_descriptors() != 0) return "a descriptor was left open";
  const Expected& expected = s.expected(reported);
  // Those who only read find without any recovery what there was, unless nothing works any more: then what was to be
  // replaced could not get its name back.
  if (!reported && trouble.repeat != Trouble::Repeat::for_ever) {
    for (const CheckpointId id : s.had) {
      if (!is_whole(disk, id, expected)) return shown(id) + " is out of sight";
    }
  }
  if (const std::string wrong = violation(disk, protocol, expected); !wrong.empty()) return wrong;
  try {
    s.run(disk, protocol, reported);
  } catch (const autograd::Error& e) {
    return std::string("the next save failed: ") + e.what();
  }
  return violation(disk, protocol, s.saved);
}

inline Findings sweep_failing_saves(const Scenario& s, const Protocol& protocol, const std::vector<Trouble>& all) {
  Findings findings;
  for (Trouble trouble : all) {
    bool struck = true;
    for (trouble.at = 1; struck; ++trouble.at) {
      findings.add(violation_of_failing_save(s, protocol, trouble, struck),
                   at_call(s, std::strerror(trouble.error), trouble.at));
    }
  }
  return findings;
}

/// A recovery whose calls fail finds a whole checkpoint, or throws Fault::io; and a later one, whose calls do not fail,
/// finds what it would have found at once.
inline std::string violation_of_failing_recovery(const MemoryDisk& before, const Protocol& protocol,
                                                 const Expected& expected, const Trouble& trouble, bool& struck) {
  MemoryDisk disk = before;
  disk.restart();
  disk.arm(trouble);
  try {
    const CheckpointStore::Recovered recovered = protocol.recover(disk);
    if (!is_whole(disk, recovered.id, expected)) return shown(recovered.id) + " was accepted and is not whole";
    if (trouble.kind == Trouble::Kind::shortened && !recovered.warnings.empty()) return recovered.warnings.front();
  } catch (const autograd::Error& e) {
    const bool is_empty = !expected.at_least && e.fault() == autograd::Fault::checkpoint;
    if (e.fault() != autograd::Fault::io && !is_empty) return std::string("not an I/O error: ") + e.what();
  }
  struck = disk.struck();
  disk.heal();
  if (disk.open_descriptors() != 0) return "a descriptor was left open";
  return violation(disk, protocol, expected);
}

/// The same for what a process leaves that is killed before each of its calls.
inline Findings sweep_failing_recoveries(const Scenario& s, const Protocol& protocol, const std::vector<Trouble>& all) {
  Findings findings;
  bool reported = false;
  for (long call = 1; const auto killed = killed_before(s, protocol, call, reported); ++call) {
    for (Trouble trouble : all) {
      bool struck = true;
      for (trouble.at = 1; struck; ++trouble.at) {
        findings.add(violation_of_failing_recovery(*killed, protocol, s.expected(reported), trouble, struck),
                     at_call(s, "killed at", call) + ", recovery failing at " + std::to_string(trouble.at));
      }
    }
  }
  return findings;
}

}  // namespace primer::test
