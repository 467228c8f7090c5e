#include "data/tokenizers/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace primer::data {

MergeTable::MergeTable(std::vector<Merge> merges, const std::vector<std::uint32_t>& lengths,
                       const std::array<int, 256>& bytes)
    : merges_(std::move(merges)), bytes_(bytes) {
  slots_.resize(std::bit_ceil(std::max<std::size_t>(16, 2 * merges_.size() + 1)));
  mask_ = slots_.size() - 1;
  shift_ = 64 - std::countr_zero(slots_.size());
  std::vector<std::int64_t> last_made(lengths.size(), -1);  // [tokens], the last merge that makes the token
  for (std::size_t rank = 0; rank < merges_.size(); ++rank) {
    const Merge& merge = merges_[rank];
    const std::uint64_t key = key_of(merge.left, merge.right);
    std::size_t slot = hash(key);
    while (slots_[slot].key != empty) slot = (slot + 1) & mask_;
    slots_[slot] = {key, {static_cast<std::uint32_t>(rank), merge.product}};
    last_made[static_cast<std::size_t>(merge.product)] = static_cast<std::int64_t>(rank);
    longest_ = std::max(longest_, lengths[static_cast<std::size_t>(merge.product)]);
  }
  for (std::size_t rank = 0; rank < merges_.size(); ++rank) {
    for (const int part : {merges_[rank].left, merges_[rank].right}) {
      ordered_ = ordered_ && last_made[static_cast<std::size_t>(part)] < static_cast<std::int64_t>(rank);
    }
  }
}

// Finds the rank of the pair that begins at `left`, and puts it on the heap if it has one.
void Merger::rank_pair(std::uint32_t left) {
  const std::uint32_t right = left + lengths_[static_cast<std::size_t>(token_[left])];
  if (right >= token_.size()) {
    rank_[left] = MergeTable::none;
    return;
  }
  const MergeTable::Found found = table_.find(token_[left], token_[right]);
  rank_[left] = found.rank;
  product_[left] = found.product;
  if (found.rank == MergeTable::none) return;
  heap_.push_back(std::uint64_t{found.rank} << 32 | left);
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

void Merger::encode(std::string_view piece, std::vector<int>& ids) {
  const std::size_t n = piece.size();
  token_.resize(n);
  before_.resize(n);
  rank_.resize(n);
  product_.resize(n);
  heap_.clear();
  for (std::size_t i = 0; i < n; ++i) {
    token_[i] = table_.byte_token(static_cast<unsigned char>(piece[i]));
    before_[i] = static_cast<std::uint32_t>(i) - 1;  // of the first: never looked at
  }
  for (std::size_t i = 0; i < n; ++i) {
    const MergeTable::Found found = i + 1 < n ? table_.find(token_[i], token_[i + 1]) : MergeTable::Found{};
    rank_[i] = found.rank;
    product_[i] = found.product;
    if (found.rank != MergeTable::none) heap_.push_back(std::uint64_t{found.rank} << 32 | i);
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  while (!heap_.empty()) {
    const auto rank = static_cast<std::uint32_t>(heap_.front() >> 32), left = static_cast<std::uint32_t>(heap_.front());
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
    if (token_[left] < 0 || rank_[left] != rank) continue;
    const std::uint32_t right = left + lengths_[static_cast<std::size_t>(token_[left])];
    token_[left] = product_[left];
    token_[right] = -1;
    const std::uint32_t after = left + lengths_[static_cast<std::size_t>(token_[left])];
    if (after < n) before_[after] = left;
    rank_pair(left);
    if (left > 0) rank_pair(before_[left]);
  }
  for (std::size_t i = 0; i < n; i += lengths_[static_cast<std::size_t>(token_[i])]) ids.push_back(token_[i]);
}

}  // namespace primer::data
