#include "train/bench/bench_measure.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "autograd/random.h"

namespace primer::train {
namespace {

/// The value below which a share of the sorted numbers lies.
double quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
}

}  // namespace

void restart_peak_memory() {
  if (std::FILE* file = std::fopen("/proc/self/clear_refs", "w")) {  // to which 5 says so
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

std::shared_ptr<const data::Tokenizer> bench_tokenizer(const BenchCase& bench) {
  const std::vector<std::string> specials = bench.config.objective->specials();
  std::vector<data::Symbol> alphabet;
  for (int i = 0; i < bench.vocabulary - static_cast<int>(specials.size()); ++i) {
    alphabet.push_back(static_cast<data::Symbol>(i < 0xD000 ? i : i + 0x1000));
  }
  return data::make_character_tokenizer(alphabet, specials);
}

BenchResult result_of(const std::string& name, std::vector<double> seconds, double tokens) {
  std::sort(seconds.begin(), seconds.end());
  BenchResult result{name};
  result.ms = 1e3 * quantile(seconds, 0.5);
  result.mean_ms = 1e3 * std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
  result.ms_spread = 1e3 * (quantile(seconds, 0.75) - quantile(seconds, 0.25));
  result.tokens_per_s = 1e3 * tokens / result.ms;
  result.peak_rss_mb = peak_memory_mb();
  return result;
}

}  // namespace primer::train
