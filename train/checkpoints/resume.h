// Where a training goes on: every training does, a new one from the checkpoint of step 0.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/examples/token_file.h"
#include "train/checkpoints/checkpoint.h"
#include "train/checkpoints/run_directory.h"

namespace primer::train {

/// Nothing is left to do after `step`: neither a step nor the evaluation that one of them was due.
inline bool is_finished(const TrainingState& state, long step, const Config& config) {
  return !state.unevaluated && (state.stopped_early || step >= config.steps);
}

/// A run that can be trained. Whoever holds one holds the run's lock.
struct OpenRun {
  RunPaths paths;
  CheckpointStore store;
  Checkpoint checkpoint;  // its configuration is the one to go on with
  std::unique_ptr<data::TokenFile> tokens;
  std::vector<std::string> notes;  // for people, one line each

  bool is_finished() const {
    return train::is_finished(checkpoint.state, checkpoint.state.trainer.step, checkpoint.config);
  }
};

/// Recovers the run's newest whole checkpoint, or goes `back` to the one that is chosen, and compares it with the run's
/// tokens, its config.json and with what the user wishes. A wish may name more steps or epochs, or another
/// --save-every, --sample-every, --keep or --threads; any other that differs from the run is Fault::usage, but
/// --minutes, which is the caller's: see extend_by_minutes(). config.json is renewed. Going back sets the later
/// checkpoints aside, and a copy of each log that has lines of later steps, with a note; the training then cuts the
/// logs themselves. An interrupted one leaves a run that goes on. Broken checkpoints are set aside with a note; no
/// whole one, or parts that do not belong together: Fault::checkpoint.
OpenRun open_run(const RunPaths& run, const Config& wishes, std::optional<Choice> back = {});

/// Writes the run's configuration into its config.json. What stands in the way becomes a note.
void renew_config(OpenRun& run);

/// Lets the run go on to `steps` in all, and writes that into its config.json. Fewer than it has: Fault::usage, in
/// which `wish` names what was asked for, "--steps 100".
void extend(OpenRun& run, long steps, const std::string& wish);

/// The same for a run that is to end after a time, which may also be earlier than it was planned: a schedule that would
/// have ended with the run then does so too.
void set_steps(OpenRun& run, long steps);

}  // namespace primer::train
