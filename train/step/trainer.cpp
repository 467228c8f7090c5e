#include "train/step/trainer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "autograd/error.h"
#include "optim/adam.h"
#include "optim/clip.h"
#include "optim/sgd.h"
#include "train/step/machine.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

template <class T>
std::unique_ptr<optim::Optimizer<T>> make_optimizer(const Config& config, autograd::Parameters<T>& parameters) {
  const auto adam = [&](bool decoupled) {
    return std::make_unique<optim::Adam<T>>(
        parameters, optim::AdamOptions{config.beta1, config.beta2, config.eps, config.weight_decay, decoupled});
  };
  switch (config.optimizer) {
    case optim::Rule::adamw: return adam(true);
    case optim::Rule::adam: return adam(false);
    case optim::Rule::sgd: return std::make_unique<optim::Sgd<T>>(parameters, config.beta1, config.weight_decay);
  }
  throw Error(Fault::bug, "no such optimizer");
}

optim::Schedule make_schedule(const Config& config, long steps) {
  return {config.schedule, config.lr, config.min_lr, config.warmup, steps, config.channels};
}

}  // namespace

template <class T>
Trainer<T>::Trainer(const Config& config, const data::Tokenizer& tokenizer, const data::TokenSequence& tokens,
                    long schedule_steps, long labels, Weights weights)
    : config_(config),
      task_{config_, tokenizer},
      examples_(task_.examples(tokens), static_cast<std::uint64_t>(config.seed)),
      model_(make_model<T>(parameters_, *config.objective, model_config(config, tokenizer, labels))),
      schedule_(make_schedule(config, schedule_steps > 0 ? schedule_steps : config.steps)) {
  if (config.balance) label_weights_ = balanced_weights(tokens, labels);
  if (config.freeze) parameters_.train_only(trains_when_frozen);
  if (weights == Weights::drawn) parameters_.build(static_cast<std::uint64_t>(config.seed));
  else parameters_.lay_out();
  optimizer_ = make_optimizer(config, parameters_);
  tape_.multiplier.by = products_of(config);
}

template <class T>
void Trainer<T>::restore(const TrainerState& state) {
  // A step draws a whole number of examples, and an epoch has one at least.
  const auto drawn = static_cast<double>(state.step) * static_cast<double>(config_.batch * config_.accumulate);
  if (static_cast<double>(state.cursor.epoch) > drawn) {
    throw Error(Fault::checkpoint, "the saved place in the data is in epoch " + std::to_string(state.cursor.epoch) +
                                       ", which " + std::to_string(state.step) + " steps cannot reach");
  }
  examples_.seek(state.cursor);
  state_ = state;
}

template <class T>
StepReport Trainer<T>::step() {
  StepReport report;
  report.lr = schedule_.rate(state_.step);
  report.step = state_.step + 1;
  autograd::timed(tape_.clock, "batch", [&] { examples_.next(config_.batch * config_.accumulate, batch_); });
  if (!config_.objective->counts_targets(config_)) {
    for (const int length : batch_.lengths) report.tokens += static_cast<std::uint64_t>(length);
  } else {
    report.tokens = static_cast<std::uint64_t>(batch_.target_count());  // what is learned, as everywhere in the metrics
  }
  const auto mean_over = [](long count) { return 1.0 / static_cast<double>(std::max(1L, count)); };
  const LossScales scales{mean_over(batch_.target_count()), mean_over(batch_.label_count()), config_.label_smoothing,
                          label_weights_};

  parameters_.zero_grad();
  tape_.training = true;
  tape_.multiplier.work = {};
  nn::Scores scores;
  double weighted = 0;  // the loss, with what labels weigh
  for (long first = 0; first < batch_.sequences; first += config_.batch) {
    tape_.reset();
    tape_.noise = {static_cast<std::uint64_t>(config_.seed), static_cast<std::uint64_t>(state_.step), first,
                   config_.batch};
    const BatchPart part = part_of(batch_, first, config_.batch);
    const autograd::Tensor<T> loss = loss_of(model_, tape_, part, scales, scores);
    weighted += static_cast<double>(*loss.data());
    tape_.backward(loss);
  }
  tape_.reset();
  report.flop = tape_.multiplier.work.flop;
  parameters_.settle();

  report.loss = label_weights_.empty() ? scores.loss() : weighted;
  report.smoothed_loss = label_weights_.empty() ? scores.smoothed_loss() : weighted;
  autograd::timed(tape_.clock, "gradient_norm", [&] { report.grad_norm = optim::gradient_norm(parameters_); });
  report.skipped = !std::isfinite(report.loss) || !std::isfinite(report.grad_norm);
  autograd::timed(tape_.clock, "update", [&] {
    if (!report.skipped) optimizer_->update(report.lr, optim::clip_factor(report.grad_norm, config_.clip));
  });

  ++state_.step;
  state_.tokens += report.tokens;
  state_.cursor = examples_.cursor();
  state_.bad_steps = state_.bad_steps << 1 | std::bitset<100>(report.skipped ? 1 : 0);
  state_.bad_in_a_row = report.skipped ? state_.bad_in_a_row + 1 : 0;
  return report;
}

template <class T>
Evaluation Trainer<T>::evaluate(const data::TokenSequence& tokens, std::uint64_t text_bytes, long most_batches,
                                const std::function<bool()>& stop) {
  return train::evaluate(model_, tape_, task_, tokens, text_bytes, config_.batch, most_batches, stop, label_weights_);
}

template <class T>
long Trainer<T>::batches_of(const data::TokenSequence& tokens) const {
  const data::EvaluationBatches all(task_.examples(tokens));
  const auto batch = static_cast<std::uint64_t>(config_.batch);
  return static_cast<long>((all.examples() + batch - 1) / batch);
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace primer::train
