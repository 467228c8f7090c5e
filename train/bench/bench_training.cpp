#include <algorithm>

#include "autograd/op_clock.h"
#include "data/examples/token_sequence.h"
#include "train/bench/bench_limits.h"
#include "train/bench/bench_measure.h"
#include "train/step/step_meter.h"
#include "train/step/stopwatch.h"
#include "train/step/timing.h"
#include "train/step/trainer.h"

namespace primer::train {
namespace {

/// A step's parts, the longest first, and "outside": what of `step_ms`, all steps together, none of them took.
std::vector<PartTime> parts_of(const autograd::OpClock& clock, double step_ms, double steps) {
  std::vector<PartTime> parts;
  PartTime outside{"outside", step_ms / steps};
  for (const auto& [name, time] : clock.times()) {
    parts.push_back({std::string(name), 1e3 * time.forward / steps, 1e3 * time.backward / steps});
    outside.forward_ms -= parts.back().forward_ms + parts.back().backward_ms;
  }
  std::sort(parts.begin(), parts.end(), [](const PartTime& a, const PartTime& b) {
    return a.forward_ms + a.backward_ms > b.forward_ms + b.backward_ms;
  });
  parts.push_back(outside);
  return parts;
}

/// Random tokens for so many examples; of one that translates each side fills its context.
data::TokenVector text_of(const BenchCase& bench, long examples) {
  const long T = bench.config.context;
  if (!bench.config.objective->translates()) return data::TokenVector(random_tokens(examples * T, bench.vocabulary));
  const auto side = static_cast<std::uint64_t>(T - 1);  // beside its mark
  std::vector<data::Example> sides;
  for (std::uint64_t i = 0; i < 2 * static_cast<std::uint64_t>(examples); ++i)
    sides.push_back({i * side, side, -1, static_cast<std::uint32_t>(i / 2)});
  const auto marks = static_cast<int>(bench.config.objective->specials().size());
  return data::TokenVector(random_tokens(2 * examples * (T - 1), bench.vocabulary - marks), std::move(sides));
}

}  // namespace

BenchResult run_case(const BenchCase& bench, double bandwidth) {
  restart_peak_memory();
  const Config& config = bench.config;
  const auto tokenizer = bench_tokenizer(bench);
  const long step_tokens = config.batch * config.context;
  const data::TokenVector tokens = text_of(bench, config.batch * (2 * bench.steps + 3));
  Trainer<float> trainer(config, *tokenizer, tokens);
  autograd::OpClock clock;
  double flop = 0;  // of the last step
  const auto timed_step = [&] {
    const Stopwatch watch;
    flop = trainer.step().flop;
    return watch.seconds();
  };
  for (int warm = 0; warm < 2; ++warm) trainer.step();
  // Both ways of making products take turns, so that what else the machine does meets both.
  std::vector<double> times, by_blas;
  double all = 0;
  for (long step = 0; step < bench.steps; ++step) {
    trainer.time_ops(&clock);
    times.push_back(timed_step());
    all += 1e3 * times.back();
    trainer.time_ops(nullptr);
    if (step % 2 == 1) continue;
    trainer.multiplier().by = autograd::Products::blas;
    by_blas.push_back(timed_step());
    trainer.multiplier().by = autograd::Products::tiles;
  }
  BenchResult result = result_of(bench.name, times, static_cast<double>(step_tokens));
  result.blas_ms = result_of("", by_blas, 0).ms;
  result.gflops = 1e-6 * flop / result.ms;
  StepMeter meter(config, trainer.model().config());
  autograd::Work work = meter.part(config.batch).work;
  // Adam reads a trained number, its gradient and both moments, and writes all but the gradient; the norm reads that.
  work.bytes += 8 * sizeof(float) * static_cast<double>(trainer.parameters().trained());
  result.bound_ms = bound_ms(work, bandwidth);
  result.parts = parts_of(clock, all, static_cast<double>(bench.steps));
  return result;
}

}  // namespace primer::train
