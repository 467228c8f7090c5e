// Learning rates as pure functions of the step: nothing to save, nothing to restore.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/words.h"

namespace primer::optim {

enum class Decay { cosine, linear, constant, noam };
constexpr auto words(Decay) { return autograd::word_list("cosine", "linear", "constant", "noam"); }

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
    const double rise = lr * (t + 1) / (w + 1);                         // in the warmup
    const double done = (t - w) / static_cast<double>(steps - warmup);  // after it, 0 ... 1
    const auto fall = [&](double high) {                                // from lr, where high is 1, to min_lr
      return step < warmup ? rise : step >= steps ? min_lr : min_lr + high * (lr - min_lr);
    };
    switch (decay) {
      case Decay::cosine: return fall(0.5 * (1 + std::cos(std::numbers::pi * done)));
      case Decay::linear: return fall(1 - done);
      case Decay::constant: return step < warmup ? rise : lr;
      case Decay::noam:  // Vaswani et al. 2017, equation 3, whose steps count from 1
        return lr / std::sqrt(static_cast<double>(channels)) *
               (warmup > 0 ? std::min(1 / std::sqrt(t + 1), (t + 1) * std::pow(w, -1.5)) : 1 / std::sqrt(t + 1));
    }
    return lr;
  }
};

}  // namespace primer::optim
