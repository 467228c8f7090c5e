// The checkpoints of a run: each a folder that appears by rename, complete and verified, or not at all.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/file.h"
#include "train/run/manifest.h"

namespace primer::train {

/// Which moment of a training a checkpoint holds.
struct CheckpointId {
  long step = 0;
  bool evaluated = true;  // false: the evaluation that is due after this step was interrupted
  auto operator<=>(const CheckpointId&) const = default;  // the later moment is the greater one
};

/// Works on one folder. Whoever saves, recovers or prunes holds the run's lock; reading needs none, since what has a
/// checkpoint's name is whole and never changes.
class CheckpointStore {
 public:
  /// A file of a checkpoint: its name, and what writes its bytes with append().
  struct File {
    std::string name;
    std::function<void(data::OutputFile&)> write;
  };

  /// `folder` need not be there yet.
  explicit CheckpointStore(std::string folder, data::Disk& disk = data::system_disk())
      : folder_(std::move(folder)), disk_(disk) {}

  /// Writes a checkpoint. When this returns it is on the disk, read back and verified, whatever happens next; when it
  /// throws, it is not there, and everything older is as it was. Fault::io.
  ///
  /// The order: every file written and synced; the manifest last; all read back; the folder synced; renamed; its parent
  /// synced. Pillai et al.: All File Systems Are Not Created Equal (OSDI 2014).
  void save(CheckpointId id, const std::vector<File>& files);

  /// What has a checkpoint's name, the oldest first. Nothing is verified. No folder: none. Fault::io.
  std::vector<CheckpointId> list() const;

  std::string path(CheckpointId id) const;  // of the checkpoint's folder

  /// Compares every file with the manifest: length, CRC32C, step. Fault::checkpoint says what is wrong; Fault::io when
  /// the disk fails; NewerFormat.
  Manifest verify(CheckpointId id) const;

  struct Recovered {
    CheckpointId id;
    std::vector<std::string> warnings;  // one line each
  };

  /// Removes what interrupted saves left behind and finds the newest checkpoint that verifies. A broken one is renamed
  /// to <name>.broken, never deleted; one that the disk does not give out is passed over and stays.
  /// None at all: Fault::checkpoint, or Fault::io when one could not be read.
  Recovered recover();

  /// Removes all older than `newest`, which was just saved, but `best` and the `keep` newest of them. What cannot be
  /// removed stays: the next call tries again.
  void prune(CheckpointId newest, std::optional<CheckpointId> best, long keep);

 private:
  Manifest verify_folder(const std::string& path, CheckpointId id) const;
  void set_aside(CheckpointId id, std::string* name);

  std::string folder_;
  data::Disk& disk_;
};

}  // namespace primer::train
