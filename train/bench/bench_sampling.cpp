#include "autograd/parameters.h"
#include "train/bench/bench_measure.h"
#include "train/step/generate.h"
#include "train/step/stopwatch.h"
#include "train/step/timing.h"

namespace primer::train {

std::vector<BenchResult> run_sampling(const BenchCase& bench, long sequences) {
  restart_peak_memory();
  Config config = bench.config;
  config.dropout = 0;
  autograd::Parameters<float> parameters;
  const nn::Model<float> model(parameters, model_config(config, bench.vocabulary));
  parameters.build(1);
  autograd::Tape<float> tape;
  const long length = config.context * 3 / 4, count = std::min(config.context - length, 40L);
  const std::vector<int> prompt = random_tokens(length, bench.vocabulary);

  std::vector<double> prefills, decodes;
  double prefill_flop = 0;
  const Stopwatch all;
  for (int run = 0; run < 4 || all.seconds() < 1; ++run) {  // the first one warms up
    Stopwatch watch;
    bool is_first = true;
    tape.multiplier.work = {};
    generate(model, tape, prompt, count, {}, {0, sequences}, [&](std::uint64_t sample, int) {
      if (sample + 1 < static_cast<std::uint64_t>(sequences)) return true;
      if (run > 0) (is_first ? prefills : decodes).push_back(watch.seconds());
      if (is_first) prefill_flop = tape.multiplier.work.flop;
      is_first = false;
      watch = {};
      return true;
    });
  }

  // Each position and token has its own row of a table; of those one is read. The head is read, tied or not.
  const auto number = [](long value) { return static_cast<double>(value); };
  const double weights =
      number(parameters.count() - model.body->position_count() - (config.tie ? 0 : model.body->token_rows().size()));
  const double seen = number(length) + number(count) / 2;  // positions, on average
  const bool attends = model.body->attention_layers() > 0;
  // A sequence keeps keys and values of each position, or sums; or the state h of each layer, and an LSTM's c.
  const double places = std::min(seen, number(model.config().kept_rows()));
  const double row = attends ? places * number(model.config().kept_width())
                             : number(config.channels) * (config.body == nn::BodyKind::lstm ? 2 : 1);
  const double kept = number(config.layers) * row;
  const std::string ending = "-" + std::to_string(sequences);
  const double batch = number(sequences);

  BenchResult prefill = result_of(bench.name + "-prefill" + ending, prefills, number(length));
  prefill.gflops = 1e-6 * prefill_flop / prefill.ms;
  BenchResult decode = result_of(bench.name + "-decode" + ending, decodes, batch);
  decode.gflops = 1e-6 * (tape.multiplier.work.flop - prefill_flop) / number(count - 1) / decode.ms;
  decode.gb_per_s = 1e-6 * sizeof(float) * (weights + kept * batch) / decode.ms;
  return {prefill, decode};
}

}  // namespace primer::train
