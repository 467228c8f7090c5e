// A run's model reads a text and shows how it looks at it.
#pragma once

#include <string_view>

#include "train/run/attention_page.h"
#include "train/run/loaded_run.h"

namespace primer::train {

/// Every head's weights over `text`, a whole sequence of at most the model's context. The name of a special token, such
/// as [MASK], stands for it. A text without tokens, one that is too long or holds what the vocabulary has not, a model
/// without layers: Fault::input. Weights that are no numbers: Fault::checkpoint.
AttentionPage attend(const LoadedRun& run, std::string_view text);

}  // namespace primer::train
