// What a model has that figures of heads do not show.
#pragma once

#include <string>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "nn/model.h"
#include "train/circuits/looks.h"

namespace primer::train {

/// In sentences, one thing each. `repeated` are the sequences on which the model was read.
std::vector<std::string> left_out(const nn::Model<float>& model, const Repeated& repeated,
                                  const data::Tokenizer& tokenizer);

}  // namespace primer::train
