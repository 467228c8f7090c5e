#include "train/step/model.h"

#include <algorithm>

namespace primer::train {

BatchPart part_of(const data::Batch& batch, long first, long count) {
  const auto rows = [&](const std::vector<int>& all, long width) {
    return all.empty() ? std::span<const int>{} : std::span(all).subspan(first * width, count * width);
  };
  const long T = batch.length;
  const nn::Source source{rows(batch.sources, batch.source_length), batch.source_length, rows(batch.source_lengths, 1)};
  return {{rows(batch.tokens, T), count, T, batch.padded ? rows(batch.lengths, 1) : std::span<const int>{},
           rows(batch.segments, T), source},
          rows(batch.targets, T),
          rows(batch.labels, 1)};
}

bool trains_when_frozen(std::string_view path) { return path.starts_with(std::string(nn::label_head) + "."); }

std::vector<double> balanced_weights(const data::TokenSequence& tokens, long labels) {
  std::vector<double> counts(static_cast<std::size_t>(labels), 0);
  double all = 0;
  for (const data::Example& example : tokens.examples()) {
    if (example.label < 0 || example.label >= labels) continue;
    ++counts[static_cast<std::size_t>(example.label)];
    ++all;
  }
  const auto present = static_cast<double>(std::ranges::count_if(counts, [](double count) { return count > 0; }));
  for (double& count : counts) count = count > 0 ? all / (present * count) : 0;
  return counts;
}

template <class T>
autograd::Tensor<T> loss_of(const nn::Model<T>& model, autograd::Tape<T>& tape, const BatchPart& part,
                            const LossScales& scales, nn::Scores& scores) {
  const bool predicts = model.token || model.masked;
  const std::span<const int> targets = predicts ? part.targets : std::span<const int>{};
  return model.loss(tape, part.sequences,
                    {targets, scales.token, part.labels, scales.label, scales.smoothing, scales.label_weights},
                    &scores);
}

template autograd::Tensor<float> loss_of(const nn::Model<float>&, autograd::Tape<float>&, const BatchPart&,
                                         const LossScales&, nn::Scores&);
template autograd::Tensor<double> loss_of(const nn::Model<double>&, autograd::Tape<double>&, const BatchPart&,
                                          const LossScales&, nn::Scores&);

}  // namespace primer::train
