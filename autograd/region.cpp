#include "autograd/region.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "autograd/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace primer::autograd {
namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t smallest = std::size_t{64} << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

std::size_t default_reservation() {
  const std::size_t memory = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  std::size_t bytes = 2 * memory;  // values and gradients have a region each; neither can be larger than memory
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    bytes = std::min<std::size_t>(bytes, limit.rlim_cur / 4);
  return bytes;
}

}  // namespace

Region::Region(std::size_t bytes, Memory memory) {
  if (memory == Memory::none) {
    data_ = reinterpret_cast<char*>(std::uintptr_t{1} << 55);  // which no process of a 64-bit system can have
    return;
  }
  if (bytes == 0) bytes = default_reservation();
  bytes = round_up(std::max(bytes, smallest), huge_page);
  for (; bytes >= smallest; bytes /= 2) {
    reserved_ = bytes + huge_page;
    mapping_ = mmap(nullptr, reserved_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ != MAP_FAILED) break;
  }
  if (mapping_ == MAP_FAILED)
    throw Error(Fault::memory, "cannot reserve 64 MiB of address space; raise the limit (ulimit -v)");
  data_ = reinterpret_cast<char*>(round_up(reinterpret_cast<std::uintptr_t>(mapping_), huge_page));
  usable_ = reserved_ - (data_ - static_cast<char*>(mapping_));
}

Region::~Region() {
  if (!mapping_) return;
  allow(data_, opened_);
  munmap(mapping_, reserved_);
}

void Region::open(std::size_t bytes) {
  if (bytes <= opened_) return;
  if (!mapping_) {
    opened_ = bytes;
    return;
  }
  // An eighth more than asked: few calls on the way up, little that is open and never touched.
  const std::size_t target = std::min(round_up(bytes + bytes / 8, huge_page), usable_);
  if (bytes > target || mprotect(data_ + opened_, target - opened_, PROT_READ | PROT_WRITE) != 0)
    throw Error(Fault::memory, "not enough memory: a step needs more than " + std::to_string(bytes >> 20) +
                                   " MiB in one region; take a smaller batch, context or model");
  madvise(data_ + opened_, target - opened_, MADV_HUGEPAGE);
  opened_ = target;
}

#if defined(__SANITIZE_ADDRESS__)
void Region::forbid(const void* begin, std::size_t bytes) {
  if (mapping_) ASAN_POISON_MEMORY_REGION(begin, bytes);
}
void Region::allow(const void* begin, std::size_t bytes) {
  if (mapping_) ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
}
#else
void Region::forbid(const void*, std::size_t) {}
void Region::allow(const void*, std::size_t) {}
#endif

}  // namespace primer::autograd
