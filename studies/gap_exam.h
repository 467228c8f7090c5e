// A pretrained model's answers on masked pairs, as the oracle can judge them.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "data/examples/token_sequence.h"
#include "studies/gap_oracle.h"
#include "train/checkpoints/loaded_run.h"
#include "train/step/interruption.h"

namespace primer::studies {

/// How often B continues A, by the numbers of words in A and in B: what a reader can know from lengths alone.
using LengthTable = std::map<std::pair<std::size_t, std::size_t>, double>;

/// Counts the pairs that data::SentencePairs makes of these tokens in its first `epochs` epochs.
LengthTable lengths_of_pairs(const train::LoadedRun& run, const data::TokenSequence& tokens, std::uint64_t epochs);

/// What the run's model answers on the pairs of `tokens`, masked as in an evaluation; chunks of one sentence are left
/// out. The vocabulary is gap_vocabulary(). A sequence without pairs: Fault::usage. Throws StudyStopped.
std::vector<AnsweredPair> answers_of(train::LoadedRun& run, const data::TokenSequence& tokens,
                                     const LengthTable& lengths, train::Interruption& interruption);

}  // namespace primer::studies
