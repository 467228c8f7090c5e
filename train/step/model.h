// What the batches of a task ask of a model.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "data/examples/examples.h"
#include "data/examples/token_sequence.h"
#include "nn/model.h"

namespace primer::train {

/// Some sequences of a batch, as a model reads them.
struct BatchPart {
  nn::Sequences sequences;
  std::span<const int> targets;  // [B, T], or none
  std::span<const int> labels;   // [B], or none
};

/// The sequences first ... first + count - 1 of a batch, which must live as long.
BatchPart part_of(const data::Batch& batch, long first, long count);

/// What --freeze leaves to be trained: the head on labels.
bool trains_when_frozen(std::string_view path);

/// What examples with each label weigh so that all labels weigh alike, and an example 1 in the mean: w[k] = N / (K
/// n[k]), of N examples with K different labels, of which n[k] have label k; 0 for a label that none has.
/// scikit-learn's class_weight="balanced".
std::vector<double> balanced_weights(const data::TokenSequence& tokens, long labels);

/// What the terms of a loss are multiplied by, 1 / (those that count in the whole step), how far their targets are
/// smoothed, and what lines of each label weigh.
struct LossScales {
  double token = 1, label = 1;
  double smoothing = 0;
  std::span<const double> label_weights = {};  // [K], or none: see nn::Targets
};

/// nn::Model::loss of a part of a batch. A part has a row of targets for its tokens also where the model has no head
/// that predicts tokens: they do not count then.
template <class T>
autograd::Tensor<T> loss_of(const nn::Model<T>& model, autograd::Tape<T>& tape, const BatchPart& part,
                            const LossScales& scales, nn::Scores& scores);

}  // namespace primer::train
