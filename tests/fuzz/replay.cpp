// Gives every file of the corpora to its fuzz target: what once was found, or shows the way to it, stays tested.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

// PRIMER_FUZZ_TARGETS is X(config) X(manifest) ..., one for each target. The build renames their functions.
#define X(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
PRIMER_FUZZ_TARGETS
#undef X

#if !defined(__SANITIZE_ADDRESS__)
#include <malloc.h>

// Counts what is alive on the heap.
namespace {
std::size_t alive = 0, most_alive = 0;  // bytes
}
void* operator new(std::size_t bytes) {
  void* const memory = std::malloc(bytes ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  alive += ::malloc_usable_size(memory);
  most_alive = std::max(most_alive, alive);
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory) alive -= ::malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
#else
namespace {
std::size_t alive = 0, most_alive = 0;  // AddressSanitizer has its own heap
}
#endif

namespace {

std::string current;  // the file that is replayed

// A target ends the program when something is wrong: then the file is named.
extern "C" void name_current(int signal) {
  const auto ignored = ::write(2, current.data(), current.size());
  (void)ignored;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

constexpr std::size_t most_memory = 64u << 20;  // bytes that reading a file may take, beside its size
using Target = int (*)(const std::uint8_t*, std::size_t);

bool replay(const std::string& name, Target target) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(PRIMER_FUZZ_CORPUS "/" + name, error)) {
    files.push_back(entry.path());
  }
  if (files.empty()) {
    std::fprintf(stderr, "%s: no corpus in %s\n", name.c_str(), PRIMER_FUZZ_CORPUS);
    return false;
  }
  std::size_t most = 0;
  for (const std::filesystem::path& path : files) {
    std::ifstream in(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    current = path.string() + "\n";
    const std::size_t before = most_alive = alive;
    target(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    most = std::max(most, most_alive - before);
    if (most_alive - before > bytes.size() + most_memory) {
      std::fprintf(stderr, "%s: takes %zu bytes of memory\n", path.c_str(), most_alive - before);
      return false;
    }
  }
  std::printf("%s: %zu files, at most %zu KiB of memory\n", name.c_str(), files.size(), most >> 10);
  return true;
}

}  // namespace

int main() {
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL}) std::signal(signal, name_current);
  bool all = true;
#define X(name) all = replay(#name, fuzz_##name) && all;
  PRIMER_FUZZ_TARGETS
#undef X
  return all ? 0 : 1;
}
