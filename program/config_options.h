// The configuration on the command line.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <utility>
#include <vector>

#include "train/tasks/config.h"

namespace primer::program {

/// What the user wrote, in order.
struct ConfigOptions {
  std::vector<std::pair<const train::Field*, std::string>> flags;
  std::string preset, file;
};

/// Adds one option for each field of the configuration, --preset and --config. `options` must outlive the parsing.
void add_config_options(CLI::App& command, ConfigOptions& options);

/// The fields' defaults, overridden by the preset, the file and the flags, in this order. Throws Fault::usage.
train::Config resolve(const ConfigOptions& options);

}  // namespace primer::program
