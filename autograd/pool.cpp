#include "autograd/pool.h"

#include <algorithm>

namespace primer::autograd {

void* Pool::acquire(std::size_t bytes) {
  Block& block = blocks_[best_fit(bytes == 0 ? 64 : (bytes + 63) / 64 * 64)];
  block.owners = 1;
  in_use_ += block.bytes;
  region_.allow(region_.data() + block.begin, block.bytes);
  return region_.data() + block.begin;
}

void Pool::release(const void* memory) {
  const std::size_t i = index_of(memory);
  if (--blocks_[i].owners > 0) return;
  in_use_ -= blocks_[i].bytes;
  region_.forbid(memory, blocks_[i].bytes);
  if (i + 1 < blocks_.size() && blocks_[i + 1].owners == 0) merge_with_next(i);
  if (i > 0 && blocks_[i - 1].owners == 0) merge_with_next(i - 1);
}

void Pool::clear() {
  blocks_.clear();
  in_use_ = 0;
  region_.forbid(region_.data(), region_.opened());
}

std::size_t Pool::index_of(const void* memory) const {
  const auto begin = static_cast<std::size_t>(static_cast<const char*>(memory) - region_.data());
  const auto block = std::lower_bound(blocks_.begin(), blocks_.end(), begin,
                                      [](const Block& b, std::size_t at) { return b.begin < at; });
  return static_cast<std::size_t>(block - blocks_.begin());
}

/// The smallest free block that has the bytes, without what is not needed of it if that is worth a block of its own.
/// If there is none, a new one at the end; a free last block is made longer instead.
std::size_t Pool::best_fit(std::size_t bytes) {
  std::size_t best = blocks_.size();
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    if (blocks_[i].owners == 0 && blocks_[i].bytes >= bytes &&
        (best == blocks_.size() || blocks_[i].bytes < blocks_[best].bytes))
      best = i;
  if (best < blocks_.size()) {
    const Block found = blocks_[best];
    if (found.bytes < bytes + gap + 64) return best;
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(best) + 1,
                   {found.begin + bytes + gap, found.bytes - bytes - gap, 0});
    blocks_[best].bytes = bytes;
    return best;
  }
  const bool grow = !blocks_.empty() && blocks_.back().owners == 0;
  const std::size_t begin =
      grow ? blocks_.back().begin : gap + (blocks_.empty() ? 0 : blocks_.back().begin + blocks_.back().bytes);
  region_.open(begin + bytes);
  reached_ = std::max(reached_, begin + bytes);
  if (grow) blocks_.pop_back();
  blocks_.push_back({begin, bytes, 0});
  return blocks_.size() - 1;
}

void Pool::merge_with_next(std::size_t index) {
  blocks_[index].bytes += gap + blocks_[index + 1].bytes;
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index) + 1);
}

}  // namespace primer::autograd
