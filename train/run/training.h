// A whole training: from a planned run to its last evaluation.
#pragma once

#include "data/text.h"
#include "train/run/plan.h"
#include "train/run/progress.h"
#include "train/run/run_directory.h"

namespace primer::train {

/// Writes what a run begins with: tokens, tokenizer.json and config.json. If the plan asks for minutes, a throw-away
/// model is trained for some seconds first to turn them into steps. Throws Fault::input, Fault::io.
void prepare_run(const RunPaths& run, Plan& plan, const data::Sources& sources, const data::TextFacts& facts);

struct TrainingResult {
  long steps = 0;             // made
  bool stopped_early = false;
  double best_val_loss = 0;   // nats for each target; infinite if nothing was evaluated
  long saved_step = 0;        // of the model that was saved: with patience the best one, else the last
};

/// Trains the prepared run, evaluating at the beginning, every eval_every steps and at the end, writes its logs, and
/// saves the model. Fault::diverged when losses stop being numbers; Fault::io.
TrainingResult train_run(const RunPaths& run, const Plan& plan, Progress& progress);

}  // namespace primer::train
