// Address space that is reserved once and opened as needed, on huge pages: memory that is never moved and, once
// touched, never asked from the system again. First touch of 4 KiB pages runs at 1 to 3 GB/s, of huge pages at 30.
#pragma once

#include <cstddef>

namespace primer::autograd {

enum class Memory {
  real,
  none,  // addresses only, which nobody may touch: to see how much of them is asked for
};

class Region {
 public:
  /// Reserves `bytes` of address space; on refusal halves of it, down to 64 MiB. 0: sized from the machine's
  /// memory and the process's limit on address space. Throws Error(memory) when nothing can be had.
  explicit Region(std::size_t bytes = 0, Memory memory = Memory::real);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  char* data() const { return data_; }
  std::size_t opened() const { return opened_; }

  /// Makes at least the first `bytes` usable; what is open stays. Throws Error(memory).
  void open(std::size_t bytes);

  /// Tells AddressSanitizer that nobody may touch [begin, begin + bytes), or that one may again.
  void forbid(const void* begin, std::size_t bytes);
  void allow(const void* begin, std::size_t bytes);

 private:
  char* data_ = nullptr;      // aligned to a huge page
  void* mapping_ = nullptr;   // what the system gave; null without memory
  std::size_t reserved_ = 0;  // bytes of the mapping
  std::size_t usable_ = 0;    // bytes from data_ to the end of the mapping
  std::size_t opened_ = 0;    // bytes from data_ that may be touched
};

}  // namespace primer::autograd
