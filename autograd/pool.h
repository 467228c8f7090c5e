// The pool: where gradients and scratch space live, each from its first write to its last reader. Space that is
// given back is used again, so that a whole backward pass needs room for a few gradients only.
#pragma once

#include <cstddef>

#include "autograd/region.h"

namespace primer::autograd {

/// Best-fit allocation over one region, with neighbours merged when they are free. A block has owners; the last
/// one to release it frees it.
class Pool {
 public:
  /// `bytes` of memory aligned to 64 bytes, contents undefined, one owner. Throws Error(memory).
  void* acquire(std::size_t bytes);

  /// One more owner, one less.
  void share(void* memory) { ++block_of(memory)->owners; }
  void release(void* memory);
  bool shared(const void* memory) const { return block_of(memory)->owners > 1; }

  /// Frees everything at once.
  void clear();

  std::size_t in_use() const { return in_use_; }

 private:
  struct alignas(64) Block {  // stands right before its memory
    std::size_t bytes;        // of the memory
    Block* previous;          // neighbours in address order
    Block* next;
    int owners;               // 0: free
    char* memory() { return reinterpret_cast<char*>(this + 1); }
  };
  static Block* block_of(const void* memory) { return static_cast<Block*>(const_cast<void*>(memory)) - 1; }

  Block* best_fit(std::size_t bytes) const;
  Block* append(std::size_t bytes);
  void split(Block* block, std::size_t bytes);
  void merge_with_next(Block* block);

  Region region_;
  Block* first_ = nullptr;
  Block* last_ = nullptr;
  std::size_t in_use_ = 0;  // bytes
};

}  // namespace primer::autograd
