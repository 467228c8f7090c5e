// What a loss counts besides its nats.
#pragma once

namespace primer::autograd {

/// Sums over the targets that count.
struct Score {
  double nll = 0;    // nats
  long correct = 0;  // the target had the largest logit, and was the first that had
  long targets = 0;
};

}  // namespace primer::autograd
