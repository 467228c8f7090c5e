// What a step of training asks of the machine, from a pass over the model itself that computes nothing.
#pragma once

#include "autograd/parameters.h"
#include "autograd/product.h"
#include "data/examples/examples.h"
#include "train/step/model.h"
#include "train/tasks/config.h"

namespace primer::train {

/// Of one part of a step, of which there are --accumulate.
struct StepNeed {
  double values = 0;     // bytes that the forward pass makes and the backward pass reads: the tape's arena
  double gradients = 0;  // bytes of live gradients and working space at their most: the tape's pool
  double batch = 0;      // bytes of token ids, targets and the like
  autograd::Work work;
};

/// A model that is declared and has no numbers: no memory is taken for them and none are drawn.
class StepMeter {
 public:
  StepMeter(const Config& config, const nn::ModelConfig& shape);

  const autograd::Parameters<float>& parameters() const { return parameters_; }  // their shapes; no numbers
  const nn::Model<float>& model() const { return model_; }

  /// A part of so many sequences, of the whole context each, on as many threads as there are now.
  StepNeed part(long sequences);

 private:
  data::Batch batch_of(long sequences) const;

  long context_, targets_;  // tokens of a sequence, and how many of them have a target
  double smoothing_;
  std::vector<double> label_weights_;  // [K] of --balance, or none
  autograd::Parameters<float> parameters_;
  nn::Model<float> model_;
};

}  // namespace primer::train
