// What is worth knowing of a run, in words: `primer info` and `primer report` say it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "train/checkpoints/checkpoint.h"

namespace primer::train {

/// A plain word, and a line of text.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// Text, model, validation, trained, machine of a run as its newest checkpoint has it. A text that cannot be read any
/// more says why.
Facts run_facts(const std::string& directory, const Checkpoint& newest);

/// What a configuration has that no other has unless it is chosen: options of the command line.
std::vector<std::string> options_of(const Config& config);

/// Seconds that a run was trained for, up to this checkpoint, its newest.
double seconds_trained(const std::string& directory, const Checkpoint& newest);

}  // namespace primer::train
