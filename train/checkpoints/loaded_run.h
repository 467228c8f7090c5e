// A trained model, taken from its run.
#pragma once

#include <memory>
#include <string>

#include "autograd/parameters.h"
#include "data/tokenizers/tokenizer.h"
#include "train/checkpoints/checkpoint.h"
#include "train/checkpoints/run_directory.h"
#include "train/step/model.h"

namespace primer::train {

/// The run named `directory`. Fault::input when nothing is there or it is no run, saying which.
RunPaths find_run(const std::string& directory);

/// A checkpoint whose model is ready for use.
struct LoadedRun : Checkpoint {
  RunPaths paths;
  std::vector<std::string> warnings;  // what had to be passed over to find it
  autograd::Parameters<float> parameters;
  std::unique_ptr<nn::Model<float>> network;

  /// The ids of a text. With `specials`, their names in it stand for these tokens.
  std::vector<int> encode(std::string_view text, bool specials = false) const;
  mutable data::Unknowns unknown;  // what the vocabulary lacks of all texts so far
};

/// Loads a model of a run. No such run, or no such checkpoint: Fault::input; contents that do not fit together:
/// Fault::checkpoint. Memory for the parameters is taken only once the file is known to hold them.
std::unique_ptr<LoadedRun> load_run(const std::string& directory, Choice choice = {});

}  // namespace primer::train
