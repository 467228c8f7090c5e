#include "train/checkpoints/training.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"
#include "data/examples/token_file.h"
#include "train/checkpoints/prepare.h"
#include "train/checkpoints/saver.h"
#include "train/step/json_line.h"
#include "train/step/machine.h"
#include "train/step/metrics.h"
#include "train/step/sample_log.h"
#include "train/step/stopwatch.h"
#include "train/step/timing.h"
#include "train/step/trainer.h"
#include "train/tasks/numbers.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

// "" if the training goes on as it was: by tiles for any number of threads, by BLAS for as many.
std::string other_machine(const TrainingState& before, const Config& config) {
  TrainingState now;
  note_machine(now, config);
  const bool as_many = now.threads == before.threads || products_of(config) == autograd::Products::tiles;
  if (before.trainer.step == 0 || (as_many && now.products == before.products)) return {};
  return "the run was trained with " + std::to_string(before.threads) + " threads and products by " +
         data::printable(before.products) + " and goes on with " + std::to_string(now.threads) + " and by " +
         now.products + ": from here on its last digits may differ from those of an unbroken run";
}

class Training {
 public:
  Training(OpenRun& run, Progress& progress, Interruption& interruption, const TimeLimit& limit)
      : run_(run),
        limit_(limit),
        config_(run.checkpoint.config),
        state_(run.checkpoint.state),
        progress_(progress),
        interruption_(interruption),
        place_(place_of(run.paths.directory)),
        trainer_(config_, *run.checkpoint.tokenizer, run.tokens->train(), state_.schedule_steps,
                 static_cast<long>(run.checkpoint.labels.size()), Weights::blank),
        metrics_(run.paths.metrics(), state_.metrics_bytes),
        timing_(run.paths.timing(), state_.trainer.step, config_.steps, trainer_.multiplier()),
        saver_(
            config_.save_every, run.checkpoint.id, [this](CheckpointId) { save(); },
            [this](const std::string& text) { progress_.note(text); }) {
    restore_trainer(run.checkpoint, trainer_);
    const bool has_samples = data::kind_of(run.paths.samples(), true) == data::FileKind::regular;
    if (config_.sample_every > 0 || has_samples) open_samples();
    run.checkpoint.model = run.checkpoint.moments =
        nullptr;  // once pruned, open files would go on taking the disk's room
  }

  TrainingResult operator()() {
    progress_.goes_on(last_val_loss(run_.paths.metrics(), state_.trainer.step), state_.best_val_loss);
    if (const std::string other = other_machine(state_, config_); !other.empty()) progress_.note("note   " + other);
    try {
      go_on();
    } catch (const Error& error) {
      // The text cannot be read any more, or was cut: what was computed stays.
      if (error.fault() == Fault::io || error.fault() == Fault::input) saver_.save_now(now());
      throw;
    }
    saver_.finish(now());
    if (signal_ == 0 && has_learned_nothing()) {
      progress_.note("note   the loss is that of a guess among all " + std::to_string(choices()) + ", ln " +
                     std::to_string(choices()) + " = " + number_text(std::round(guess() * 1e4) / 1e4) +
                     ": the model has learned nothing; try a smaller --lr");
    }
    note_dropped(metrics_, "metrics.jsonl");
    if (samples_) note_dropped(samples_->lines(), "samples.jsonl");
    return {now().step, state_.best_step, state_.best_val_loss, state_.stopped_early, signal_, val_loss_};
  }

 private:
  void note_dropped(const LineLog& log, const char* name) {
    if (log.dropped() > 0)
      progress_.note("note   " + std::to_string(log.dropped()) + " lines of " + name + " could not be written");
  }

  // Of an interrupted step the text is written again. Later ones, of a run that goes back, are gone in any case.
  void open_samples() {
    std::string shown;
    std::vector<int> prompt = beginning(
        *run_.checkpoint.tokenizer, config_.documents != data::Parting::none,
        [&] { return first_token(run_.tokens->train()); }, &shown);
    samples_.emplace(run_.paths.samples(), state_.trainer.step - (state_.unevaluated ? 1 : 0), std::move(prompt), shown,
                     static_cast<std::uint64_t>(config_.seed));
  }

  bool validates() const { return train::validates(config_); }
  bool is_finished() const { return train::is_finished(state_, trainer_.state().step, config_); }
  bool is_stopped() {
    if (signal_ == 0) signal_ = interruption_.stop();
    return signal_ != 0;
  }
  CheckpointId now() const { return {trainer_.state().step, !state_.unevaluated}; }

  // What a target may be, and the loss of who holds each of them equally probable.
  long choices() const {
    const bool labels_only = config_.objective->has_labels();
    return labels_only ? static_cast<long>(run_.checkpoint.labels.size())
                       : run_.checkpoint.tokenizer->vocabulary_size();
  }
  double guess() const { return std::log(static_cast<double>(choices())); }
  bool has_learned_nothing() const {
    constexpr long fewest_steps = 20;
    return now().step >= std::max(fewest_steps, config_.warmup) && last_loss_ >= 0.995 * guess();
  }

  void go_on() {
    if (const auto interrupted = state_.unevaluated) {
      finish_step(*interrupted);
    } else if (trainer_.state().step == 0 && validates()) {
      JsonLine line;
      line.add("step", 0L).add("tokens", 0L).add("epoch", 0.0);
      if (evaluate(line)) metrics_.write(line.text());
    }
    while (!is_finished() && !is_stopped()) {
      step();
      if (interruption_.save() && saver_.save_now(now())) {
        progress_.note("saved  step " + std::to_string(now().step));
      }
    }
  }

  void step() {
    const Stopwatch watch;
    const StepReport report = trainer_.step();
    const double seconds = watch.seconds();
    progress_.step(report, seconds);
    timing_.step(report, seconds);
    if (report.skipped) {
      progress_.note("step " + std::to_string(report.step) + " skipped: its loss or gradient is not a number");
    }
    finish_step(report);
  }

  // What follows an update: its evaluation if one is due, its line, and a checkpoint. A signal may end it before the
  // line is written; then the state says so, and the training that goes on begins here.
  void finish_step(const StepReport& report) {
    state_.unevaluated = report;
    if (!config_.next_sentence) last_loss_ = report.loss;  // that one is of two kinds, and told apart in evaluations
    JsonLine line;
    line.add("step", report.step)
        .add("tokens", trainer_.state().tokens)
        .add("epoch", trainer_.epochs())
        .add("loss", report.loss);
    if (config_.label_smoothing > 0) line.add("smoothed_loss", report.smoothed_loss);
    line.add("lr", report.lr).add("grad_norm", report.grad_norm);
    if (report.skipped) line.add("skipped", true);
    const bool is_last = report.step == config_.steps;
    const bool is_told =
        config_.sample_every > 0 && report.step % config_.sample_every == 0 && !trainer_.has_diverged();
    if (is_told &&
        !samples_->write(report.step, trainer_.model(), run_.checkpoint.tokenizer, [this] { return is_stopped(); }))
      return;
    const bool is_due = is_last || (config_.eval_every > 0 && report.step % config_.eval_every == 0);
    if (validates() && is_due && !trainer_.has_diverged() && !evaluate(line)) return;
    metrics_.write(line.text());
    state_.unevaluated.reset();
    if (validates() && is_due && !is_last) fit_steps();
    if (trainer_.has_diverged()) {
      throw Error(Fault::diverged, "the training diverged at step " + std::to_string(report.step) + ": its " +
                                       (std::isfinite(report.loss) ? "gradient" : "loss") +
                                       " is no longer a number; the newest checkpoint is that of step " +
                                       std::to_string(saver_.saved().step) + "; try a smaller --lr or a --clip");
    }
    offer_checkpoint(state_.best_step == report.step);
  }

  // As many steps more as fit into the time that is left, at the pace of about the last tenth of it.
  void fit_steps() {
    const long step = now().step;
    const double used = watch_.seconds();
    if (limit_.seconds <= 0 || state_.stopped_early || step == step_looked_) return;
    if (pace_ == 0 || used - looked_ >= limit_.seconds / 10) {
      pace_ = (used - looked_) / static_cast<double>(step - step_looked_);
      looked_ = used;
      step_looked_ = step;
    }
    const double more = std::clamp((limit_.seconds - used) / pace_, 0.0, 1e12);
    const long steps = std::min(step + static_cast<long>(more), limit_.most);
    constexpr double worth_it = 0.02;
    if (std::abs(static_cast<double>(steps - config_.steps)) < worth_it * static_cast<double>(config_.steps)) return;
    if (state_.schedule_steps == config_.steps) trainer_.schedule_ends_at(state_.schedule_steps = steps);
    run_.checkpoint.config.steps = steps;
    timing_.ends_at(steps);
    progress_.ends_at(steps);
  }

  // The best model must be on the disk by the time a later checkpoint calls it the best. Until then a copy will do: a
  // training that is killed goes on from an earlier checkpoint, and finds it again.
  void offer_checkpoint(bool is_best) {
    if (is_best) best_.reset();  // the one before is not the best any more
    if (saver_.offer(now()) || !is_best || saver_.offer_early(now())) return;
    best_ = snapshot_now();
    best_->copy(trainer_.parameters());
  }

  // False if a signal ended it.
  bool evaluate(JsonLine& line) {
    const long step = trainer_.state().step;
    const data::TokenFile& tokens = *run_.tokens;
    Evaluation evaluation = trainer_.evaluate(tokens.validation(), tokens.validation_bytes(), config_.eval_batches,
                                              [this] { return is_stopped(); });
    if (!evaluation.complete) return false;
    line.add("val_loss", evaluation.loss)
        .add("val_bits_per_byte", evaluation.bits_per_byte)
        .add("val_accuracy", evaluation.accuracy);
    if (config_.objective->evaluates_training()) {
      // What was learned by heart shows beside what was understood. It takes as many batches of the part that is
      // learned from, so that it costs no more than the evaluation itself.
      const auto batch = static_cast<std::uint64_t>(config_.batch);
      const long batches = static_cast<long>((evaluation.examples + batch - 1) / batch);
      const Evaluation known =
          trainer_.evaluate(tokens.train(), tokens.train_bytes(), batches, [this] { return is_stopped(); });
      if (!known.complete) return false;
      line.add("train_accuracy", known.accuracy);
      evaluation.train_accuracy = known.accuracy;
    }
    if (evaluation.has_both) {
      line.add("val_masked_loss", evaluation.token_loss)
          .add("val_next_sentence_loss", evaluation.label_loss)
          .add("val_next_sentence_accuracy", evaluation.label_accuracy);
    }
    progress_.evaluation(step, evaluation);
    last_loss_ = evaluation.has_both ? evaluation.token_loss : evaluation.loss;
    val_loss_ = evaluation.loss;
    if (evaluation.loss < state_.best_val_loss) {
      state_.best_val_loss = evaluation.loss;
      state_.best_step = step;
      state_.without_better = 0;
    } else if (config_.patience > 0 && ++state_.without_better >= config_.patience && step < config_.steps) {
      state_.stopped_early = true;
      progress_.note("stopped at step " + std::to_string(step) + ": no better validation loss than that of step " +
                     std::to_string(state_.best_step) + ", whose model is kept");
    }
    return true;
  }

  Snapshot snapshot_now() {
    TrainingState state = state_;
    state.metrics_bytes = metrics_.size();
    note_machine(state, config_);
    return snapshot(now(), trainer_, std::move(state));
  }

  void save() {
    // Where it was moved away from there may be another run by now, which is not ours to write to.
    check_place(run_.paths.directory, place_, "run");
    // The checkpoint will say how long the log is: it must be there when that is read.
    metrics_.sync();
    if (samples_) samples_->sync();
    const auto save_one = [this](const Snapshot& moment) {
      save_checkpoint(run_.store, moment, trainer_.parameters(), config_, *run_.checkpoint.tokenizer,
                      run_.checkpoint.labels);
    };
    const Snapshot newest = snapshot_now();
    if (best_ && best_->id != newest.id) save_one(*best_);
    best_.reset();
    // Of the steps in config.json and in a checkpoint the larger number counts: this one's must not stand there before
    // its schedule does, nor be below what config.json says once it is saved.
    if (config_.steps < written_steps_) renew_config(run_);
    save_one(newest);
    if (config_.steps > written_steps_) renew_config(run_);
    written_steps_ = config_.steps;
    std::optional<CheckpointId> best;
    if (state_.best_step >= 0) best = CheckpointId{state_.best_step, true};
    run_.store.prune(newest.id, best, config_.keep, config_.save_every);
  }

  OpenRun& run_;
  const TimeLimit limit_;
  const Config& config_;
  TrainingState state_;  // but for what the trainer, the optimizer and the logs know better
  Progress& progress_;
  Interruption& interruption_;
  data::FileIdentity place_;
  Trainer<float> trainer_;
  LineLog metrics_;
  TimingLog timing_;
  std::optional<SampleLog> samples_;
  Saver saver_;
  std::optional<Snapshot> best_;  // a copy of the best model, when it is not on the disk yet
  double last_loss_ = 0;          // nats for each target, of the last step or the evaluation after it
  double val_loss_ = 0;           // of the last evaluation
  int signal_ = 0;
  Stopwatch watch_;
  double looked_ = 0, pace_ = 0;  // seconds at which the pace was looked at, and seconds a step, evaluations included
  long step_looked_ = state_.trainer.step;
  long written_steps_ = config_.steps;  // that config.json says
};

}  // namespace

TrainingResult train_run(OpenRun& run, Progress& progress, Interruption& interruption, const TimeLimit& limit) {
  return Training(run, progress, interruption, limit)();
}

}  // namespace primer::train
