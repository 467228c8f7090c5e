#include "studies/circuits/order.h"

#include <algorithm>

#include "autograd/random.h"
#include "studies/lab/fit.h"

namespace primer::studies {

data::Batch Order::batch(std::uint64_t seed, long step, long pairs, long words) {
  const autograd::Random random(seed, autograd::hash("order"), static_cast<std::uint64_t>(step));
  data::Batch batch = empty_batch(2 * pairs, words + 1);
  for (long pair = 0; pair < pairs; ++pair) {
    std::uint64_t drawn = static_cast<std::uint64_t>(pair) * 4096;
    const auto below = [&](long count) {
      return static_cast<long>(random.below(static_cast<std::uint64_t>(count), drawn++));
    };
    int* text = batch.tokens.data() + 2 * pair * batch.length;
    for (long t = 0; t < words; ++t) text[t] = 3 + static_cast<int>(below(others));
    const long one = below(words), other = (one + 1 + below(words - 1)) % words;
    std::copy_n(text, batch.length, text + batch.length);
    text[std::min(one, other)] = text[batch.length + std::max(one, other)] = first;
    text[std::max(one, other)] = text[batch.length + std::min(one, other)] = second;
    const auto end = static_cast<std::size_t>(2 * pair * batch.length + words);
    batch.targets[end] = first;
    batch.targets[end + static_cast<std::size_t>(batch.length)] = second;
  }
  return batch;
}

}  // namespace primer::studies
