#include "studies/circuits/texts/periodic.h"

#include <numeric>
#include <utility>
#include <vector>

#include "autograd/random.h"
#include "studies/lab/fit.h"

namespace primer::studies {

data::Batch Periodic::batch(std::uint64_t seed, long step, long sequences) const {
  const autograd::Random random(seed, autograd::hash("periodic"), static_cast<std::uint64_t>(step));
  data::Batch batch = empty_batch(sequences, length);
  std::vector<int> tokens(static_cast<std::size_t>(symbols));
  for (long b = 0; b < sequences; ++b) {
    std::uint64_t drawn = static_cast<std::uint64_t>(b * (symbols + 1));
    const auto below = [&](long count) {
      return static_cast<long>(random.below(static_cast<std::uint64_t>(count), drawn++));
    };
    const long period = least + below(most - least + 1);
    std::iota(tokens.begin(), tokens.end(), mark + 1);
    for (long i = 0; i < period; ++i) {  // Fisher & Yates: the first `period` of a shuffled order
      std::swap(tokens[static_cast<std::size_t>(i)], tokens[static_cast<std::size_t>(i + below(symbols - i))]);
    }
    int *x = batch.tokens.data() + b * length, *y = batch.targets.data() + b * length;
    x[0] = mark;
    for (long t = 1; t < length; ++t) x[t] = tokens[static_cast<std::size_t>((t - 1) % period)];
    for (long t = period + 1; t < length; ++t) y[t] = tokens[static_cast<std::size_t>(t % period)];
  }
  return batch;
}

}  // namespace primer::studies
