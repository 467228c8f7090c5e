#include <algorithm>
#include <cstdio>
#include <cstring>

#include "autograd/parallel.h"
#include "autograd/region.h"
#include "data/bytes/file.h"
#include "data/bytes/scratch_folder.h"
#include "data/examples/token_sequence.h"
#include "train/bench/bench_measure.h"
#include "train/checkpoints/checkpoint.h"
#include "train/step/stopwatch.h"
#include "train/step/timing.h"

namespace primer::train {
namespace {

constexpr std::size_t block_bytes = 1u << 20;

/// Seconds of f(), each time after prepare().
template <class Prepare, class F>
std::vector<double> seconds_of(int runs, Prepare prepare, F f) {
  std::vector<double> seconds;
  for (int run = 0; run <= runs; ++run) {
    prepare();
    const Stopwatch watch;
    f();
    if (run > 0) seconds.push_back(watch.seconds());  // the first one warms up
  }
  return seconds;
}

BenchResult moving(const std::string& name, std::vector<double> seconds, double bytes, std::vector<double> limit) {
  const double limit_ms = result_of("", std::move(limit), 0).ms;
  BenchResult result = result_of(name, std::move(seconds), 0);
  result.gb_per_s = 1e-6 * bytes / result.ms;
  result.limit_gb_per_s = 1e-6 * bytes / limit_ms;
  return result;
}

void write_plain(const std::string& path, std::uint64_t bytes) {
  const std::string block(block_bytes, 'x');
  data::OutputFile file(path);
  for (std::uint64_t done = 0; done < bytes; done += block_bytes) {
    file.append(block.data(), static_cast<std::size_t>(std::min<std::uint64_t>(block_bytes, bytes - done)));
  }
  file.finish();
}

void read_plain(const std::string& path) {
  const data::InputFile file(path);
  std::vector<char> block(block_bytes);
  for (std::uint64_t done = 0; done < file.size(); done += block_bytes) file.read_at(block.data(), block_bytes, done);
}

/// New memory from the system, every page of it written.
void fill_new_memory(std::size_t bytes) {
  autograd::Region region(bytes);
  region.open(bytes);
  autograd::split(static_cast<long>(bytes / 64), 64, [&](long begin, long end, int) {
    std::memset(static_cast<char*>(region.data()) + 64 * begin, 1, static_cast<std::size_t>(64 * (end - begin)));
  });
}

}  // namespace

std::vector<BenchResult> run_files(const BenchCase& bench) {
  const auto tokenizer = bench_tokenizer(bench);
  const Config& config = bench.config;
  const data::TokenVector tokens(random_tokens(4 * config.batch * config.context, bench.vocabulary));
  const auto nothing = [] {};

  restart_peak_memory();
  const auto starts = seconds_of(3, nothing, [&] { Trainer<float>(config, *tokenizer, tokens).step(); });
  Trainer<float> trainer(config, *tokenizer, tokens);
  trainer.step();
  const Stopwatch watch;
  trainer.step();
  const double step = watch.seconds();  // the first one takes as long, and what beginning takes
  std::vector<double> beginnings;
  for (const double start : starts) beginnings.push_back(std::max(start - step, 1e-9));
  const double memory = peak_memory_mb() * (1 << 20);
  BenchResult start = moving(bench.name + "-start", beginnings, memory,
                             seconds_of(3, nothing, [&] { fill_new_memory(static_cast<std::size_t>(memory)); }));

  const data::ScratchFolder folder("bench");
  const std::string plain = folder.path() + "/plain";
  CheckpointStore store(folder.path() + "/checkpoints");
  const CheckpointId id{trainer.state().step, true};
  const double bytes = 12 * static_cast<double>(trainer.parameters().count());  // parameters and two moments
  const auto saves = seconds_of(
      3, nothing, [&] { save_checkpoint(store, snapshot(id, trainer, {}), trainer.parameters(), config, *tokenizer); });
  const auto writes = seconds_of(
      3, [&] { std::remove(plain.c_str()); }, [&] { write_plain(plain, static_cast<std::uint64_t>(bytes)); });
  const auto loads = seconds_of(3, nothing, [&] {
    store.verify(id);
    restore_trainer(open_checkpoint(store, id), trainer);
  });
  const auto reads = seconds_of(3, nothing, [&] { read_plain(plain); });
  return {start, moving(bench.name + "-save", saves, bytes, writes), moving(bench.name + "-load", loads, bytes, reads)};
}

std::vector<BenchResult> run_tokenizers() {
  const long bytes = 1 << 25;
  const std::vector<int> letters = random_tokens(bytes, 64);
  std::string text(bytes, ' ');
  std::vector<data::Symbol> alphabet;
  for (int i = 0; i < 64; ++i) alphabet.push_back(static_cast<data::Symbol>(' ' + i));
  for (long i = 0; i < bytes; ++i) text[i] = static_cast<char>(' ' + letters[i]);
  std::vector<int> ids;
  ids.reserve(bytes);
  std::vector<char> copy(block_bytes);
  const auto in_blocks = [&](auto f) {
    for (std::size_t done = 0; done < text.size(); done += block_bytes) {
      f(std::string_view(text).substr(done, block_bytes));
    }
  };
  const auto copies = seconds_of(
      5, [] {},
      [&] { in_blocks([&](std::string_view block) { std::memcpy(copy.data(), block.data(), block.size()); }); });
  std::vector<BenchResult> results;
  for (const auto& tokenizer : {data::make_character_tokenizer(alphabet), data::make_byte_tokenizer()}) {
    restart_peak_memory();
    const auto times = seconds_of(
        5, [&] { ids.clear(); },
        [&] {
          const auto encoder = tokenizer->encoder();
          in_blocks([&](std::string_view block) { encoder->feed(block, ids); });
          encoder->finish(ids);
        });
    BenchResult result =
        moving("tokenize-" + std::string(tokenizer->kind()), times, static_cast<double>(bytes), copies);
    result.tokens_per_s = 1e3 * static_cast<double>(ids.size()) / result.ms;
    results.push_back(result);
  }
  return results;
}

}  // namespace primer::train
