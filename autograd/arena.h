// The arena: where the values of a step live until the tape is reset. Allocation moves a cursor; freeing is moving
// it back.
#pragma once

#include <cstddef>

#include "autograd/region.h"

namespace primer::autograd {

class Arena {
 public:
  /// A place to go back to.
  using Mark = std::size_t;

  explicit Arena(Memory memory = Memory::real) : region_(0, memory) {}

  /// `bytes` of memory, aligned to a cache line of 64 bytes, contents undefined. Throws Error(memory).
  void* allocate(std::size_t bytes) {
    const std::size_t begin = used_;
    const std::size_t end = begin + (bytes + 63) / 64 * 64;
    if (end > region_.opened()) region_.open(end);
    region_.allow(region_.data() + begin, bytes);
    used_ = end;
    return region_.data() + begin;
  }

  Mark mark() const { return used_; }

  /// Frees everything allocated since the mark. Its memory stays with the arena.
  void rewind(Mark mark) {
    region_.forbid(region_.data() + mark, used_ - mark);
    used_ = mark;
  }

  std::size_t used() const { return used_; }

 private:
  Region region_;
  std::size_t used_ = 0;
};

}  // namespace primer::autograd
