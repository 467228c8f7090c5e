#include <omp.h>

#include "autograd/parallel.h"
#include "data/token_file.h"
#include "train/run/bench_limits.h"
#include "train/run/bench_measure.h"
#include "train/run/timing.h"
#include "train/run/trainer.h"

namespace primer::train {
namespace {

/// Training steps of two layers at the width of case C, over 65 symbols.
BenchResult measure(const std::string& name, long batch, long context) {
  restart_peak_memory();
  BenchCase bench{name, {}, 65, 3};
  Config& config = bench.config;
  config.layers = 2, config.heads = 12, config.channels = 768, config.bias = true, config.steps = 1000;
  config.batch = batch, config.context = context;
  const auto tokenizer = bench_tokenizer(bench);
  const long step_tokens = batch * context;
  const data::TokenVector tokens(random_tokens(step_tokens * (bench.steps + 2), bench.vocabulary));
  Trainer<float> trainer(config, *tokenizer, tokens);
  trainer.step();
  std::vector<double> times;
  for (long step = 0; step < bench.steps; ++step) {
    const Stopwatch watch;
    trainer.step();
    times.push_back(watch.seconds());
  }
  BenchResult result = result_of(name, times, static_cast<double>(step_tokens));
  result.gflops = 1e-9 * flop_per_token(config, trainer.parameters()) * result.tokens_per_s;
  return result;
}

}  // namespace

std::vector<BenchResult> run_growth() {
  std::vector<BenchResult> results;
  for (const long batch : {1L, 2L, 4L, 8L, 16L}) {
    results.push_back(measure("batch-" + std::to_string(batch), batch, 256));
  }
  for (const long context : {128L, 256L, 512L, 1024L, 2048L}) {
    results.push_back(measure("context-" + std::to_string(context), 2048 / context, context));
  }
  const int before = autograd::threads();
  for (int count = 1; count <= before; count *= 2) {
    omp_set_num_threads(count);
    results.push_back(measure("threads-" + std::to_string(count), 8, 256));
    BenchResult peak{"sgemm-" + std::to_string(count)};
    peak.gflops = sgemm_peak();
    results.push_back(peak);
  }
  omp_set_num_threads(before);
  return results;
}

}  // namespace primer::train
