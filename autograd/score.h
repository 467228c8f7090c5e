// What a loss counts besides its nats.
#pragma once

namespace primer::autograd {

/// Sums over the targets that count.
struct Score {
  double nll = 0;       // -ln p(target), in nats
  long correct = 0;     // the target had the largest logit, and was the first that had
  long targets = 0;     // that count
  double smoothed = 0;  // what is trained: nll with label smoothing, or nll itself

  void operator+=(const Score& more) {
    nll += more.nll, correct += more.correct, targets += more.targets, smoothed += more.smoothed;
  }
};

}  // namespace primer::autograd
