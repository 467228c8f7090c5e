// What a training is when nobody has chosen, by the length of the text.
#pragma once

#include <cstdint>

#include "train/tasks/config.h"

namespace primer::train {

/// A row of the table of defaults, for texts of fewer than `below` tokens.
struct Defaults {
  std::uint64_t below;
  long layers, heads, channels, context, batch, steps;
  double lr, dropout;
};

/// The row for a text of so many tokens.
const Defaults& defaults_for(std::uint64_t tokens);

/// Completes the shape of the model.
void choose_model(Config& config, const Defaults& row);

/// Completes learning rates and decay. A minimum that was chosen above the highest: Fault::usage.
void choose_optimizer(Config& config, const Defaults& row);

}  // namespace primer::train
