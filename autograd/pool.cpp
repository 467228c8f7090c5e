#include "autograd/pool.h"

#include <new>

namespace primer::autograd {

void* Pool::acquire(std::size_t bytes) {
  bytes = bytes == 0 ? 64 : (bytes + 63) / 64 * 64;
  Block* block = best_fit(bytes);
  if (block) split(block, bytes);
  else block = append(bytes);
  block->owners = 1;
  in_use_ += block->bytes;
  allow(block->memory(), block->bytes);
  return block->memory();
}

void Pool::release(void* memory) {
  Block* block = block_of(memory);
  if (--block->owners > 0) return;
  in_use_ -= block->bytes;
  forbid(block->memory(), block->bytes);
  if (block->next && block->next->owners == 0) merge_with_next(block);
  if (block->previous && block->previous->owners == 0) merge_with_next(block->previous);
}

void Pool::clear() {
  first_ = last_ = nullptr;
  in_use_ = 0;
  forbid(region_.data(), region_.opened());
}

Pool::Block* Pool::best_fit(std::size_t bytes) const {
  Block* best = nullptr;
  for (Block* b = first_; b; b = b->next)
    if (b->owners == 0 && b->bytes >= bytes && (!best || b->bytes < best->bytes)) best = b;
  return best;
}

/// A new block at the end; a free last block is made longer instead.
Pool::Block* Pool::append(std::size_t bytes) {
  const bool grow = last_ && last_->owners == 0;
  char* begin = grow ? reinterpret_cast<char*>(last_) : last_ ? last_->memory() + last_->bytes : region_.data();
  region_.open(begin - region_.data() + sizeof(Block) + bytes);
  if (grow) {
    last_->bytes = bytes;
    return last_;
  }
  allow(begin, sizeof(Block));
  last_ = new (begin) Block{bytes, last_, nullptr, 0};
  (first_ ? last_->previous->next : first_) = last_;
  return last_;
}

/// Cuts what is not needed off a free block, if it is worth a block of its own.
void Pool::split(Block* block, std::size_t bytes) {
  if (block->bytes < bytes + sizeof(Block) + 64) return;
  char* begin = block->memory() + bytes;
  allow(begin, sizeof(Block));
  Block* rest = new (begin) Block{block->bytes - bytes - sizeof(Block), block, block->next, 0};
  (rest->next ? rest->next->previous : last_) = rest;
  block->next = rest;
  block->bytes = bytes;
}

void Pool::merge_with_next(Block* block) {
  Block* next = block->next;
  block->bytes += sizeof(Block) + next->bytes;
  block->next = next->next;
  (block->next ? block->next->previous : last_) = block;
  forbid(next, sizeof(Block));
}

}  // namespace primer::autograd
