// How well a model predicts a text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>

#include "autograd/tape.h"
#include "train/step/model.h"
#include "train/tasks/task.h"

namespace primer::train {

struct Evaluation {
  double loss = 0;            // what is trained: nats for each target, the mean over all; and over all labels
  double accuracy = 0;        // share of targets that had the highest logit; of labels, where there are no targets
  double bits_per_byte = 0;   // of text; nan when the task's loss is no code
  std::uint64_t targets = 0;  // or labels, where there are none
  std::uint64_t unknown = 0;  // targets beside these, whose text the vocabulary lacks: they are not predicted
  double token_loss = 0, label_loss = 0, label_accuracy = 0;  // of a loss that has both
  bool has_both = false;
  double train_accuracy = -1;           // of labels, on as much of what is learned from; below 0: not asked for
  std::uint64_t examples = 0, all = 0;  // read, and how many there are
  std::uint64_t cut = 0;                // of all, those longer than the context
  bool complete = true;                 // false: it was stopped, and the numbers mean nothing
  double unknown_share() const {        // of all targets
    return static_cast<double>(unknown) / std::max(1.0, static_cast<double>(targets + unknown));
  }
};

/// Evaluates the task's examples of `tokens`, in batches of `batch`: all, or `most_batches` of them if that is not 0,
/// spread evenly over the tokens. `text_bytes` is how many bytes of text the tokens stand for. Nothing is recorded,
/// dropout is off, and what was recorded on the tape before stays. `stop`, asked before every batch, ends the
/// evaluation at once when it says true. Where nothing counts, as when no token of a short text is hidden, there are 0
/// targets, and loss and accuracy are nan. With `label_weights` [K] the loss has them, as in nn::Targets. Fewer tokens
/// than the task needs: Fault::input.
template <class T>
Evaluation evaluate(const nn::Model<T>& model, autograd::Tape<T>& tape, const TextTask& task,
                    const data::TokenSequence& tokens, std::uint64_t text_bytes, long batch, long most_batches,
                    const std::function<bool()>& stop = {}, std::span<const double> label_weights = {});

}  // namespace primer::train
