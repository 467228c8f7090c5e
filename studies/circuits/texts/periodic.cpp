#include "studies/circuits/texts/periodic.h"

#include <numeric>
#include <vector>

#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"

namespace primer::studies {

data::Batch Periodic::batch(std::uint64_t seed, long step, long sequences) const {
  data::Batch batch = empty_batch(sequences, length);
  std::vector<int> tokens(symbols);
  for (long b = 0; b < sequences; ++b) {
    Draws draws("periodic", seed, step, b * (symbols + 1));
    const long period = least + draws.below(most - least + 1);
    std::iota(tokens.begin(), tokens.end(), mark + 1);
    draws.shuffle(std::span(tokens), period);
    int *x = batch.tokens.data() + b * length, *y = batch.targets.data() + b * length;
    x[0] = mark;
    for (long t = 1; t < length; ++t) x[t] = tokens[(t - 1) % period];
    for (long t = period + 1; t < length; ++t) y[t] = tokens[t % period];
  }
  return batch;
}

}  // namespace primer::studies
