#include "train/checkpoints/saver.h"

#include <algorithm>

#include "autograd/error.h"
#include "train/step/stopwatch.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr double shortest_interval = 60;  // seconds
constexpr double work_per_save = 100;     // seconds of training for each second of saving, at least
constexpr long longest_wait = 10;         // doublings of the interval after failures

}  // namespace

Saver::Saver(long every_steps, CheckpointId saved, std::function<void(CheckpointId)> save,
             std::function<void(const std::string&)> note)
    : every_steps_(every_steps),
      saved_(saved),
      save_(std::move(save)),
      note_(std::move(note)),
      tried_step_(saved.step) {}

bool Saver::is_due(CheckpointId id) const {
  const long intervals = 1L << std::min(std::max(failures_ - 1, 0L), longest_wait);
  if (every_steps_ > 0) {
    // At multiples of the interval, wherever the training was resumed. A step whose evaluation was interrupted was
    // saved without it, and is due again with it.
    const bool completes = failures_ == 0 && id.step == saved_.step && id > saved_ && id.step % every_steps_ == 0;
    return completes || id.step / every_steps_ - tried_step_ / every_steps_ >= intervals;
  }
  const double interval = std::max(shortest_interval, work_per_save * last_seconds_);
  return since_tried_.seconds() >= interval * static_cast<double>(intervals);
}

bool Saver::offer(CheckpointId id) { return is_due(id) && save_now(id); }

bool Saver::offer_early(CheckpointId id) {
  return failures_ == 0 && since_tried_.seconds() >= work_per_save * last_seconds_ && save_now(id);
}

bool Saver::save_now(CheckpointId id) {
  if (id == saved_) return true;
  const Stopwatch watch;
  tried_step_ = id.step;
  try {
    save_(id);
  } catch (const Error& error) {
    if (error.fault() != Fault::io) throw;
    ++failures_;
    since_tried_ = {};
    note_("note   step " + std::to_string(id.step) + " could not be saved, step " + std::to_string(saved_.step) +
          " is kept: " + error.what());
    return false;
  }
  failures_ = 0;
  saved_ = id;
  last_seconds_ = watch.seconds();
  since_tried_ = {};
  return true;
}

void Saver::finish(CheckpointId id) {
  if (save_now(id)) return;
  try {
    save_(id);
  } catch (const Error& error) {
    if (error.fault() != Fault::io) throw;
    throw Error(Fault::io, "step " + std::to_string(id.step) + " could not be saved: " + error.what() +
                               "; the newest checkpoint is that of step " + std::to_string(saved_.step));
  }
  saved_ = id;
}

}  // namespace primer::train
