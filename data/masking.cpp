#include "data/masking.h"

#include <algorithm>
#include <cmath>

#include "autograd/error.h"
#include "autograd/random.h"

namespace primer::data {

void Masking::apply(Purpose purpose, std::uint64_t epoch, std::uint64_t window, std::span<int> tokens,
                    std::span<int> targets) const {
  using autograd::refuse;
  if (mask < 0 || mask >= vocabulary || vocabulary < 2) {
    refuse("masking", "the mask id " + std::to_string(mask) + " does not fit a vocabulary of " +
                          std::to_string(vocabulary) + "; use a tokenizer with a mask token and another token");
  }
  if (!(share > 0 && share <= 1)) refuse("masking", "the share must be above 0 and at most 1");
  if (tokens.size() != targets.size()) refuse("masking", "as many targets as tokens are needed", autograd::Fault::bug);

  const std::uint64_t use = autograd::hash(purpose == Purpose::training ? "data.masking" : "data.masking.evaluation");
  const autograd::Random random(seed, autograd::mix(use + window), epoch);
  const std::uint64_t length = tokens.size();
  auto needed = static_cast<std::uint64_t>(std::max(1.0, std::round(share * static_cast<double>(length))));

  // Selection sampling: each position is taken with the probability needed / left, so that every set of positions is
  // equally likely. Knuth, The Art of Computer Programming, volume 2, section 3.4.2, algorithm S.
  for (std::uint64_t i = 0; i < length; ++i) {
    targets[i] = -1;
    if (random.below(length - i, 3 * i) >= needed) continue;
    --needed;
    targets[i] = tokens[i];
    const std::uint64_t fate = random.below(10, 3 * i + 1);
    if (fate < 8) {
      tokens[i] = mask;
    } else if (fate == 8) {
      const int other = static_cast<int>(random.below(static_cast<std::uint64_t>(vocabulary - 1), 3 * i + 2));
      tokens[i] = other + (other >= mask);  // every id but the mask's
    }
  }
}

}  // namespace primer::data
