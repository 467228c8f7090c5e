// How much memory a training takes, told before it begins, and how much there is.
#pragma once

#include <string>

#include "train/step/step_meter.h"
#include "train/tasks/config.h"

namespace primer::train {

/// Bytes that a training holds at its highest.
struct MemoryNeed {
  double parameters = 0;  // one flat block of them: their values
  double trained = 0;     // one of those that are trained
  double blocks = 0;      // such blocks: gradients and the optimizer's moments
  double copy = 0;        // of values and moments: the best model, while it waits to be saved
  double values = 0;      // what the forward pass makes and the backward pass reads: the tape's arena
  double gradients = 0;   // the tape's pool at its fullest: live gradients and working space
  double batches = 0;     // token ids, targets and the like of a step
  double sample = 0;      // keys, values and outputs of a text that is written on the way
  double program = 0;     // the program itself, and what products pack matrices into

  double total() const {
    return parameters + trained * blocks + copy + values + gradients + batches + sample + program;
  }
};

/// What training with this configuration takes, in parts of so many sequences.
MemoryNeed memory_need(const Config& config, StepMeter& meter, long sequences);

/// What may be taken, and by whose leave.
struct MemoryLimit {
  double bytes = 0;
  std::string reason;  // "are free", "the limit of the control group allows", ...
};

/// The memory that this process may still take: the least of what the machine has free (MemAvailable in /proc/meminfo),
/// what its control groups allow (versions 1 and 2, file cache not counted as used) and its limit on data (ulimit -d).
/// `root` stands before every path.
MemoryLimit available_memory(const std::string& root = "");

/// Processors whose time the control groups of this process give it (cpu.max, or cpu.cfs_quota_us and cfs_period_us),
/// rounded up; a large number without a quota. `root` as above.
long processor_quota(const std::string& root = "");

/// Throws Fault::memory when the training would not fit, naming the largest --batch that does, and Fault::usage when a
/// batch has more tokens than BLAS can count. `meter` is of the configuration's model. Takes, and gives back at once,
/// the address space of the training: that is how limits on it (ulimit -v) are found. None of it is touched.
void refuse_beyond_memory(const Config& config, StepMeter& meter, const MemoryLimit& limit);

}  // namespace primer::train
