#include "train/step/evaluate.h"

#include <limits>
#include <numbers>

namespace primer::train {

template <class T>
Evaluation evaluate(const nn::Model<T>& model, autograd::Tape<T>& tape, const TextTask& task,
                    const data::TokenSequence& tokens, std::uint64_t text_bytes, long batch, long most_batches,
                    const std::function<bool()>& stop, std::span<const double> label_weights) {
  data::EvaluationBatches batches(task.examples(tokens), static_cast<std::uint64_t>(most_batches * batch));
  data::Batch sequences;
  nn::Scores scores;
  Evaluation result;
  double weighted = 0;  // the sum of losses, with what labels weigh
  while (batches.next(batch, sequences)) {
    if (stop && stop()) return {.complete = false};
    const auto pause = tape.pause();
    const LossScales scales{.label_weights = label_weights};
    const auto loss = loss_of(model, tape, part_of(sequences, 0, sequences.sequences), scales, scores);
    weighted += static_cast<double>(*loss.data());
    result.unknown += static_cast<std::uint64_t>(sequences.unknown);
  }
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  const auto share_correct = [](const nn::Score& s) {
    return s.targets > 0 ? static_cast<double>(s.correct) / static_cast<double>(s.targets) : unknown;
  };
  const bool has_tokens = scores.tokens.targets > 0;
  const nn::Score& counted = has_tokens ? scores.tokens : scores.labels;
  result.examples = batches.examples();
  result.all = batches.all();
  result.cut = batches.cut();
  result.targets = static_cast<std::uint64_t>(counted.targets);
  const double weighted_loss = weighted / static_cast<double>(counted.targets);
  result.loss = counted.targets == 0 ? unknown : label_weights.empty() ? scores.loss() : weighted_loss;
  result.accuracy = share_correct(counted);
  result.has_both = has_tokens && scores.labels.targets > 0;
  result.token_loss = scores.token_loss();
  result.label_loss = scores.label_loss();
  result.label_accuracy = share_correct(scores.labels);
  const double known = static_cast<double>(tokens.size()) * (1 - result.unknown_share());  // tokens
  const double bytes_per_token = static_cast<double>(text_bytes) / known;
  result.bits_per_byte = task.is_a_code() ? result.loss / std::numbers::ln2 / bytes_per_token : unknown;
  return result;
}

template Evaluation evaluate(const nn::Model<float>&, autograd::Tape<float>&, const TextTask&,
                             const data::TokenSequence&, std::uint64_t, long, long, const std::function<bool()>&,
                             std::span<const double>);
template Evaluation evaluate(const nn::Model<double>&, autograd::Tape<double>&, const TextTask&,
                             const data::TokenSequence&, std::uint64_t, long, long, const std::function<bool()>&,
                             std::span<const double>);

}  // namespace primer::train
