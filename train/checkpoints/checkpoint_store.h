// The checkpoints of a run: each a folder that appears by rename, complete and verified, or not at all.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/bytes/file.h"
#include "train/checkpoints/manifest.h"

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

  /// Writes a checkpoint, in place of one of the same moment too. When this returns it is on the disk, read back and
  /// verified, whatever happens next. When it throws, everything that was there is as it was; the new one may be there
  /// too, whole, when the last step alone failed. Fault::io, and what a File's `write` throws.
  ///
  /// The order: every file written and synced; the manifest last; all read back; the folder synced; renamed; its parent
  /// synced. Pillai et al.: All File Systems Are Not Created Equal (OSDI 2014).
  void save(CheckpointId id, const std::vector<File>& files);

  /// What has a checkpoint's name, the oldest first. Nothing is verified. No folder: none. Fault::io.
  std::vector<CheckpointId> list() const;

  std::string path(CheckpointId id) const;  // of the checkpoint's folder

  /// Compares every file with the manifest: length, CRC32C, step. A file that the manifest does not name is no part of
  /// the checkpoint and is not looked at. Fault::checkpoint says what is wrong; Fault::io when the disk fails;
  /// NewerFormat.
  Manifest verify(CheckpointId id) const;

  struct Recovered {
    CheckpointId id;
    std::vector<std::string> warnings;  // one line each
  };

  /// Removes what interrupted saves left behind and finds the newest checkpoint that verifies; from then on its name
  /// survives a power loss. A broken one is renamed to <name>.broken, never deleted; one that the disk does not give
  /// out is passed over and stays. None at all: Fault::checkpoint, or Fault::io when one could not be read.
  /// NewerFormat: nothing of a later program is touched.
  Recovered recover();

  /// Takes their names from all checkpoints later than `to`, which verify() has accepted: recover() finds `to` from
  /// then on. A folder becomes <name>.aside, or <name>.aside.2; nothing is deleted. Returns the new paths. The latest
  /// goes first, and each is on the disk before the next: whoever interrupts it finds an earlier checkpoint with all
  /// that is older, never one with a gap behind it. Fault::io.
  std::vector<std::string> go_back(CheckpointId to);

  /// Removes all older than `newest`, which was just saved, but `best` and the `keep` newest of them that were due:
  /// those of multiples of `save_every` steps, or any if that is 0. So it depends on the step alone what stays, and not
  /// on where a training was interrupted. What cannot be removed stays: the next call tries again. Without `newest`
  /// nothing is removed.
  void prune(CheckpointId newest, std::optional<CheckpointId> best, long keep, long save_every);

 private:
  std::string hidden(CheckpointId id, std::string_view ending) const;  // a path that is no checkpoint's
  std::vector<std::string> names() const;
  bool is_there(const std::string& path) const;
  void rename(const std::string& from, const std::string& to);
  int try_to_rename(const std::string& from, const std::string& to);  // 0 or -errno
  void make_folder();
  Manifest verify_folder(const std::string& path, CheckpointId id) const;
  void read_back(const std::string& path, CheckpointId id) const;
  std::string set_aside(CheckpointId id, std::string_view ending);
  void tidy();

  std::string folder_;
  data::Disk& disk_;
  bool folder_is_durable_ = false;  // its own name
};

}  // namespace primer::train
