// What the tests of the checkpoint store share: small checkpoints, what is done to them, and the one thing that must
// hold whatever happens meanwhile.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/disk/memory_disk.h"
#include "train/checkpoints/checkpoint_store.h"

namespace primer::test {

using train::CheckpointId;
using train::CheckpointStore;
using Files = std::map<std::string, std::string>;  // name -> bytes

inline const std::string run_folder = "run";
inline const std::string store_folder = "run/checkpoints";

inline std::string path_of(CheckpointId id) {
  static const CheckpointStore store(store_folder);
  return store.path(id);
}

inline std::string shown(CheckpointId id) { return path_of(id).substr(store_folder.size() + 1); }

/// Three files, of three sectors, of one and of a few bytes; each checkpoint and version has its own bytes.
inline Files files_of(CheckpointId id, int version = 0) {
  Files files;
  unsigned state = static_cast<unsigned>(id.step * 4 + id.evaluated * 2 + version) * 2654435761u + 1;
  for (const auto& [name, bytes] : {std::pair{"model", 1300}, {"moments", 500}, {"state", 60}}) {
    std::string& file = files[name];
    for (int i = 0; i < bytes; ++i) file += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  }
  return files;
}

/// How checkpoints are kept: by primer's store, or with a deliberate mistake.
struct Protocol {
  std::function<void(data::Disk&, CheckpointId, const Files&)> save;
  std::function<CheckpointStore::Recovered(data::Disk&)> recover;
  std::function<void(data::Disk&, CheckpointId, std::optional<CheckpointId>, long)> prune;
};

/// Each file in two pieces.
inline std::vector<CheckpointStore::File> writers_of(const Files& files) {
  std::vector<CheckpointStore::File> writers;
  for (const auto& [name, bytes] : files) {
    writers.push_back({name, [&bytes = bytes](data::OutputFile& file) {
                         const std::string_view whole = bytes;
                         file.append(whole.substr(0, whole.size() * 2 / 5));
                         file.append(whole.substr(whole.size() * 2 / 5));
                       }});
  }
  return writers;
}

inline Protocol primer_protocol() {
  return {[](data::Disk& disk, CheckpointId id, const Files& files) {
            CheckpointStore(store_folder, disk).save(id, writers_of(files));
          },
          [](data::Disk& disk) { return CheckpointStore(store_folder, disk).recover(); },
          [](data::Disk& disk, CheckpointId newest, std::optional<CheckpointId> best, long keep) {
            CheckpointStore(store_folder, disk).prune(newest, best, keep, 0);
          }};
}

/// What must be found on a disk, whatever happened to it.
struct Expected {
  std::map<CheckpointId, std::vector<Files>> known;  // each that may be found, and what it may hold
  std::optional<CheckpointId> at_least;              // found is this or a later one; nothing: there may be none
  std::vector<CheckpointId> present;                 // are there, found or not
};

/// The checkpoint's files hold one of the versions that are known.
inline bool is_whole(MemoryDisk& disk, CheckpointId id, const Expected& expected) {
  const auto known = expected.known.find(id);
  if (known == expected.known.end()) return false;
  return std::any_of(known->second.begin(), known->second.end(), [&](const Files& files) {
    return std::all_of(files.begin(), files.end(), [&](const auto& file) {
      const std::string* const bytes = disk.file(path_of(id) + "/" + file.first);
      return bytes && *bytes == file.second;
    });
  });
}

/// The invariant: a process that comes to this disk recovers the old checkpoint or the new one, byte for byte, without
/// a word about broken ones, and leaves nothing of an interrupted save or removal behind; the next one, `times` in all,
/// finds the same. Returns what is wrong, or "".
inline std::string violation(MemoryDisk disk, const Protocol& protocol, const Expected& expected, int times = 2) {
  disk.restart();
  std::optional<CheckpointId> first;
  for (int time = 0; time < times; ++time) {
    CheckpointStore::Recovered recovered;
    try {
      recovered = protocol.recover(disk);
    } catch (const autograd::Error& error) {
      if (!expected.at_least && error.fault() == autograd::Fault::checkpoint) return "";
      return std::string("recovery gave up: ") + error.what();
    }
    if (expected.at_least && recovered.id < *expected.at_least) return shown(recovered.id) + " is too old";
    if (!is_whole(disk, recovered.id, expected)) return shown(recovered.id) + " was accepted and is not whole";
    if (!recovered.warnings.empty()) return "a warning: " + recovered.warnings.front();
    if (first && recovered.id != *first) return "another recovery found " + shown(recovered.id);
    first = recovered.id;
    if (disk.open_descriptors() != 0) return "recovery left a descriptor open";
    std::string left;
    disk.tree().each([&](const std::string& path, const FileTree::Node&) {
      if (path.find("/.step-") != std::string::npos) left = "recovery left " + path;
      if (path.find(".broken") != std::string::npos) left = "something was set aside: " + path;
    });
    if (!left.empty()) return left;
  }
  for (const CheckpointId id : expected.present) {
    if (!is_whole(disk, id, expected)) return shown(id) + " is lost";
  }
  return "";
}

/// Something that is done to a disk with checkpoints on it.
struct Scenario {
  std::string name;
  MemoryDisk before;
  std::vector<CheckpointId> had;  // that are on it
  CheckpointId newest;            // that is saved
  Files files;                    // of it
  std::optional<CheckpointId> best;
  long keep = 0;
  Expected old, saved;  // what holds until save() returns, and after

  /// Saves and prunes. `reported` tells whether save() has returned.
  void run(data::Disk& disk, const Protocol& protocol, bool& reported) const {
    protocol.save(disk, newest, files);
    reported = true;
    protocol.prune(disk, newest, best, keep);
  }
  const Expected& expected(bool reported) const { return reported ? saved : old; }
};

/// `had` are there, written by the protocol itself and safe on the disk; `lasting` must stay until the end.
inline Scenario scenario(const Protocol& protocol, std::string name, const std::vector<CheckpointId>& had,
                         CheckpointId newest, int version, std::optional<CheckpointId> best, long keep,
                         const std::vector<CheckpointId>& lasting) {
  Scenario s{std::move(name), {}, had, newest, files_of(newest, version), best, keep, {}, {}};
  s.before.make_folder(run_folder);
  for (const CheckpointId id : had) {
    protocol.save(s.before, id, files_of(id));
    s.old.known[id] = {files_of(id)};
    s.old.at_least = id;
  }
  s.before.tree().settle();
  s.before.restart();
  s.saved = s.old;
  s.old.present = s.saved.present = lasting;
  s.old.known[newest].push_back(s.files);
  s.saved.known[newest] = {s.files};
  s.saved.at_least = newest;
  s.saved.present.push_back(newest);
  return s;
}

inline std::vector<Scenario> scenarios(const Protocol& protocol) {
  const CheckpointId one{1}, two{2}, three{3}, unfinished{3, false};
  return {scenario(protocol, "the first one", {}, one, 0, {}, 0, {}),
          scenario(protocol, "over an old one that goes", {two}, three, 0, {}, 0, {}),
          scenario(protocol, "over an old one that goes and the best one", {one, two}, three, 0, one, 0, {one}),
          scenario(protocol, "over two old ones of which one is kept", {one, two}, three, 0, {}, 1, {two}),
          scenario(protocol, "an evaluation made up for", {two, unfinished}, three, 0, two, 0, {two}),
          scenario(protocol, "the same moment once more", {two, three}, three, 1, two, 0, {two})};
}

/// All of them; under a sanitizer, where each case takes ten times as long, the two richest.
inline std::vector<Scenario> quick_scenarios(const Protocol& protocol) {
  std::vector<Scenario> all = scenarios(protocol);
#if defined(__SANITIZE_ADDRESS__)
  return {all[2], all[5]};
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return {all[2], all[5]};
#endif
#endif
  return all;
}

}  // namespace primer::test
