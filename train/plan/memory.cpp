#include "train/plan/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <climits>
#include <deque>

#include "autograd/error.h"
#include "autograd/parallel.h"
#include "autograd/region.h"
#include "train/plan/plan.h"
#include "train/tasks/numbers.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr double MiB = 1 << 20;
constexpr double program_bytes = 36 * MiB;        // code, tables, packed factors, unused ends of huge pages
constexpr double program_bytes_per_thread = MiB;  // where products pack what they multiply
// Of address space. OpenBLAS tries for ever to map a buffer where a limit forbids it: better too much than too little.
constexpr double mapped_bytes = 64 * MiB;              // small things
constexpr double mapped_bytes_per_thread = 160 * MiB;  // a stack of 8, OpenBLAS's buffer of 128
constexpr double bytes_per_float = 4;

double number(long value) { return static_cast<double>(value); }

/// Maps what a training maps, in its order, and gives it back. False if a limit stands against it.
bool can_be_mapped(const MemoryNeed& need, int threads) {
  const auto bytes = [](double value) { return static_cast<std::size_t>(std::min(value, 1e18)); };
  try {
    std::deque<autograd::Region> regions;
    regions.emplace_back().open(bytes(need.values));
    regions.emplace_back().open(bytes(need.gradients));
    regions.emplace_back(bytes(need.parameters)).open(bytes(need.parameters));
    for (double block = 0; block < need.blocks; ++block) {
      regions.emplace_back(bytes(need.trained)).open(bytes(need.trained));
    }
    const double rest = need.copy + need.batches + need.program + mapped_bytes + threads * mapped_bytes_per_thread;
    regions.emplace_back(bytes(rest)).open(bytes(rest));
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// The limit that stands against mapping, for a message.
std::string limit_of_process() {
  rlimit space{}, data{};
  ::getrlimit(RLIMIT_AS, &space);
  ::getrlimit(RLIMIT_DATA, &data);
  const rlim_t least = std::min(space.rlim_cur, data.rlim_cur);  // RLIM_INFINITY is the largest number
  if (least == RLIM_INFINITY) return "what the system grants";
  return "the " + short_number(static_cast<double>(least)) +
         (least == space.rlim_cur ? "B of address space that are allowed (ulimit -v)"
                                  : "B of data that are allowed (ulimit -d)");
}

}  // namespace

MemoryNeed memory_need(const Config& config, StepMeter& meter, long sequences) {
  // Ids are real when a step is measured. From a million tokens on, what a step takes grows by as much with each more.
  const long most = std::max(1L, (1L << 20) / config.context);
  const double beyond = number(std::max(0L, sequences - most)) / number(most);
  StepNeed part = meter.part(std::min(sequences, most));
  if (beyond > 0) {
    const StepNeed twice = meter.part(2 * most);
    part.values += beyond * (twice.values - part.values);
    part.gradients += beyond * (twice.gradients - part.gradients);
    part.batch += beyond * (twice.batch - part.batch);
  }
  const autograd::Parameters<float>& parameters = meter.parameters();
  MemoryNeed need;
  need.parameters = bytes_per_float * number(parameters.size());
  need.trained = bytes_per_float * number(parameters.trained());
  need.blocks = config.optimizer == optim::Rule::sgd ? 2 : 3;  // gradients, one moment or two
  if (validates(config)) need.copy = need.parameters + need.trained * (need.blocks - 1);
  need.values = part.values;
  need.gradients = part.gradients;
  need.batches = part.batch * number(config.accumulate);
  if (config.sample_every > 0) {
    need.sample = 2 * bytes_per_float * number(config.layers) * number(config.context) * number(config.channels) +
                  meter.part(1).values;
  }
  need.program = program_bytes + autograd::threads() * program_bytes_per_thread;
  return need;
}

void refuse_beyond_memory(const Config& config, StepMeter& meter, const MemoryLimit& limit) {
  if (number(config.batch) * number(config.context) > INT_MAX) {
    throw Error(Fault::usage, "--batch " + std::to_string(config.batch) + " times --context " +
                                  std::to_string(config.context) + " is more than the " + std::to_string(INT_MAX) +
                                  " tokens that BLAS can count: choose --batch " +
                                  std::to_string(INT_MAX / config.context) + " or less, and --accumulate the rest");
  }
  const int threads = autograd::threads();
  const auto need_of = [&](long batch) { return memory_need(config, meter, batch); };
  const auto fits = [&](const MemoryNeed& need) { return need.total() <= limit.bytes && can_be_mapped(need, threads); };

  const MemoryNeed need = need_of(config.batch);
  if (fits(need)) return;
  std::string text = "training would take about " + short_number(need.total()) + "B of memory";
  text += need.total() > limit.bytes ? ", and " + short_number(limit.bytes) + "B " + limit.reason
                                     : ", and with what is reserved beside it more than " + limit_of_process();
  text += ": ";
  long largest = 0, too_large = config.batch;
  while (too_large - largest > 1) {
    const long middle = largest + (too_large - largest) / 2;
    (fits(need_of(middle)) ? largest : too_large) = middle;
  }
  if (largest > 0) {
    text += "the largest --batch that fits is " + std::to_string(largest);
  } else {
    text += "not even --batch 1 fits, which takes about " + short_number(need_of(1).total()) +
            "B; choose a smaller --context, --channels or --layers";
  }
  throw Error(Fault::memory, text);
}

}  // namespace primer::train
