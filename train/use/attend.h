// A run's model reads a text and shows how it looks at it.
#pragma once

#include <string_view>

#include "train/checkpoints/loaded_run.h"
#include "train/pages/attention_page.h"

namespace primer::train {

/// Every head's weights over `text`, a whole sequence. A BERT is given it between [CLS] and [SEP]. The name of a
/// special token stands for it: [MASK] for a hidden token, [SEP] between two texts. A text without tokens, one that
/// does not fit into the model's context or holds what the vocabulary has not, a model without layers: Fault::input.
/// Weights that are no numbers: Fault::checkpoint.
AttentionPage attend(const LoadedRun& run, std::string_view text);

}  // namespace primer::train
