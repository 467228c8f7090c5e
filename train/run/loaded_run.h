// A trained model, taken from its run.
#pragma once

#include <memory>
#include <string>

#include "autograd/parameters.h"
#include "data/tokenizer.h"
#include "nn/gpt.h"
#include "train/run/config.h"
#include "train/run/run_directory.h"

namespace primer::train {

/// The run named `directory`. Fault::input when nothing is there or it is no run, saying which.
RunPaths find_run(const std::string& directory);

/// The run's configuration. Not readable or not valid: Fault::checkpoint.
Config load_config(const RunPaths& run);

/// A model ready for use.
struct LoadedRun {
  RunPaths paths;
  Config config;
  std::shared_ptr<const data::Tokenizer> tokenizer;
  autograd::Parameters<float> parameters;
  std::unique_ptr<nn::Gpt<float>> gpt;
};

/// Loads a run's model. No such run, or one without a model yet: Fault::input; contents that do not fit together:
/// Fault::checkpoint. Memory for the parameters is taken only once the file is known to hold them.
std::unique_ptr<LoadedRun> load_run(const std::string& directory);

}  // namespace primer::train
