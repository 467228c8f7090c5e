// What a training is when nobody has chosen, by the length of the text.
#pragma once

#include <cstdint>

#include "data/tokenizers/tokenizer.h"
#include "train/tasks/config.h"

namespace primer::train {

/// A row of the table of defaults, for texts of fewer than `below` tokens.
struct Defaults {
  std::uint64_t below;
  long layers, heads, channels, context, batch, steps;
  double lr, dropout;
};

/// Predicts the next token of a text that is not cut into lines.
bool is_running_text(const Config& config);

/// The row for a text of so many tokens.
const Defaults& defaults_for(const Config& config, std::uint64_t tokens);

/// About how many steps a running text takes until it is known by heart, and unseen text is predicted worse again.
long steps_until_known(const Config& config, const data::Tokenizer& tokenizer, double steps_per_epoch);

/// Completes the shape of the model.
void choose_model(Config& config, const Defaults& row);

/// Completes learning rates and decay. A minimum that was chosen above the highest: Fault::usage.
void choose_optimizer(Config& config, const Defaults& row);

}  // namespace primer::train
