// How surprised a model that fills gaps is by a text: every token is masked alone, and asked for.
// Salazar, Liang, Nguyen, Kirchhoff: Masked Language Model Scoring (2020), section 2.
#pragma once

#include <cstdint>

#include "train/use/reader.h"

namespace primer::train {

struct PseudoPerplexity {
  double loss = 0;           // nats: the mean of -ln p(token | all others of its window)
  std::uint64_t tokens = 0;  // that were asked for
};

/// Of a text in tokens, as the run's own are; of these `most`, spread evenly, or all if that is 0. A token's window is
/// the part of the text that an evaluation would show it in; with next-sentence prediction its sentence.
PseudoPerplexity pseudo_perplexity(LoadedRun& run, const data::TokenSequence& tokens, long most);

}  // namespace primer::train
