#include "data/examples/masking.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "autograd/error.h"
#include "autograd/random.h"

namespace primer::data {

void Masking::apply(Purpose purpose, std::uint64_t epoch, std::uint64_t window, std::span<int> tokens,
                    std::span<int> targets) const {
  using autograd::refuse;
  std::array<int, 3> never{mask, begin, end};  // as a random id; in order
  std::sort(never.begin(), never.end());
  const auto others = static_cast<long>(vocabulary) - 1 - framing();
  if (mask < 0 || never.back() >= vocabulary || others < 1) {
    refuse("masking", "the mask id " + std::to_string(mask) + " does not fit a vocabulary of " +
                          std::to_string(vocabulary) + "; use a tokenizer with a mask token and another token");
  }
  if (!(share > 0 && share <= 1)) refuse("masking", "the share must be above 0 and at most 1");
  if (tokens.size() != targets.size()) refuse("masking", "as many targets as tokens are needed", autograd::Fault::bug);

  const std::uint64_t use = autograd::hash(purpose == Purpose::training ? "data.masking" : "data.masking.evaluation");
  const autograd::Random random(seed, autograd::mix(use + window), epoch);
  const auto may_choose = [this](int token) { return framing() == 0 || (token != begin && token != end); };
  const auto length = static_cast<double>(tokens.size());
  auto left = static_cast<std::uint64_t>(std::count_if(tokens.begin(), tokens.end(), may_choose));
  auto needed = static_cast<std::uint64_t>(std::max(1.0, std::round(share * length)));

  // Selection sampling: each position is taken with the probability needed / left, so that every set of positions is
  // equally likely. Knuth, The Art of Computer Programming, volume 2, section 3.4.2, algorithm S.
  for (std::uint64_t i = 0; i < tokens.size(); ++i) {
    targets[i] = -1;
    if (!may_choose(tokens[i]) || random.below(left--, 3 * i) >= needed) continue;
    --needed;
    targets[i] = tokens[i];
    const std::uint64_t fate = random.below(10, 3 * i + 1);
    if (fate < 8) {
      tokens[i] = mask;
    } else if (fate == 8) {
      int other = static_cast<int>(random.below(static_cast<std::uint64_t>(others), 3 * i + 2));
      for (const int id : never) other += id >= 0 && other >= id;
      tokens[i] = other;
    }
  }
}

}  // namespace primer::data
