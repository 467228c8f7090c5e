#include "train/run/bench.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "autograd/error.h"
#include "autograd/parallel.h"
#include "autograd/random.h"
#include "data/strict_json.h"
#include "data/token_file.h"
#include "data/tokenizer.h"
#include "train/run/generate.h"
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

/// All but what depends on the case's arithmetic, from the seconds that so many tokens took.
BenchResult result_of(const std::string& name, std::vector<double> seconds, double tokens) {
  std::sort(seconds.begin(), seconds.end());
  BenchResult result{name};
  result.ms = 1e3 * quantile(seconds, 0.5);
  result.ms_spread = 1e3 * (quantile(seconds, 0.75) - quantile(seconds, 0.25));
  result.tokens_per_s = 1e3 * tokens / result.ms;
  result.peak_rss_mb = peak_memory_mb();
  return result;
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
  BenchResult result = result_of(bench.name, times, static_cast<double>(step_tokens));
  result.gflops = 1e-9 * flop_per_token(config, trainer.parameters()) * result.tokens_per_s;
  return result;
}

std::vector<BenchResult> run_sampling(const BenchCase& bench, long sequences) {
  restart_peak_memory();
  Config config = bench.config;
  config.dropout = 0;
  autograd::Parameters<float> parameters;
  const nn::Gpt<float> gpt(parameters, gpt_config(config, bench.vocabulary));
  parameters.build(1);
  autograd::Tape<float> tape;
  const long length = config.context * 3 / 4, count = std::min(config.context - length, 40L);
  const std::vector<int> prompt = random_tokens(length, bench.vocabulary);

  std::vector<double> prefills, decodes;
  const Stopwatch all;
  for (int run = 0; run < 4 || all.seconds() < 1; ++run) {  // the first one warms up
    Stopwatch watch;
    bool is_first = true;
    generate(gpt, tape, prompt, count, {}, {0, sequences}, [&](std::uint64_t sample, int) {
      if (sample + 1 < static_cast<std::uint64_t>(sequences)) return true;
      if (run > 0) (is_first ? prefills : decodes).push_back(watch.seconds());
      is_first = false;
      watch = {};
      return true;
    });
  }

  // Each position and token has its own row of a table; of those one is read.
  const auto number = [](long value) { return static_cast<double>(value); };
  const double head = number(bench.vocabulary * config.channels);
  const double body = number(count_without_positions(parameters)) - head * (config.tie ? 1 : 2);
  const double kept = 2 * number(config.layers * config.channels);  // keys and values of a position
  const double seen = number(length) + number(count) / 2;           // positions, on average
  const std::string ending = "-" + std::to_string(sequences);
  const double batch = number(sequences);

  BenchResult prefill = result_of(bench.name + "-prefill" + ending, prefills, number(length));
  prefill.gflops = 1e-6 * ((2 * body + 2 * kept * number(length)) * number(length) + 2 * head) / prefill.ms;
  BenchResult decode = result_of(bench.name + "-decode" + ending, decodes, batch);
  decode.gflops = 1e-6 * batch * (2 * body + 2 * kept * seen + 2 * head) / decode.ms;
  decode.gb_per_s = 1e-6 * sizeof(float) * (body + head + kept * seen * batch) / decode.ms;
  return {prefill, decode};
}

void BenchReport::look_at_machine() {
  bandwidth = std::max(bandwidth, triad_bandwidth());
  peaks.push_back(sgemm_peak());
}

double BenchReport::peak() const { return *std::max_element(peaks.begin(), peaks.end()); }

double BenchReport::moved() const { return 1 - *std::min_element(peaks.begin(), peaks.end()) / peak(); }

std::map<std::string, double> read_shares(const std::string& json, const std::string& name) {
  std::map<std::string, double> shares;
  std::string bench;
  try {
    data::read_json(json, {}, [&](const data::JsonPath& at, const data::JsonValue& value) {
      if (at.size() != 3 || at[0] != "cases") return;
      if (at[2] == "name") bench = value.text;
      if (at[2] == "share_of_limit") shares[bench] = std::strtod(value.text.c_str(), nullptr);
    });
  } catch (const data::JsonError& error) {
    throw autograd::Error(autograd::Fault::input, name + ": " + error.what());
  }
  if (shares.empty()) {
    throw autograd::Error(autograd::Fault::input, name + ": it has no cases; primer bench --json makes such a file");
  }
  return shares;
}

std::string lost_cases(const BenchReport& report, const std::map<std::string, double>& before) {
  std::string lost;
  for (const BenchResult& r : report.results) {
    const auto found = before.find(r.name);
    if (found == before.end() || report.share_of_limit(r) >= 0.9 * found->second) continue;
    lost += (lost.empty() ? "" : ", ") + r.name;
  }
  return lost;
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
