#include <omp.h>

#include <algorithm>
#include <memory>

#include "autograd/parallel.h"
#include "data/examples/token_sequence.h"
#include "train/bench/bench_limits.h"
#include "train/bench/bench_measure.h"
#include "train/step/stopwatch.h"
#include "train/step/timing.h"
#include "train/step/trainer.h"

namespace primer::train {
namespace {

class Steps {
 public:
  explicit Steps(const BenchCase& bench)
      : bench_(bench),
        tokenizer_(bench_tokenizer(bench_)),
        tokens_(random_tokens(8 * bench.config.batch * bench.config.context, bench.vocabulary)) {
    restart_peak_memory();
    trainer_ = std::make_unique<Trainer<float>>(bench_.config, *tokenizer_, tokens_);
    trainer_->step();
  }

  void run(int count) {
    for (int i = 0; i < count; ++i) {
      const Stopwatch watch;
      flop_ = trainer_->step().flop;
      seconds_.push_back(watch.seconds());
    }
  }

  BenchResult result() const {
    const Config& config = bench_.config;
    BenchResult result = result_of(bench_.name, seconds_, static_cast<double>(config.batch * config.context));
    result.gflops = 1e-6 * flop_ / result.ms;
    return result;
  }

 private:
  BenchCase bench_;
  std::shared_ptr<const data::Tokenizer> tokenizer_;
  data::TokenVector tokens_;
  std::unique_ptr<Trainer<float>> trainer_;
  std::vector<double> seconds_;
  double flop_ = 0;  // of a step
};

/// Two layers at the width of case C, over 65 symbols.
BenchCase wide(const std::string& name, long batch, long context) {
  BenchCase bench{name, {}, 65, 3};
  Config& config = bench.config;
  config.layers = 2, config.heads = 12, config.channels = 768, config.bias = true, config.steps = 1000;
  config.batch = batch, config.context = context;
  return bench;
}

BenchResult measure(const BenchCase& bench) {
  Steps steps(bench);
  steps.run(3);
  return steps.result();
}

/// Case A and its siblings with other attentions: training on 4096 tokens a step, and sampling one sequence.
void add_growth_of_attention(std::vector<BenchResult>& results) {
  for (BenchCase bench : bench_cases()) {
    const std::string name = bench.name;
    if (name != "A" && name != "A-linear" && name != "A-favor") continue;
    for (const long context : {128L, 512L, 1024L, 2048L, 4096L}) {
      bench.name = name + "-context-" + std::to_string(context);
      bench.config.context = context, bench.config.batch = 4096 / context;
      results.push_back(measure(bench));
      results.push_back(run_sampling(bench, 1).back());
    }
  }
}

/// The same steps by 1, 2, 4 ... threads, and the peak of products. In turns, since a machine's speed drifts.
std::vector<BenchResult> growth_with_threads() {
  const int most = autograd::threads();
  struct Team {
    int size;
    std::unique_ptr<Steps> steps;
    double peak = 0;
  };
  std::vector<Team> teams;
  for (int size = 1; size <= most; size *= 2)
    teams.push_back({size, std::make_unique<Steps>(wide("threads-" + std::to_string(size), 8, 256))});
  for (int turn = 0; turn < 5; ++turn) {
    for (Team& team : teams) {
      omp_set_num_threads(team.size);
      team.steps->run(1);
      team.peak = std::max(team.peak, sgemm_peak());
    }
  }
  omp_set_num_threads(most);
  std::vector<BenchResult> results;
  for (const Team& team : teams) {
    results.push_back(team.steps->result());
    results.back().peak_rss_mb = 0;  // it is that of all teams
    BenchResult peak{"sgemm-" + std::to_string(team.size)};
    peak.gflops = team.peak;
    results.push_back(peak);
  }
  return results;
}

}  // namespace

std::vector<BenchResult> run_growth() {
  std::vector<BenchResult> results;
  for (const long batch : {1L, 2L, 4L, 8L, 16L}) {
    results.push_back(measure(wide("batch-" + std::to_string(batch), batch, 256)));
  }
  for (const long context : {128L, 256L, 512L, 1024L, 2048L}) {
    results.push_back(measure(wide("context-" + std::to_string(context), 2048 / context, context)));
  }
  add_growth_of_attention(results);
  for (BenchResult& result : growth_with_threads()) results.push_back(std::move(result));
  return results;
}

}  // namespace primer::train
