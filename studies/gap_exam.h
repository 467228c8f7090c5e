// How a pretrained model does beside the oracle, on the very same masked pairs.
#pragma once

#include <map>
#include <utility>

#include "data/examples/token_sequence.h"
#include "studies/gap_oracle.h"
#include "studies/lab/run.h"
#include "train/checkpoints/loaded_run.h"
#include "train/step/interruption.h"

namespace primer::studies {

/// What was found on hidden words, those that show [MASK], and on the next sentence.
struct GapExam {
  long pairs = 0, hidden = 0;
  Estimate loss, accuracy;  // of the model on hidden words; nats
  Estimate next_accuracy;   // of the model
  OracleScore oracle;       // with the model's excess
};

/// How often B continues A, by the numbers of tokens in A and in B: what a reader can know from lengths alone.
using LengthTable = std::map<std::pair<long, long>, double>;

/// Counts the pairs that data::SentencePairs makes of these tokens in its first `epochs` epochs.
LengthTable lengths_of_pairs(const train::LoadedRun& run, const data::TokenSequence& tokens, int epochs);

/// Examines the run's model on the pairs of `tokens`, masked as in an evaluation; chunks of one sentence are left out.
/// The vocabulary is gap_vocabulary(language). A sequence without pairs: Fault::usage. Throws StudyStopped.
GapExam examine(train::LoadedRun& run, const GapLanguage& language, const data::TokenSequence& tokens,
                const LengthTable& lengths, train::Interruption& interruption);

}  // namespace primer::studies
