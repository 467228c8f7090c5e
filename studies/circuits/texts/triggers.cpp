#include "studies/circuits/texts/triggers.h"

#include <algorithm>
#include <numeric>

#include "autograd/error.h"
#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"

namespace primer::studies {

Triggers::Triggers(const Symbols& text, std::size_t n) : followers(text.size()) {
  for (std::size_t i = 0; i + 1 < n; ++i) followers[text.ids[i]].push_back(text.ids[i + 1]);
  std::vector<int> order(followers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return followers[a].size() > followers[b].size(); });
  constexpr long most = commoner + 2 * count;
  if (static_cast<long>(order.size()) < most || followers[order[most - 1]].empty()) {
    throw autograd::Error(autograd::Fault::input, "this study needs a text of 13 different bytes or more");
  }
  triggers.assign(order.begin() + commoner, order.begin() + commoner + count);
  successors.assign(order.begin() + commoner + count, order.begin() + most);
}

data::Batch Triggers::batch(std::uint64_t seed, long step, long sequences, long length, bool seen_before) const {
  data::Batch batch = empty_batch(sequences, length);
  for (long b = 0; b < sequences; ++b) {
    Draws draws("triggers", seed, step, b * (length + count + 1));
    std::vector<int> after(followers.size(), -1), order = successors;
    draws.shuffle(std::span(order), order.size());
    for (std::size_t k = 0; k < order.size(); ++k) after[triggers[k]] = order[k];
    std::vector<bool> seen(followers.size(), false);
    int symbol = order[draws.below(order.size())];
    for (long place = b * length; place < (b + 1) * length; ++place) {
      const bool is_trigger = after[symbol] >= 0;
      const std::vector<int>& usual = followers[symbol];
      // The text's last symbol may stand nowhere else: nothing follows it, so the sequence goes on with a trigger.
      const int next = is_trigger      ? after[symbol]
                       : usual.empty() ? triggers[draws.below(triggers.size())]
                                       : usual[draws.below(usual.size())];
      batch.tokens[place] = symbol;
      if (is_trigger && (seen[symbol] || !seen_before)) batch.targets[place] = next;
      seen[symbol] = true;
      symbol = next;
    }
  }
  return batch;
}

}  // namespace primer::studies
