#include "train/run/training.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>

#include "autograd/error.h"
#include "data/file.h"
#include "data/token_file.h"
#include "train/run/metrics.h"
#include "train/run/model_file.h"
#include "train/run/timing.h"
#include "train/run/trainer.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

// Trains a throw-away model with the plan's configuration and measures it.
void measure(Plan& plan, const data::TokenFile& tokens) {
  Config config = plan.config;
  config.eval_batches = 4;
  Trainer<float> trainer(config, *plan.tokenizer, tokens.train());
  for (int i = 0; i < 2; ++i) trainer.step();  // memory is touched for the first time
  Stopwatch steps;
  long count = 0;
  // A short run is timed for a tenth of its time at most.
  const double enough = std::min(2.0, plan.config.minutes * 60 / 10);
  do {
    trainer.step();
    ++count;
  } while (steps.seconds() < enough && count < 1000);
  const double per_step = steps.seconds() / static_cast<double>(count);

  double per_evaluation = 0;
  if (plan.validates()) {
    Stopwatch evaluation;
    const Evaluation sample = trainer.evaluate(tokens.validation(), tokens.validation_bytes());
    auto targets = static_cast<double>(tokens.validation_size());
    const auto limit = static_cast<double>(plan.config.eval_batches * plan.config.batch * plan.config.context);
    if (limit > 0) targets = std::min(targets, limit);
    per_evaluation = evaluation.seconds() * std::max(1.0, targets / static_cast<double>(sample.targets));
  }
  settle_steps(plan, per_step, per_evaluation);
}

class Training {
 public:
  Training(const RunPaths& run, const Plan& plan, Progress& progress)
      : run_(run),
        plan_(plan),
        progress_(progress),
        tokens_(run.tokens()),
        trainer_(plan.config, *plan.tokenizer, tokens_.train()),
        metrics_(run.metrics()),
        timing_(run.timing(), plan) {}

  TrainingResult operator()() {
    const Config& config = plan_.config;
    if (plan_.validates()) {
      JsonLine line;
      line.add("step", 0L).add("tokens", 0L).add("epoch", 0.0);
      evaluate(line);
      metrics_.write(line.text());
    }
    while (trainer_.state().step < config.steps && !result_.stopped_early) step();
    result_.steps = trainer_.state().step;
    if (config.patience == 0 || !std::isfinite(result_.best_val_loss)) save();
    if (metrics_.dropped() > 0) {
      progress_.note("note   " + std::to_string(metrics_.dropped()) + " lines of metrics.jsonl could not be written");
    }
    return result_;
  }

 private:
  void step() {
    const Config& config = plan_.config;
    Stopwatch watch;
    const StepReport report = trainer_.step();
    const double seconds = watch.seconds();
    progress_.step(report, seconds);
    timing_.step(report, seconds);

    JsonLine line;
    line.add("step", report.step)
        .add("tokens", trainer_.state().tokens)
        .add("epoch", trainer_.epochs())
        .add("loss", report.loss)
        .add("lr", report.lr)
        .add("grad_norm", report.grad_norm);
    if (report.skipped) {
      line.add("skipped", true);
      progress_.note("step " + std::to_string(report.step) + " skipped: its loss or gradient is not a number");
    }
    const bool is_last = report.step == config.steps;
    const bool is_due = is_last || (config.eval_every > 0 && report.step % config.eval_every == 0);
    if (plan_.validates() && is_due && !trainer_.has_diverged()) evaluate(line);
    metrics_.write(line.text());
    if (trainer_.has_diverged()) {
      throw Error(Fault::diverged, "the training diverged at step " + std::to_string(report.step) +
                                       ": its loss is no longer a number; try a smaller --lr or a --clip");
    }
  }

  void evaluate(JsonLine& line) {
    const Config& config = plan_.config;
    const long step = trainer_.state().step;
    const Evaluation evaluation = trainer_.evaluate(tokens_.validation(), tokens_.validation_bytes());
    line.add("val_loss", evaluation.loss)
        .add("val_bits_per_byte", evaluation.bits_per_byte)
        .add("val_accuracy", evaluation.accuracy);
    progress_.evaluation(step, evaluation);
    if (evaluation.loss < result_.best_val_loss) {
      result_.best_val_loss = evaluation.loss;
      without_better_ = 0;
      if (config.patience > 0 && step > 0) save();
    } else if (config.patience > 0 && ++without_better_ >= config.patience) {
      result_.stopped_early = step < config.steps;
      if (result_.stopped_early) {
        progress_.note("stopped at step " + std::to_string(step) + ": no better validation loss than that of step " +
                       std::to_string(result_.saved_step) + ", whose model is kept");
      }
    }
  }

  void save() {
    result_.saved_step = trainer_.state().step;
    save_model(run_.model(), trainer_.parameters(),
               {{"step", std::to_string(result_.saved_step)}, {"config", to_json(plan_.config, Layout::one_line)}});
  }

  const RunPaths& run_;
  const Plan& plan_;
  Progress& progress_;
  data::TokenFile tokens_;
  Trainer<float> trainer_;
  LineLog metrics_;
  TimingLog timing_;
  TrainingResult result_{0, false, std::numeric_limits<double>::infinity(), 0};
  long without_better_ = 0;  // evaluations since the best one
};

}  // namespace

void prepare_run(const RunPaths& run, Plan& plan, const data::Sources& sources, const data::TextFacts& facts) {
  data::build_token_file(run.tokens(), sources, facts, *plan.tokenizer, plan.config.val_fraction);
  std::error_code ignored;
  std::filesystem::remove(run.spool(), ignored);
  data::write_file_atomically(run.tokenizer(), plan.tokenizer->json());
  if (plan.timed) measure(plan, data::TokenFile(run.tokens()));
  data::write_file_atomically(run.config(), to_json(plan.config));
}

TrainingResult train_run(const RunPaths& run, const Plan& plan, Progress& progress) {
  return Training(run, plan, progress)();
}

}  // namespace primer::train
