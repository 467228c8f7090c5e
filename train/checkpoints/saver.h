// When a training saves, and what happens when saving fails.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "train/checkpoints/checkpoint_store.h"
#include "train/step/stopwatch.h"
#include "train/step/timing.h"

namespace primer::train {

/// Saves at intervals: of steps, or of time when these are 0. Then a checkpoint is due after a minute, and never before
/// a hundred times what the last one took, so that saving costs about a hundredth at most.
///
/// A save that fails loses nothing: the older checkpoints stay, the training goes on, and it is tried again after one,
/// two, four ... intervals. Only the last save of a training has no later one, and is an error.
class Saver {
 public:
  /// `save(id)` writes a checkpoint; its Fault::io is what can fail, anything else passes through. `note(text)` tells
  /// people. `saved` is what is on the disk already.
  Saver(long every_steps, CheckpointId saved, std::function<void(CheckpointId)> save,
        std::function<void(const std::string&)> note);

  /// Makes a checkpoint if one is due. False if none was made.
  bool offer(CheckpointId id);

  /// Makes a checkpoint that is not due, if it costs little beside the time since the last one. False if not.
  bool offer_early(CheckpointId id);

  /// Makes a checkpoint now, unless the last one is this one. False if that failed.
  bool save_now(CheckpointId id);

  /// The last one: tried twice, then its Fault::io passes through.
  void finish(CheckpointId id);

  CheckpointId saved() const { return saved_; }

 private:
  bool is_due(CheckpointId id) const;

  long every_steps_;
  CheckpointId saved_;
  std::function<void(CheckpointId)> save_;
  std::function<void(const std::string&)> note_;
  long failures_ = 0;  // in a row
  long tried_step_;    // of the last attempt
  Stopwatch since_tried_;
  double last_seconds_ = 0;  // that the last save took
};

}  // namespace primer::train
