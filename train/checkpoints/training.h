// A whole training: from a planned run to its last evaluation.
#pragma once

#include "data/text/text.h"
#include "train/checkpoints/resume.h"
#include "train/plan/plan.h"
#include "train/step/interruption.h"
#include "train/step/progress.h"

namespace primer::train {

/// Writes what a run begins with: tokens, tokenizer.json, config.json and the checkpoint of step 0, whose parameters
/// are those of `initial`, or newly drawn without one. If the plan asks for minutes, a throw-away model is trained for
/// some seconds first to turn them into steps. Throws Fault::input, Fault::io, and Fault::checkpoint for `initial`.
void prepare_run(const RunPaths& run, Plan& plan, const data::Sources& sources, const data::TextFacts& facts,
                 const Checkpoint* initial = nullptr);

/// Lets an open run go on for so many minutes from where it stands, evaluations included: a throw-away model is trained
/// for some seconds to turn them into steps. What the run has planned and would not reach in that time stays planned,
/// and asking for less than that is Fault::usage. Returns the steps that fit.
long extend_by_minutes(OpenRun& run, double minutes);

struct TrainingResult {
  long step = 0;             // that was reached
  long best_step = -1;       // of the lowest validation loss; -1: nothing was evaluated
  double best_val_loss = 0;  // nats for each target
  bool stopped_early = false;
  int signal = 0;  // that ended it, 0 if none did
};

/// Trains the run to its end or to a signal, evaluating at the beginning, every eval_every steps and at the end; writes
/// its logs and saves checkpoints. When it returns, the last one is durable. Fault::diverged when losses stop being
/// numbers; Fault::io when the last checkpoint could not be saved.
TrainingResult train_run(OpenRun& run, Progress& progress, Interruption& interruption);

}  // namespace primer::train
