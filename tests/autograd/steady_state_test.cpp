// After its second step training asks the system for nothing: malloc, mmap and page faults are counted.
#include <doctest/doctest.h>

#if !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer brings a malloc of its own

#include <omp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "autograd/parallel.h"
#include "nn/model.h"
#include "optim/adam.h"
#include "optim/clip.h"
#include "optim/schedule.h"

namespace {
std::atomic<long> allocations{0}, mappings{0};
}

// glibc's own functions under the names that everybody calls, each with a counter before it.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, std::size_t bytes) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(old, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept { return memalign(alignment, bytes); }
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) noexcept {
  *out = memalign(alignment, bytes);
  return *out ? 0 : ENOMEM;
}
void* mmap(void* address, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  mappings.fetch_add(1, std::memory_order_relaxed);
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}
}

using namespace primer;

namespace {

struct Asked {
  long allocations, mappings, faults;
  bool operator==(const Asked&) const = default;
};

long minor_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

/// What ten steps of training ask for after the second step. With one thread that is exact. With more, a thread that
/// has its first turn at a product or an attention head late touches its stack and OpenBLAS's packing buffer, which
/// is not ours, for the first time: then the next ten steps are counted, a few times over.
Asked count(const nn::ModelConfig& config, const std::vector<int>& targets, int threads) {
  const int threads_before = autograd::threads();
  omp_set_num_threads(threads);
  constexpr long batch = 6;
  const long length = config.context;
  std::vector<int> tokens(batch * length), lengths = {};
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int>(i * i % 31);
  if (!config.causal)
    for (long b = 0; b < batch; ++b) lengths.push_back(static_cast<int>(length - b));
  autograd::Parameters<float> parameters;
  const nn::Model<float> model(parameters, config);
  parameters.build(1);
  optim::Adam<float> adam(parameters, {.weight_decay = 0.1});
  const optim::Schedule schedule;
  autograd::Tape<float> tape;
  const auto step = [&](long i) {
    parameters.zero_grad();
    nn::Scores scores;
    for (long micro = 0; micro < 2; ++micro) {
      tape.reset();
      tape.noise = {1, static_cast<std::uint64_t>(i), micro * batch, batch};
      tape.backward(model.loss(tape, {tokens, batch, length, lengths}, {targets, 0.01}, &scores));
    }
    parameters.settle();
    adam.update(schedule.rate(i), optim::clip_factor(optim::gradient_norm(parameters), 1));
  };
  long done = 0;
  const auto steps = [&](long n) {
    for (long i = 0; i < n; ++i) step(done++);
  };
  steps(2);
  Asked asked{};
  for (int stretch = 0; stretch < (threads == 1 ? 1 : 10); ++stretch) {
    const Asked start{allocations, mappings, minor_faults()};
    steps(10);
    asked = {allocations - start.allocations, mappings - start.mappings, minor_faults() - start.faults};
    if (asked == Asked{}) break;
  }
  omp_set_num_threads(threads_before);
  return asked;
}

}  // namespace

TEST_CASE("after its second step a training step makes no allocation, no mapping and no page fault") {
  const Asked here{allocations, mappings, 0};
  std::free(std::malloc(10));
  CHECK(allocations > here.allocations);  // the counters count
  nn::ModelConfig config{
      .vocabulary = 31, .context = 48, .layers = 2, .heads = 2, .channels = 32, .dropout = 0.1, .bias = true};
  std::vector<int> all(6 * config.context), few(6 * config.context, -1);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i % 31);
  for (std::size_t i = 0; i < few.size(); i += 7) few[i] = static_cast<int>(i % 31);
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    for (const nn::Position position : {nn::Position::learned, nn::Position::sinusoidal})
      for (const bool masked : {false, true}) {
        config.position = position;
        config.causal = !masked;
        const bool gated = position == nn::Position::sinusoidal;
        config.norm_kind = gated ? nn::NormKind::rms : nn::NormKind::layer;
        config.activation = gated ? nn::Activation::swiglu : nn::Activation::gelu;
        config.norm = masked ? nn::NormPlace::post : nn::NormPlace::pre;
        const Asked asked = count(config, masked ? few : all, threads);
        CHECK(asked.allocations == 0);
        CHECK(asked.mappings == 0);
        CHECK(asked.faults == 0);
      }
  }
}

#endif
