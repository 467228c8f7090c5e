// How long a training is: epochs and minutes as steps.
#include <algorithm>
#include <cmath>

#include "train/plan/plan.h"

namespace primer::train {

double steps_per_epoch(const Config& config, std::uint64_t train_tokens, std::uint64_t lines) {
  const double examples = config.objective->count(config, static_cast<double>(train_tokens),
                                                  static_cast<double>(lines) * (1 - config.val_fraction));
  return std::max(examples, 1.0) / static_cast<double>(config.batch * config.accumulate);
}

long steps_for(double epochs, double steps_per_epoch) {
  return static_cast<long>(std::clamp(std::ceil(epochs * steps_per_epoch), 1.0, 1e12));
}

void settle_steps(Plan& plan, double seconds_per_step, double seconds_per_batch, long evaluation_batches) {
  Config& config = plan.config;
  constexpr long evaluations = 10;  // in a run beside that of step 0, unless --eval-every says otherwise
  const bool every_fits = fitted(config, &Config::eval_every);
  if (plan.timed) {
    double seconds = config.minutes * 60;
    double per_step = seconds_per_step,
           seconds_per_evaluation = seconds_per_batch * static_cast<double>(evaluation_batches);
    if (plan.validates() && every_fits) {
      // All of them together may take a fifth of the time; where they would take more, each looks at less of the text.
      const double most = 0.2 * seconds / (evaluations + 1);
      if (seconds_per_evaluation > most && fitted(config, &Config::eval_batches)) {
        config.eval_batches = std::max(1L, static_cast<long>(most / seconds_per_batch));
        seconds_per_evaluation = most;
      }
      seconds -= (evaluations + 1) * seconds_per_evaluation;
    }
    if (plan.validates() && !every_fits && config.eval_every > 0) {
      per_step += seconds_per_evaluation / static_cast<double>(config.eval_every);
    }
    const double steps = std::max(1.0, std::floor(std::max(0.0, seconds) / std::max(per_step, 1e-9)));
    config.steps = static_cast<long>(std::min(steps, static_cast<double>(config.steps)));
    config.minutes = 0;
    plan.timed = false;
  }
  if (fitted(config, &Config::warmup)) {
    config.warmup =
        config.schedule == optim::Decay::noam ? std::max(1L, config.steps / 10) : std::min(100L, config.steps / 10);
  }
  if (every_fits) config.eval_every = std::max(1L, (config.steps + evaluations - 1) / evaluations);
}

}  // namespace primer::train
