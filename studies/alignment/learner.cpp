#include "studies/alignment/learner.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "train/circuits/observers.h"
#include "train/step/model.h"

namespace primer::studies {

using autograd::Tape, autograd::Tensor;

nn::ModelConfig recurrent_shape(const PairTask& task, nn::Align align, long channels) {
  return {.body = nn::BodyKind::gru,
          .vocabulary = task.target_words,
          .context = task.longest + 1,  // at its end a translation is ended, right or wrong
          .layers = 1,
          .decoder_layers = 1,
          .source_vocabulary = task.source_words,
          .align = align,
          .channels = channels,
          .bias = true,
          .output = {.tie = false}};
}

static Tensor<float> loss_of(Tape<float>& tape, const Net<float>& net, const data::Batch& batch, double smoothing) {
  nn::Scores scores;
  tape.noise.sequences = batch.sequences;
  const double scale = 1.0 / static_cast<double>(batch.target_count());
  return train::loss_of(net.model, tape, train::part_of(batch, 0, batch.sequences), {scale, 0, smoothing}, scores);
}

std::vector<double> learn(Net<float>& net, const PairTask& task, const Lesson& lesson, Lab& lab) {
  data::Batch batch;  // lives as long as the tape of its step
  return fit<float>(net.parameters, lesson.fit, lab.interruption, [&](Tape<float>& tape, long step) {
    batch = batch_of(pairs_of(task, lesson.fit.seed, step, lesson.batch, false));
    return loss_of(tape, net, batch, lesson.smoothing);
  });
}

double operations(const Net<float>& net, const PairTask& task, const Lesson& lesson) {
  const data::Batch batch = batch_of(pairs_of(task, lesson.fit.seed, 0, lesson.batch, false));
  Tape<float> tape(autograd::Memory::none);
  tape.backward(loss_of(tape, net, batch, lesson.smoothing));
  return tape.multiplier.work.flop * static_cast<double>(lesson.fit.steps);
}

double smoothed_floor(double e, long words) {
  const double other = e / static_cast<double>(words), gold = 1 - e + other;
  return -gold * std::log(gold) - (static_cast<double>(words) - 1) * other * std::log(other);
}

std::vector<double> exactly_right(const Net<float>& net, std::span<const Pair> pairs) {
  std::vector<std::vector<int>> sources;
  for (const Pair& pair : pairs) sources.push_back(pair.source);
  Tape<float> tape;
  std::vector<double> right;
  for (const auto& found : train::translate(net.model, tape, PairTask::marks, sources, {}))
    right.push_back(found.ids == pairs[right.size()].target);
  return right;
}

long Looks::most(long b, long t, long first, long last, long places) const {
  std::vector<float> sum(static_cast<std::size_t>(places), 0);
  for (long h = first; h <= last; ++h)
    for (long s = 0; s < places; ++s) sum[s] += pattern[((b * H + h) * T + t) * S + s];
  return std::ranges::max_element(sum) - sum.begin();
}

namespace {

/// Copies of a layer's patterns, in their order.
struct Pieces : autograd::Observer<float> {
  std::string layer;
  std::vector<std::vector<float>> rows = {};
  autograd::Shape shape = {};

  explicit Pieces(std::string layer_) : layer(std::move(layer_)) {}
  bool wants(std::string_view path, std::string_view leaf) override { return path == layer && leaf == "pattern"; }
  Tensor<float> see(std::string_view, std::string_view, Tensor<float> x) override {
    rows.emplace_back(x.data(), x.data() + x.size());
    shape = x.shape;
    return x;
  }
};

}  // namespace

Looks looks_of(const Net<float>& net, std::span<const Pair> pairs, const std::string& path) {
  const data::Batch batch = batch_of(pairs);
  Pieces pieces(path);
  train::watch<float>(net.model, train::part_of(batch, 0, batch.sequences).sequences, pieces);
  const long n = pieces.shape[2];  // places of a target in each piece
  Looks looks{pieces.shape[0], pieces.shape[1], n * static_cast<long>(pieces.rows.size()), pieces.shape[3]};
  for (long row = 0; row < looks.B * looks.H; ++row)
    for (const std::vector<float>& piece : pieces.rows) {
      const auto from = piece.begin() + row * n * looks.S;
      looks.pattern.insert(looks.pattern.end(), from, from + n * looks.S);
    }
  return looks;
}

std::vector<double> agreement(const Looks& looks, std::span<const Pair> pairs, bool (*counts)(int word),
                              const Asked& asked) {
  std::vector<double> shares;
  for (long b = 0; b < looks.B; ++b) {
    const Pair& pair = pairs[b];
    double right = 0, all = 0;
    for (std::size_t t = 0; t < pair.target.size(); ++t) {
      if (pair.from[t] < 0 || !counts(pair.target[t])) continue;
      const auto places = static_cast<long>(pair.source.size()) + 1;
      const long most = looks.most(b, static_cast<long>(t), asked.first, asked.last, places);
      right += std::abs(most - (asked.end ? places - 1 : pair.from[t])) <= asked.off;
      ++all;
    }
    if (all > 0) shares.push_back(right / all);
  }
  return shares;
}

train::Picture picture_of(const train::Words& words, const Looks& looks, const PairTask& task,
                          std::span<const Pair> pairs, long b, long head) {
  train::Table table;
  const Pair& pair = pairs[b];
  for (const int id : pair.source) table.columns.push_back(task.source_word(id));
  for (const int id : pair.target) table.rows.push_back(task.target_word(id));
  table.columns.push_back("|"), table.rows.push_back("|");
  for (std::size_t t = 0; t < table.rows.size(); ++t) {
    const auto row = looks.pattern.begin() + ((b * looks.H + head) * looks.T + static_cast<long>(t)) * looks.S;
    table.values.insert(table.values.end(), row, row + static_cast<long>(table.columns.size()));
  }
  return train::heat_map(words, table, 0, 1);
}

}  // namespace primer::studies
