#include "train/run/evaluate.h"

#include <limits>
#include <numbers>

namespace primer::train {

template <class T>
Evaluation evaluate(nn::Gpt<T>& gpt, autograd::Tape<T>& tape, const Objective& objective,
                    const data::TokenSequence& tokens, std::uint64_t text_bytes, long batch, long most_batches,
                    const std::function<bool()>& stop) {
  data::EvaluationWindows windows = objective.evaluation(tokens);
  data::Batch sequences;
  double nll = 0;
  std::uint64_t correct = 0, targets = 0;
  for (long i = 0; (most_batches == 0 || i < most_batches) && windows.next(batch, sequences); ++i) {
    if (stop && stop()) return {.complete = false};
    const auto pause = tape.pause();
    std::span<const int> lengths;  // [B], or empty when all are full
    if (sequences.padded) lengths = sequences.lengths;
    nn::Score score{};
    gpt.loss(tape, sequences.tokens, sequences.targets, sequences.sequences, sequences.length, lengths, 1.0, &score);
    nll += score.nll;
    correct += static_cast<std::uint64_t>(score.correct);
    targets += static_cast<std::uint64_t>(score.targets);
  }
  Evaluation result;
  result.targets = targets;
  result.loss = nll / static_cast<double>(targets);
  result.accuracy = static_cast<double>(correct) / static_cast<double>(targets);
  const double bytes_per_token = static_cast<double>(text_bytes) / static_cast<double>(tokens.size());
  result.bits_per_byte = objective.is_a_code() ? result.loss / std::numbers::ln2 / bytes_per_token
                                               : std::numeric_limits<double>::quiet_NaN();
  return result;
}

template Evaluation evaluate(nn::Gpt<float>&, autograd::Tape<float>&, const Objective&, const data::TokenSequence&,
                             std::uint64_t, long, long, const std::function<bool()>&);
template Evaluation evaluate(nn::Gpt<double>&, autograd::Tape<double>&, const Objective&, const data::TokenSequence&,
                             std::uint64_t, long, long, const std::function<bool()>&);

}  // namespace primer::train
