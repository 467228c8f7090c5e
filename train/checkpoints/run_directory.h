// A run on disk: a directory that appears when everything a training needs is in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/checkpoints/run_lock.h"

namespace primer::train {

/// The files of a run.
struct RunPaths {
  std::string directory;

  std::string config() const { return directory + "/config.json"; }                      // the configuration, resolved
  std::string tokenizer() const { return directory + "/tokenizer.json"; }                // Hugging Face's form
  std::string source_tokenizer() const { return directory + "/source_tokenizer.json"; }  // where sources have their own
  std::string tokens() const { return directory + "/tokens"; }                           // the text, encoded
  std::string metrics() const { return directory + "/metrics.jsonl"; }                   // what the training computed
  std::string samples() const { return directory + "/samples.jsonl"; }                   // texts on the way
  std::string timing() const { return directory + "/timing.jsonl"; }                     // how long it took
  std::string checkpoints() const { return directory + "/checkpoints"; }                 // one folder each
  std::string lock() const { return directory + "/lock"; }    // held by the process that trains
  std::string spool() const { return directory + "/.text"; }  // standard input, while it is encoded
};

/// runs/<name of the first text>: its file name without the ending, the folder's name for a folder, "stdin" for "-".
/// Control characters and leading dots are replaced.
std::string default_run(const std::vector<std::string>& texts);

/// Tells a directory from another that takes its name later.
data::FileIdentity place_of(const std::string& directory);

/// Throws Fault::io, "the run is no longer at ...", when another directory, or none, is at the place. `what` is "run".
void check_place(const std::string& directory, const data::FileIdentity& place, const std::string& what);

/// A run in the making: a hidden directory beside its place, locked. Unless it is published it is removed again, so
/// that a refused text or configuration leaves nothing behind; what a killed process left is removed by the next one.
class NewRun {
 public:
  /// Checks that `path` is free, or, with `force`, will be made free. Creates nothing yet.
  /// Throws Fault::usage when something is there, or the path is no name for a directory.
  NewRun(std::string path, bool force);
  NewRun(const NewRun&) = delete;
  NewRun& operator=(const NewRun&) = delete;
  ~NewRun();

  /// Throws Fault::busy when the run that would be moved aside is being trained.
  void refuse_busy() const;

  /// Creates the hidden directory, and its parents, on the first call. Throws Fault::io.
  const RunPaths& staging();

  /// Makes all that is in the directory durable, gives it its name, and returns its files' paths there; the run is
  /// locked as long as this object lives. What was there before is moved aside to <path>.1, or the first such number
  /// that is free; `moved_to`, if not null, gets that name, or "".
  /// Throws Fault::usage when something appeared there meanwhile, Fault::busy, Fault::io.
  RunPaths publish(std::string* moved_to);

 private:
  void refuse_existing() const;
  void remove_stale() const;

  std::string path_;
  bool force_;
  bool published_ = false;
  bool made_folder_ = false;  // that it stands in
  RunPaths staging_;
  std::optional<RunLock> lock_;
};

}  // namespace primer::train
