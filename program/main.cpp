// main(), and what must be looked at before the libraries begin.
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include "program/program.h"

namespace {

constexpr std::size_t MiB = 1 << 20;
constexpr std::size_t buffer_bytes = 128 * MiB;  // BUFFER_SIZE in OpenBLAS's common_x86_64.h and common_arm64.h
constexpr std::size_t other_bytes = 32 * MiB;    // what else a program takes before its command begins
constexpr int exit_memory = 8;                   // Fault::memory

// The buffers that OpenBLAS maps when it is loaded: one for each processor of the machine, at most as many as the first
// of three variables says (its blas_get_cpu_number(), driver/others/memory.c). With OpenMP it counts those too that
// this process may not use: OpenBLAS 0.3.21 maps two buffers on a machine of two processors under `taskset -c 0`.
int buffers(char** environment) {
  const int processors = static_cast<int>(std::clamp(::sysconf(_SC_NPROCESSORS_CONF), 1L, long{CPU_SETSIZE}));
  for (const std::string_view name : {"OPENBLAS_NUM_THREADS=", "GOTO_NUM_THREADS=", "OMP_NUM_THREADS="}) {
    for (char** variable = environment; *variable; ++variable) {
      const std::string_view text = *variable;
      int count = 0;
      if (text.starts_with(name)) std::from_chars(text.data() + name.size(), text.data() + text.size(), count);
      if (count > 0) return std::min(count, processors);
    }
  }
  return processors;
}

// Maps `count` buffers one by one, as OpenBLAS does, and gives them back. False if one of them cannot be had.
bool can_map_buffers(int count) {
  std::array<void*, CPU_SETSIZE + 1> places;
  int mapped = 0;
  const auto bytes = [](int i) { return i == 0 ? other_bytes : buffer_bytes; };
  for (; mapped <= count; ++mapped) {
    places[mapped] = ::mmap(nullptr, bytes(mapped), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (places[mapped] == MAP_FAILED) break;
  }
  for (int i = 0; i < mapped; ++i) ::munmap(places[i], bytes(i));
  return mapped > count;
}

// OpenBLAS maps its buffers when it is loaded, and where a limit forbids that it tries again for ever. Ends the program
// instead. Nothing of the libraries' is ready yet: no streams, no locale, and the environment is an argument.
void refuse_little_space(int, char**, char** environment) {
  const int count = buffers(environment);
  if (can_map_buffers(count)) return;
  std::array<char, 300> text;
  const int length = std::snprintf(
      text.data(), text.size(),
      "primer: error: not enough address space: %zu MB are needed at the start, %zu of them for each processor that "
      "OpenBLAS may use (%d); raise the limit (ulimit -v, ulimit -d)%s\n",
      (other_bytes + count * buffer_bytes) / 1'000'000, buffer_bytes / 1'000'000, count,
      count > 1 ? " or set OMP_NUM_THREADS=1" : "");
  if (::write(STDERR_FILENO, text.data(), static_cast<std::size_t>(length)) < 0) {}  // the exit code says it too
  ::_exit(exit_memory);
}

// The loader calls what stands in this section before the constructors of all libraries (System V ABI, "Initialization
// and Termination Functions"). A C library that does not know it leaves it out.
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)(int, char**, char**) = refuse_little_space;

}  // namespace

int main(int argc, char** argv) { return primer::program::run_program(argc, argv); }
