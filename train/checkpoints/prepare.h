// What a run begins with, and what turns minutes into its steps.
#pragma once

#include "data/text/text.h"
#include "train/checkpoints/resume.h"
#include "train/plan/plan.h"

namespace primer::train {

/// Writes what a run begins with: tokens, tokenizer.json (and source_tokenizer.json, where
/// sources have their own), config.json and the checkpoint of step 0, whose parameters
/// are those of `initial`, or newly drawn without one. If the plan asks for minutes, a throw-away model is trained for
/// some seconds first to turn them into steps. Throws Fault::input, Fault::io, and Fault::checkpoint for `initial`.
void prepare_run(const RunPaths& run, Plan& plan, const data::Sources& sources, const data::TextFacts& facts,
                 const Checkpoint* initial = nullptr);

/// Lets an open run go on for so many minutes from where it stands, evaluations included: a throw-away model is trained
/// for some seconds to turn them into steps. The run then ends after these, whether it had more planned or fewer: see
/// set_steps(). Returns the steps that fit.
long extend_by_minutes(OpenRun& run, double minutes);

/// Writes down on what machine, and with what products, the training goes on from here.
void note_machine(TrainingState& state, const Config& config);

}  // namespace primer::train
