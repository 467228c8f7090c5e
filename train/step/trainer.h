// One training step after another.
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>

#include "autograd/parameters.h"
#include "autograd/tape.h"
#include "data/examples/examples.h"
#include "data/tokenizers/tokenizer.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "train/step/evaluate.h"
#include "train/step/model.h"
#include "train/tasks/config.h"
#include "train/tasks/task.h"

namespace primer::train {

/// What one step did.
struct StepReport {
  long step = 0;             // its number, from 1
  double loss = 0;           // nats for each target, the mean over the whole step; and that over labels
  double smoothed_loss = 0;  // likewise, of the smoothed targets: what is trained
  double lr = 0;
  double grad_norm = 0;      // of all gradients together, before clipping
  std::uint64_t tokens = 0;  // read in this step; where answers are learned, theirs
  double flop = 0;           // that its products need in their textbook form, what is masked left out
  bool skipped = false;      // loss or gradient was not finite: nothing was updated
};

/// What a trainer has besides parameters and moments. Nothing else changes from step to step.
struct TrainerState {
  long step = 0;               // steps made
  data::Cursor cursor;         // the next training example
  std::uint64_t tokens = 0;    // so far, likewise
  int bad_in_a_row = 0;        // the last so many steps were skipped
  std::bitset<100> bad_steps;  // of the last hundred steps; bit 0 is the last one
};

/// Where a trainer's weights come from: drawn from the seed, or all 0, for the caller to fill in.
enum class Weights { drawn, blank };

template <class T>
class Trainer {
 public:
  /// A new model for `tokenizer`, to be trained on `tokens`, which must live as long. The configuration is complete.
  /// The learning rate's schedule ends after `schedule_steps`; 0: after the configuration's steps. `labels` are the
  /// classes of --objective classify. The tokenizer must live as long, too.
  Trainer(const Config& config, const data::Tokenizer& tokenizer, const data::TokenSequence& tokens,
          long schedule_steps = 0, long labels = 0, Weights weights = Weights::drawn);

  /// The learning rate's schedule ends there from now on.
  void schedule_ends_at(long steps) { schedule_.steps = steps; }

  /// Goes on from `state`; parameters, moments and the optimizer's updates are the caller's to fill in. A place that
  /// the examples do not have, or that so many steps cannot reach: Fault::checkpoint.
  void restore(const TrainerState& state);

  /// Draws a batch, of which `accumulate` parts are worked on one after the other, adds up their gradients, clips and
  /// updates. The loss is the sum over all targets of the step divided by their number, however the step is cut. A loss
  /// or gradient that is not finite changes no parameter and is reported as skipped.
  StepReport step();

  /// Three skipped steps in a row, or ten among the last hundred: more of them would not help.
  bool has_diverged() const { return state_.bad_in_a_row >= 3 || state_.bad_steps.count() >= 10; }

  /// On `tokens`, which stand for `text_bytes` bytes, in `most_batches` batches at most, 0: all; `stop` may end it.
  Evaluation evaluate(const data::TokenSequence& tokens, std::uint64_t text_bytes, long most_batches = 0,
                      const std::function<bool()>& stop = {});
  /// How many batches all of the tokens would take.
  long batches_of(const data::TokenSequence& tokens) const;

  const TrainerState& state() const { return state_; }
  double epochs() const { return examples_.epochs(); }  // passes over the text so far
  autograd::Parameters<T>& parameters() { return parameters_; }
  optim::Optimizer<T>& optimizer() { return *optimizer_; }
  const nn::Model<T>& model() const { return model_; }
  /// What makes this training's products; the configuration says how.
  autograd::Multiplier& multiplier() { return tape_.multiplier; }
  /// From now on the time of each op, and of what a step does besides, is added up there; null: no longer.
  void time_ops(autograd::OpClock* clock) { tape_.clock = clock; }

 private:
  Config config_;
  TextTask task_;
  data::TrainingBatches examples_;
  autograd::Parameters<T> parameters_;
  nn::Model<T> model_;
  std::unique_ptr<optim::Optimizer<T>> optimizer_;
  optim::Schedule schedule_;
  autograd::Tape<T> tape_;
  data::Batch batch_;                  // of the current step
  std::vector<double> label_weights_;  // [K] of --balance, or none
  TrainerState state_;
};

}  // namespace primer::train
