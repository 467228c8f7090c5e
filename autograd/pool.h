// The pool: where gradients and scratch space live, each from its first write to its last reader. Space that is
// given back is used again, so that a whole backward pass needs room for a few gradients only.
#pragma once

#include <cstddef>
#include <vector>

#include "autograd/region.h"

namespace primer::autograd {

/// Best-fit allocation over one region, with neighbours merged when they are free. A block has owners; the last
/// one to release it frees it.
class Pool {
 public:
  explicit Pool(Memory memory = Memory::real) : region_(0, memory) {}

  /// `bytes` of memory aligned to 64 bytes, contents undefined, one owner. Throws Error(memory).
  void* acquire(std::size_t bytes);

  /// One more owner, one less.
  void share(const void* memory) { ++blocks_[index_of(memory)].owners; }
  void release(const void* memory);
  bool shared(const void* memory) const { return blocks_[index_of(memory)].owners > 1; }

  /// Frees everything at once.
  void clear();

  std::size_t in_use() const { return in_use_; }
  std::size_t reached() const { return reached_; }  // bytes of the region that were ever handed out

 private:
  struct Block {
    std::size_t begin, bytes;  // in the region
    int owners;                // 0: free
  };
  // Between blocks: arrays of 2^n bytes side by side would share their sets of the caches.
  static constexpr std::size_t gap = 64;

  std::size_t index_of(const void* memory) const;
  std::size_t best_fit(std::size_t bytes);
  void merge_with_next(std::size_t index);

  Region region_;
  std::vector<Block> blocks_;             // in address order, no two free ones side by side
  std::size_t in_use_ = 0, reached_ = 0;  // bytes
};

/// Space that is given back when it goes out of scope.
template <class T>
class Scratch {
 public:
  Scratch(Pool& pool, T* data) : pool_(pool), data_(data) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { pool_.release(data_); }
  operator T*() const { return data_; }
  T* data() const { return data_; }

 private:
  Pool& pool_;
  T* data_;
};

}  // namespace primer::autograd
