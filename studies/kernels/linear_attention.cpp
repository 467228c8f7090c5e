// What one more token costs: softmax attention reads all keys and values again, linear attention a sum of one size.
#include <algorithm>
#include <cmath>

#include "nn/attention/kv_cache.h"
#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/step/stopwatch.h"

namespace primer::studies {

using nn::AttentionKind;

namespace {

constexpr long layers = 2, vocabulary = 64, shortest = 128, longest = 4096;

nn::ModelConfig shape(AttentionKind kind, long context) {
  return {.vocabulary = vocabulary,
          .context = context,
          .layers = layers,
          .heads = 4,
          .attention = kind,
          .channels = 64,
          .position = nn::Position::rotary};
}

std::vector<int> text_of(long length) {
  Draws draws("cost of a token", 1);
  std::vector<int> tokens;
  for (long i = 0; i < length; ++i) tokens.push_back(draws.below(vocabulary));
  return tokens;
}

/// Of one more token behind `read` ones: operations of products, as the tape counts them, the bytes of the state that
/// those which were read have filled, and the time.
struct Cost {
  double operations = 0, bytes = 0, seconds = INFINITY;

  Cost(AttentionKind kind, long read, long tokens) {
    const Net<float> net(shape(kind, read + tokens), 1);
    autograd::Tape<float> tape;
    const auto pause = tape.pause();
    const auto state = net.model.body->state(1);
    const std::vector<int> text = text_of(read + tokens);
    net.model.decode(tape, *state, std::span(text).first(read));
    auto& cache = dynamic_cast<nn::KvCache<float>&>(*state);
    for (long i = 0; i < layers; ++i) {  // reserved for the whole context, and 0 where nothing was written
      const auto rows = cache.layer(i).rows;
      const auto empty = std::count(rows.data(), rows.data() + rows.size(), 0.f);
      bytes += sizeof(float) * (rows.size() - empty);
    }
    for (long i = 0; i < tokens; ++i) {
      tape.multiplier.work = {};
      const train::Stopwatch watch;
      net.model.decode(tape, *state, std::span(text).subspan(read + i, 1));
      seconds = std::min(seconds, watch.seconds());  // the least disturbed
      if (i == 0) operations = tape.multiplier.work.flop;
    }
  }
};

void run(Lab& lab) {
  const AttentionKind kinds[]{AttentionKind::softmax, AttentionKind::linear, AttentionKind::favor, AttentionKind::rfa};
  std::vector<train::Curve> operations, bytes, times;
  for (const AttentionKind kind : kinds) {
    const std::string name(words(kind)[static_cast<std::size_t>(kind)]);
    lab.at(name);
    train::Curve curve{name}, kept{name}, time{name};
    for (long read = shortest; read <= lab.size(longest, 4 * shortest); read *= 2) {
      const Cost one(kind, read, lab.size(64, 2));
      curve.add(read, one.operations);
      kept.add(read, one.bytes);
      time.add(read, 1e6 * one.seconds);
    }
    const bool grows = kind == AttentionKind::softmax;
    // Of what a place adds: softmax multiplies a query with its key and its weight with its value, 4 C in each layer.
    const std::size_t last = curve.y.size() - 1;
    const double added = (curve.y[last] - curve.y[0]) / (curve.x[last] - curve.x[0]);
    const double wanted = grows ? 4.0 * layers * 64 : 0;
    lab.claim(name + ": operations that every token read adds to the next", exact(added), between(wanted, wanted));
    lab.claim(name + ": bytes kept, the longest text over the shortest", exact(kept.y[last] / kept.y[0]),
              grows ? at_least(curve.x[last] / curve.x[0]) : between(1, 1));
    lab.figure(name + ": operations of a token behind the shortest text", exact(curve.y[0]));
    lab.figure(name + ": bytes kept of the longest text", exact(kept.y[last]));
    lab.figure(name + ": time of a token, the longest text over the shortest", exact(time.y[last] / time.y[0]));
    operations.push_back(std::move(curve));
    bytes.push_back(std::move(kept));
    times.push_back(std::move(time));
  }
  const train::Axis read{.name = "tokens that were read", .log = true};
  lab.picture(
      train::line_chart({"Operations of one more token",
                         "Products of a small model, as the tape counts them. With linear attention they do not "
                         "depend on what was read; they depend on the number of features."},
                        read, {.name = "operations", .log = true}, operations));
  lab.picture(train::line_chart({"What is kept of a text", "Keys and values of every token, or sums of one size."},
                                read, {.name = "bytes", .log = true}, bytes));
  lab.picture(train::line_chart(
      {"Time of one more token", "The shortest of 64 tokens on this machine: nothing is claimed of it."}, read,
      {.name = "microseconds", .log = true}, times));
  lab.note(
      "A model of two layers, four heads and 64 channels with random weights, which cost what trained ones do; favor "
      "and rfa have 64 features a head, linear 16.");
}

}  // namespace

const Study linear_attention_study{"linear-attention",
                                   "kernels",
                                   "With linear attention a token costs the same however long the text is.",
                                   "Katharopoulos et al. 2020; Choromanski et al. 2021; Peng et al. 2021",
                                   0.1,
                                   run};

}  // namespace primer::studies
