#include "studies/circuits/texts/triggers.h"

#include <algorithm>
#include <numeric>

#include "autograd/error.h"
#include "autograd/random.h"
#include "studies/lab/fit.h"

namespace primer::studies {

Triggers::Triggers(const Symbols& text, std::size_t n) : followers(static_cast<std::size_t>(text.size())) {
  for (std::size_t i = 0; i + 1 < n; ++i) followers[static_cast<std::size_t>(text.ids[i])].push_back(text.ids[i + 1]);
  std::vector<int> order(followers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return followers[static_cast<std::size_t>(a)].size() > followers[static_cast<std::size_t>(b)].size();
  });
  constexpr long most = commoner + 2 * count;
  if (static_cast<long>(order.size()) < most || followers[static_cast<std::size_t>(order[most - 1])].empty()) {
    throw autograd::Error(autograd::Fault::input, "this study needs a text of 13 different bytes or more");
  }
  triggers.assign(order.begin() + commoner, order.begin() + commoner + count);
  successors.assign(order.begin() + commoner + count, order.begin() + most);
}

data::Batch Triggers::batch(std::uint64_t seed, long step, long sequences, long length, bool seen_before) const {
  const autograd::Random random(seed, autograd::hash("triggers"), static_cast<std::uint64_t>(step));
  data::Batch batch = empty_batch(sequences, length);
  for (long b = 0; b < sequences; ++b) {
    auto drawn = static_cast<std::uint64_t>(b * (length + count + 1));
    const auto below = [&](std::size_t most) { return static_cast<std::size_t>(random.below(most, drawn++)); };
    std::vector<int> after(followers.size(), -1), order = successors;
    for (std::size_t k = 0; k < order.size(); ++k) {
      std::swap(order[k], order[k + below(order.size() - k)]);
      after[static_cast<std::size_t>(triggers[k])] = order[k];
    }
    std::vector<bool> seen(followers.size(), false);
    auto symbol = static_cast<std::size_t>(order[below(order.size())]);
    for (long t = b * length; t < (b + 1) * length; ++t) {
      const auto place = static_cast<std::size_t>(t);
      const bool is_trigger = after[symbol] >= 0;
      const std::vector<int>& usual = followers[symbol];
      // The text's last symbol may stand nowhere else: nothing follows it, so the sequence goes on with a trigger.
      const int next = is_trigger      ? after[symbol]
                       : usual.empty() ? triggers[below(triggers.size())]
                                       : usual[below(usual.size())];
      batch.tokens[place] = static_cast<int>(symbol);
      if (is_trigger && (seen[symbol] || !seen_before)) batch.targets[place] = next;
      seen[symbol] = true;
      symbol = static_cast<std::size_t>(next);
    }
  }
  return batch;
}

}  // namespace primer::studies
