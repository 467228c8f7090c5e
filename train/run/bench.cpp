#include "train/run/bench.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "autograd/parallel.h"
#include "autograd/random.h"
#include "data/token_file.h"
#include "data/tokenizer.h"
#include "train/run/presets.h"
#include "train/run/timing.h"
#include "train/run/trainer.h"

namespace primer::train {
namespace {

/// The value below which a share of the sorted numbers lies.
double quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
}

/// Linux keeps the high-water mark of a process's resident memory; writing 5 starts it again.
void restart_peak_memory() {
  if (std::FILE* file = std::fopen("/proc/self/clear_refs", "w")) {
    std::fputs("5", file);
    std::fclose(file);
  }
}
double peak_memory_mb() {
  double kib = 0;
  if (std::FILE* file = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file))
      if (std::sscanf(line, "VmHWM: %lf", &kib) == 1) break;
    std::fclose(file);
  }
  return kib / 1024;
}

std::vector<int> random_tokens(long count, int vocabulary) {
  const autograd::Random random(1, autograd::hash("bench tokens"));
  std::vector<int> tokens(count);
  for (long i = 0; i < count; ++i) tokens[i] = static_cast<int>(random.below(vocabulary, i));
  return tokens;
}

/// A vocabulary of so many symbols; which ones does not matter.
std::shared_ptr<const data::Tokenizer> tokenizer_of(int vocabulary) {
  std::vector<data::Symbol> alphabet;
  for (int i = 0; i < vocabulary; ++i) alphabet.push_back(static_cast<data::Symbol>(i < 0xD000 ? i : i + 0x1000));
  return data::make_character_tokenizer(alphabet);
}

}  // namespace

std::vector<BenchCase> bench_cases() {
  Config a, b, gpt2;
  apply_preset(a, "nanogpt-cpu");
  apply_preset(b, "nanogpt-gpu");
  b.dropout = 0;
  Config b_dropout = b;
  b_dropout.dropout = 0.2;
  gpt2.layers = gpt2.heads = 12;
  gpt2.channels = 768;
  gpt2.bias = true;
  gpt2.batch = 4;
  gpt2.steps = 1000;
  Config c = gpt2, d = gpt2;
  c.context = 256;
  d.context = 64;
  return {{"A", a, 65, 200}, {"B", b, 65, 5}, {"C", c, 50304, 5}, {"D", d, 50304, 9}, {"B-dropout", b_dropout, 65, 5}};
}

BenchResult run_case(const BenchCase& bench) {
  restart_peak_memory();
  const Config& config = bench.config;
  const auto tokenizer = tokenizer_of(bench.vocabulary);
  const long step_tokens = config.batch * config.context;
  const data::TokenVector tokens(random_tokens(step_tokens * (bench.steps + 3), bench.vocabulary));
  Trainer<float> trainer(config, *tokenizer, tokens);
  std::vector<double> times;
  for (long step = -2; step < bench.steps; ++step) {
    const Stopwatch watch;
    trainer.step();
    if (step >= 0) times.push_back(watch.seconds());
  }
  std::sort(times.begin(), times.end());
  const double median = quantile(times, 0.5);

  long parameters = trainer.parameters().count();
  if (config.position == "learned") parameters -= config.context * config.channels;
  const double operations = 6.0 * static_cast<double>(parameters) +
                            12.0 * static_cast<double>(config.layers * config.channels * config.context);
  BenchResult result;
  result.name = bench.name;
  result.ms = median * 1e3;
  result.ms_spread = (quantile(times, 0.75) - quantile(times, 0.25)) * 1e3;
  result.tokens_per_s = static_cast<double>(step_tokens) / median;
  result.gflops = operations * result.tokens_per_s / 1e9;
  result.peak_rss_mb = peak_memory_mb();
  return result;
}

double sgemm_peak() {
  return 1e-9 * std::max({product_rate(1024, 1024, 1024, 8), product_rate(2048, 2048, 2048, 8),
                          product_rate(4096, 3072, 768, 8)});
}

double triad_bandwidth() {
  const long n = 1 << 25;  // 128 MiB an array
  std::vector<float> a(n), b(n, 1), c(n, 2);
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    const Stopwatch watch;
    autograd::each(n, [x = a.data(), y = b.data(), z = c.data()](long i) { x[i] = y[i] + 0.5f * z[i]; });
    if (run > 0) best = std::max(best, 3e-9 * static_cast<double>(n * sizeof(float)) / watch.seconds());
  }
  return best;
}

}  // namespace primer::train
