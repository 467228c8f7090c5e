// How well a model predicts a text.
#pragma once

#include <cstdint>
#include <functional>

#include "autograd/tape.h"
#include "nn/gpt.h"
#include "train/run/objective.h"

namespace primer::train {

struct Evaluation {
  double loss = 0;           // nats for each target, the mean over all targets
  double accuracy = 0;       // share of targets that had the highest logit
  double bits_per_byte = 0;  // of text; nan when the objective is no code
  std::uint64_t targets = 0;
  bool complete = true;      // false: it was stopped, and the numbers mean nothing
};

/// Evaluates windows of `tokens` that do not overlap, in batches of `batch`; the first `most_batches` of them, or all
/// if that is 0. `text_bytes` is how many bytes of text the tokens stand for. Nothing is recorded, dropout is off, and
/// what was recorded on the tape before stays. `stop`, asked before every batch, ends the evaluation at once when it
/// says true. Fewer tokens than the objective needs: Fault::input.
template <class T>
Evaluation evaluate(nn::Gpt<T>& gpt, autograd::Tape<T>& tape, const Objective& objective,
                    const data::TokenSequence& tokens, std::uint64_t text_bytes, long batch, long most_batches,
                    const std::function<bool()>& stop = {});

}  // namespace primer::train
