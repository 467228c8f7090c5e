#include "studies/meaning/brackets.h"

#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"

namespace primer::studies {

data::Batch Brackets::batch(std::uint64_t seed, long step, long sequences) const {
  Draws draws("brackets", seed, step);
  data::Batch batch = empty_batch(sequences, length + 1);
  for (long b = 0; b < sequences; ++b) {
    int *x = batch.tokens.data() + b * batch.length, *y = batch.targets.data() + b * batch.length;
    x[0] = mark;
    std::vector<int> opened;  // kinds of the brackets that are open
    for (long s = 1; s <= length; ++s) {
      const long depth = static_cast<long>(opened.size()), left = length + 1 - s;
      const bool must_open = depth == 0, must_close = depth == deepest || depth == left;
      const int chosen = draws.below(2 * kinds);
      if (must_open || (!must_close && chosen < kinds)) {
        opened.push_back(chosen % kinds);
        x[s] = open + opened.back();
      } else {
        x[s] = y[s - 1] = close() + opened.back();
        opened.pop_back();
      }
    }
  }
  return batch;
}

std::vector<long> Brackets::matches(std::span<const int> tokens) const {
  std::vector<long> found(tokens.size(), -1), opened;
  for (std::size_t s = 0; s < tokens.size(); ++s) {
    if (tokens[s] >= close()) {
      found[s] = opened.back();
      opened.pop_back();
    } else if (tokens[s] >= open) {
      opened.push_back(static_cast<long>(s));
    }
  }
  return found;
}

}  // namespace primer::studies
