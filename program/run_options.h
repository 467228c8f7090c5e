// What commands that read a run have in common.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "train/checkpoints/checkpoint.h"
#include "train/step/progress.h"

namespace primer::program {

/// Adds --checkpoint; parse_choice() reads what it holds.
inline CLI::Option* add_checkpoint_option(CLI::App& command, std::string& checkpoint) {
  return command
      .add_option("--checkpoint", checkpoint,
                  "which state of a run: best (lowest validation loss), last, or a step [best]")
      ->type_name("best|last|STEP");
}

/// Says on standard error what had to be passed over.
inline void warn(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) train::say("note   " + warning + "\n");
}

}  // namespace primer::program
