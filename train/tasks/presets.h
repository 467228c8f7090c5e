// Named configurations.
#pragma once

#include <string>
#include <vector>

#include "train/tasks/config.h"

namespace primer::train {

/// The names that apply_preset knows.
std::vector<std::string> preset_names();

/// Sets the preset's values with ChosenBy::preset. Throws Fault::usage for an unknown name, with the nearest known one.
void apply_preset(Config& config, const std::string& name);

}  // namespace primer::train
