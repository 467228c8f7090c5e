// A run's model reads a text, or translates one, and shows where it looks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "train/checkpoints/loaded_run.h"
#include "train/pages/attention_page.h"

namespace primer::train {

/// A token as a page shows it.
PageToken page_token(const data::Tokenizer& tokenizer, int id);

/// Every head's weights over `text`, a whole sequence. A BERT is given it between [CLS] and [SEP]. The name of a
/// special token stands for it: [MASK] for a hidden token, [SEP] between two texts.
///
/// Of a model that translates: `text` is a source, one line, and what is shown is how `target`, another one, looks at
/// it: see patterns_of_pairs. Without a target it is what the model itself makes of the source, taking the most
/// probable token each time.
///
/// A text without tokens, one that does not fit into the model's context or holds what the vocabulary has not, a model
/// without attention, or without one to its source: Fault::input. A target for another model: Fault::usage. Weights
/// that are no numbers: Fault::checkpoint.
AttentionPage attend(LoadedRun& run, std::string_view text, const std::optional<std::string>& target = {});

}  // namespace primer::train
