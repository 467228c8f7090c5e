#include "train/run/trainer.h"

#include <cmath>
#include <string>

#include "autograd/error.h"
#include "optim/adam.h"
#include "optim/clip.h"
#include "optim/sgd.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

template <class T>
std::unique_ptr<optim::Optimizer<T>> make_optimizer(const Config& config, autograd::Parameters<T>& parameters) {
  if (config.optimizer == "sgd") {
    return std::make_unique<optim::Sgd<T>>(parameters, config.beta1, config.weight_decay);
  }
  const bool decoupled = config.optimizer == "adamw";
  return std::make_unique<optim::Adam<T>>(
      parameters, optim::AdamOptions{config.beta1, config.beta2, config.eps, config.weight_decay, decoupled});
}

optim::Schedule make_schedule(const Config& config, long steps) {
  const optim::Decay decay = config.schedule == "cosine"   ? optim::Decay::cosine
                             : config.schedule == "linear" ? optim::Decay::linear
                             : config.schedule == "noam"   ? optim::Decay::noam
                                                           : optim::Decay::constant;
  return {decay, config.lr, config.min_lr, config.warmup, steps, config.channels};
}

}  // namespace

template <class T>
Trainer<T>::Trainer(const Config& config, const data::Tokenizer& tokenizer, const data::TokenSequence& tokens,
                    long schedule_steps)
    : config_(config),
      objective_(make_objective(config, tokenizer)),
      windows_(objective_->training(tokens)),
      gpt_(parameters_, model_config(config, tokenizer.vocabulary_size())),
      schedule_(make_schedule(config, schedule_steps > 0 ? schedule_steps : config.steps)),
      batches_(static_cast<std::size_t>(config.accumulate)) {
  parameters_.build(static_cast<std::uint64_t>(config.seed));
  optimizer_ = make_optimizer(config, parameters_);
}

template <class T>
void Trainer<T>::restore(const TrainerState& state) {
  windows_.seek(state.cursor);
  state_ = state;
}

template <class T>
StepReport Trainer<T>::step() {
  StepReport report;
  report.lr = schedule_.rate(state_.step);
  report.step = state_.step + 1;
  long targets = 0;
  autograd::timed(tape_.clock, "batch", [&] {
    for (data::Batch& batch : batches_) {
      windows_.next(config_.batch, batch);
      targets += batch.target_count();
      for (const int length : batch.lengths) report.tokens += static_cast<std::uint64_t>(length);
    }
  });

  parameters_.zero_grad();
  tape_.training = true;
  nn::Score score{};
  long first = 0;  // index in the step's batch of the next sequence
  for (const data::Batch& batch : batches_) {
    tape_.reset();
    tape_.noise = {static_cast<std::uint64_t>(config_.seed), static_cast<std::uint64_t>(state_.step), first,
                   batch.sequences};
    std::span<const int> lengths;  // [B], or empty when all are full
    if (batch.padded) lengths = batch.lengths;
    tape_.backward(gpt_.loss(tape_, batch.tokens, batch.targets, batch.sequences, batch.length, lengths,
                             1.0 / static_cast<double>(targets), &score));
    first += batch.sequences;
  }
  tape_.reset();
  parameters_.settle();

  report.loss = score.nll / static_cast<double>(targets);
  autograd::timed(tape_.clock, "gradient_norm", [&] { report.grad_norm = optim::gradient_norm(parameters_); });
  report.skipped = !std::isfinite(report.loss) || !std::isfinite(report.grad_norm);
  autograd::timed(tape_.clock, "update", [&] {
    if (!report.skipped) optimizer_->update(report.lr, optim::clip_factor(report.grad_norm, config_.clip));
  });

  ++state_.step;
  state_.tokens += report.tokens;
  state_.cursor = windows_.cursor();
  state_.bad_steps = state_.bad_steps << 1 | std::bitset<100>(report.skipped ? 1 : 0);
  state_.bad_in_a_row = report.skipped ? state_.bad_in_a_row + 1 : 0;
  return report;
}

template <class T>
Evaluation Trainer<T>::evaluate(const data::TokenSequence& tokens, std::uint64_t text_bytes,
                                const std::function<bool()>& stop) {
  return train::evaluate(gpt_, tape_, *objective_, tokens, text_bytes, config_.batch, config_.eval_batches, stop);
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace primer::train
