// Learning rates as pure functions of the step: nothing to save, nothing to restore.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace primer::optim {

enum class Decay { constant, linear, cosine, noam };

struct Schedule {
  Decay decay = Decay::cosine;
  double lr = 1e-3;      // the highest rate; for noam a factor
  double min_lr = 1e-4;  // the rate at and beyond the last step (linear and cosine)
  long warmup = 100;     // steps of linear rise before
  long steps = 2000;     // length of the schedule
  long channels = 512;   // width of the model, for noam

  /// The rate of step 0, 1, 2, ...
  double rate(long step) const {
    const auto t = static_cast<double>(step), w = static_cast<double>(warmup);
    if (decay == Decay::noam)  // Vaswani et al. 2017, equation 3, whose steps count from 1
      return lr / std::sqrt(static_cast<double>(channels)) *
             (warmup > 0 ? std::min(1 / std::sqrt(t + 1), (t + 1) * std::pow(w, -1.5)) : 1 / std::sqrt(t + 1));
    if (step < warmup) return lr * (t + 1) / (w + 1);
    if (decay == Decay::constant) return lr;
    if (step >= steps) return min_lr;
    const double done = (t - w) / static_cast<double>(steps - warmup);  // 0 ... 1
    const double high = decay == Decay::linear ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done));
    return min_lr + high * (lr - min_lr);
  }
};

}  // namespace primer::optim
