#include "train/run/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <deque>

#include "autograd/error.h"
#include "autograd/kernels/attention.h"
#include "autograd/parallel.h"
#include "autograd/region.h"
#include "data/masking.h"
#include "train/run/plan.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr double MiB = 1 << 20;
constexpr double program_bytes = 36 * MiB;          // code, tables, packed factors, unused ends of huge pages
constexpr double program_bytes_per_thread = MiB;    // where products pack what they multiply
// Of address space. OpenBLAS tries for ever to map a buffer where a limit forbids it: better too much than too little.
constexpr double mapped_bytes = 64 * MiB;             // small things
constexpr double mapped_bytes_per_thread = 160 * MiB;  // a stack of 8, OpenBLAS's buffer of 128
constexpr double bytes_per_float = 4, bytes_per_id = 4;

double number(long value) { return static_cast<double>(value); }

/// The sizes that everything is a product of. Numbers of floats below are in these letters.
struct Sizes {
  double T, C, L, H, F, V;
  double R;           // rows of a batch, B T
  double S;           // rows that have a target
  bool dropout, positions;
  nn::Norm norm;
};

Sizes sizes_of(const Config& config, const nn::ModelConfig& gpt) {
  Sizes s{};
  s.T = number(gpt.context), s.C = number(gpt.channels), s.L = number(gpt.layers), s.H = number(gpt.heads);
  s.F = number(gpt.hidden()), s.V = number(gpt.vocabulary);
  s.R = number(config.batch) * s.T;
  // Masking takes the same share of every window; where that is most of it, no rows are picked out.
  const double masked = std::max(1.0, std::round(data::Masking{}.share * s.T));
  s.S = !gpt.causal && masked * 2 <= s.T ? number(config.batch) * masked : s.R;
  if (gpt.is_bert() && !gpt.masked_head) s.S = number(config.batch), s.V = number(gpt.labels);
  s.dropout = gpt.dropout > 0;
  s.norm = gpt.norm;
  s.positions = gpt.position != nn::Position::none;
  return s;
}

/// Floats that a recorded forward pass leaves in the arena; ids are as large as floats.
double values_of(const Sizes& s, const nn::ModelConfig& gpt) {
  const double row = s.R * s.C;                            // [R, C]
  const double norm = row + 2 * s.R;                       // its result; mean and deviation of each row
  double embedding = row + s.R;                            // the tokens' rows; their ids
  if (s.positions) embedding += 2 * row + 2 * s.R;         // the positions' rows, the sum of both; ids, twice
  if (gpt.position == nn::Position::sinusoidal) embedding += s.T * s.C;
  if (gpt.segments > 0) embedding += 2 * row + 2 * s.R;    // the segments' rows, the sum; ids, twice
  if (gpt.embedding_norm) embedding += norm;
  if (s.dropout) embedding += row;

  const double attention = 3 * row + row + s.R * s.H;      // queries, keys and values; the heads' result; normalisers
  double block = attention + row;                          // and the residual stream after it
  if (s.F > 0) block += s.R * s.F + row;                   // the hidden layer, the residual stream after it
  if (s.norm != nn::Norm::none) block += s.F > 0 ? 2 * norm : norm;
  block += 800;                                            // nodes and steps

  double floats = embedding + s.L * block;
  if (s.norm == nn::Norm::pre) floats += norm;
  if (gpt.masked_head) floats += 3 * s.S * s.C + 2 * s.S;  // transformed, activated, normed
  if (s.S < s.R) floats += s.S * s.C + 3 * s.S;            // the rows that have targets, picked out; places and targets
  return floats;
}

/// Floats of the pool where it is fullest: at the loss, or in the backward step of a block's feed-forward part or
/// attention.
double gradients_of(const Sizes& s, const nn::ModelConfig& gpt, double threads) {
  const double row = s.R * s.C;
  const double chunk = std::min(s.S, std::max(std::floor(26e6 / s.V), 64.0));
  const double loss = s.S * s.C + chunk * s.V + 2 * s.S;  // the gradient of x, logits of a chunk, losses and hits
  const double after_loss = row + (s.S < s.R ? s.S * s.C : 0) + row;
  if (s.L == 0) return std::max(loss, after_loss);

  const double outer = row + (s.dropout ? row : 0);       // of the block's output; the same with dropout's mask
  // Gradients that lived where wider ones do not fit leave holes: seen to be one row, and three where norms do not
  // stand between the residual stream and the layers.
  const double holes = s.norm == nn::Norm::pre ? row : 3 * row;
  // Of the hidden layer and of what follows the activation; that of the input comes in the place of the latter.
  const double feed_forward = s.F > 0 ? outer + holes + s.R * s.F + std::max(s.R * s.F, row) : 0;
  // Of the heads' result, of queries, keys and values; what a head is packed into and its patterns, for each thread.
  autograd::Head<float> head{};
  head.keys = gpt.context, head.D = gpt.channels / gpt.heads;
  const double attention = outer + holes + 3 * row + threads * number(head.backward_scratch());
  // Working space of forward: the same of attention; 1024 rows of the hidden layer.
  const double forward = std::max(threads * number(head.forward_scratch()), std::min(s.R, 1024.0) * s.F);
  return std::max({loss, after_loss, feed_forward, attention, forward});
}

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
    const double rest =
        need.copy + need.batches + need.program + mapped_bytes + threads * mapped_bytes_per_thread;
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

MemoryNeed memory_need(const Config& config, const nn::ModelConfig& gpt, long parameters, int threads) {
  const Sizes sizes = sizes_of(config, gpt);
  MemoryNeed need;
  need.parameters = bytes_per_float * number(parameters);
  need.trained = config.freeze ? bytes_per_float * number(gpt.labels * (gpt.channels + 1)) : need.parameters;
  need.blocks = config.optimizer == optim::Rule::sgd ? 2 : 3;  // gradients, one moment or two
  if (config.val_fraction > 0) need.copy = need.parameters + need.trained * (need.blocks - 1);
  need.values = bytes_per_float * values_of(sizes, gpt);
  need.gradients = bytes_per_float * gradients_of(sizes, gpt, threads);
  need.batches = bytes_per_id * (2 * sizes.R + number(config.batch)) * number(config.accumulate);
  need.program = program_bytes + threads * program_bytes_per_thread;
  return need;
}

void refuse_beyond_memory(const Config& config, const nn::ModelConfig& gpt, long parameters, const MemoryLimit& limit) {
  if (number(config.batch) * number(config.context) > INT_MAX) {
    throw Error(Fault::usage, "--batch " + std::to_string(config.batch) + " times --context " +
                                  std::to_string(config.context) + " is more than the " + std::to_string(INT_MAX) +
                                  " tokens that BLAS can count: choose --batch " +
                                  std::to_string(INT_MAX / config.context) + " or less, and --accumulate the rest");
  }
  const int threads = autograd::threads();
  const auto need_of = [&](long batch) {
    Config smaller = config;
    smaller.batch = batch;
    return memory_need(smaller, gpt, parameters, threads);
  };
  const auto fits = [&](const MemoryNeed& need) { return need.total() <= limit.bytes && can_be_mapped(need, threads); };

  const MemoryNeed need = need_of(config.batch);
  if (fits(need)) return;
  std::string text = "training would take about " + short_number(need.total()) + "B of memory";
  text += need.total() > limit.bytes
              ? ", and " + short_number(limit.bytes) + "B " + limit.reason
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
