// A whole training: from a planned run to its last evaluation.
#pragma once

#include "train/checkpoints/resume.h"
#include "train/step/interruption.h"
#include "train/step/progress.h"

namespace primer::train {

struct TrainingResult {
  long step = 0;             // that was reached
  long best_step = -1;       // of the lowest validation loss; -1: nothing was evaluated
  double best_val_loss = 0;  // nats for each target
  bool stopped_early = false;
  int signal = 0;       // that ended it, 0 if none did
  double val_loss = 0;  // of the last evaluation of this training, nats for each target
};

/// How long a training may take. The steps are fitted to the time again behind every evaluation, as the load of the
/// machine changes: there are more or fewer of them, `most` at most, and the schedule ends with them. Checkpoints
/// say how many there are then, so that a training which goes on without a time does not depend on a clock.
struct TimeLimit {
  double seconds = 0;  // 0: as many steps as the configuration says
  long most = 1'000'000'000'000;
};

/// Trains the run to its end or to a signal, evaluating at the beginning, every eval_every steps and at the end; writes
/// its logs and saves checkpoints. When it returns, the last one is durable. Fault::diverged when losses stop being
/// numbers; Fault::io when the last checkpoint could not be saved.
TrainingResult train_run(OpenRun& run, Progress& progress, Interruption& interruption, const TimeLimit& limit = {});

}  // namespace primer::train
