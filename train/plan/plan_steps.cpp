// How long a training is: epochs and minutes as steps.
#include <algorithm>
#include <cmath>

#include "train/plan/defaults.h"
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

namespace {

constexpr long evaluations = 10;        // of a run beside that of step 0, unless --eval-every says otherwise
constexpr long most_evaluations = 100;  // where a text is learned by heart long before the end

// Steps between evaluations, `most` of them. The loss of a text that is learned by heart is lowest long before the end,
// and that step shall be seen.
long fitting_eval_every(const Plan& plan, long steps, long most) {
  const long seen = std::min(steps, steps_until_known(plan.config, *plan.tokenizer, plan.steps_per_epoch));
  return std::max({1L, (seen + evaluations - 1) / evaluations, steps / most});
}

}  // namespace

void settle_steps(Plan& plan, double seconds_per_step, double seconds_per_batch, long evaluation_batches) {
  Config& config = plan.config;
  const bool every_fits = fitted(config, &Config::eval_every);
  long most = most_evaluations;
  if (plan.timed) {
    const double all_seconds = config.minutes * 60;
    double seconds = all_seconds, per_step = std::max(seconds_per_step, 1e-9);
    double seconds_per_evaluation = seconds_per_batch * static_cast<double>(evaluation_batches);
    const auto steps_in = [&](double time) {
      return static_cast<long>(
          std::min(std::max(1.0, std::floor(std::max(0.0, time) / per_step)), static_cast<double>(config.steps)));
    };
    if (plan.validates() && every_fits) {
      // All of them together may take a fifth of the time. Where they would take more, there are fewer; where ten would
      // take more, each looks at less of the text.
      const double for_all = 0.2 * all_seconds;
      const long steps = steps_in(all_seconds);
      const double affordable = for_all / std::max(seconds_per_evaluation, 1e-9) - 1;
      most = std::max(evaluations, static_cast<long>(std::min(affordable, static_cast<double>(most))));
      const long count = std::max(evaluations, steps / fitting_eval_every(plan, steps, most));
      if (seconds_per_evaluation * static_cast<double>(count + 1) > for_all && fitted(config, &Config::eval_batches)) {
        const double each = for_all / static_cast<double>(count + 1);
        config.eval_batches = std::max(1L, static_cast<long>(each / seconds_per_batch));
        seconds_per_evaluation = each;
      }
      seconds -= static_cast<double>(count + 1) * seconds_per_evaluation;
    }
    if (plan.validates() && !every_fits && config.eval_every > 0) {
      per_step += seconds_per_evaluation / static_cast<double>(config.eval_every);
    }
    config.steps = steps_in(seconds);
    config.minutes = 0;
    plan.timed = false;
  }
  if (fitted(config, &Config::warmup)) {
    config.warmup =
        config.schedule == optim::Decay::noam ? std::max(1L, config.steps / 10) : std::min(100L, config.steps / 10);
  }
  if (every_fits) config.eval_every = fitting_eval_every(plan, config.steps, most);
}

}  // namespace primer::train
