// Learning rates as pure functions of the step: nothing to save, nothing to restore.
#pragma once

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
  double rate(long step) const;
};

}  // namespace primer::optim
