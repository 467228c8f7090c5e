#include "studies/gap_exam.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "autograd/ops/gather.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/softmax.h"
#include "data/examples/sentence_pairs.h"
#include "train/tasks/task.h"

namespace primer::studies {

namespace {

constexpr int specials = static_cast<int>(std::size(gap_specials));

/// The tokens of A and of B in [CLS] A [SEP] B [SEP].
std::pair<std::span<const int>, std::span<const int>> chunks(std::span<const int> tokens, int separator) {
  const auto middle = std::find(tokens.begin(), tokens.end(), separator);
  const auto of_a = static_cast<std::size_t>(middle - tokens.begin()) - 1;
  return {tokens.subspan(1, of_a), tokens.subspan(of_a + 2, tokens.size() - of_a - 3)};
}

std::pair<long, long> sizes(const std::pair<std::span<const int>, std::span<const int>>& parts) {
  return {static_cast<long>(parts.first.size()), static_cast<long>(parts.second.size())};
}

std::unique_ptr<data::Examples> pairs_of(const train::LoadedRun& run, const data::TokenSequence& tokens) {
  return train::TextTask{run.config, *run.tokenizer}.examples(tokens);
}

/// What is shown as the oracle reads it; words that [MASK] hides go to `answers`. targets [T], of the whole text.
std::vector<int> shown_words(std::span<const int> tokens, std::span<const int> targets, int mask,
                             std::vector<int>& answers) {
  std::vector<int> words;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == mask) answers.push_back(targets[i] - specials);
    words.push_back(tokens[i] == mask      ? ShownPair::hidden
                    : tokens[i] < specials ? ShownPair::foreign
                                           : tokens[i] - specials);
  }
  return words;
}

}  // namespace

LengthTable lengths_of_pairs(const train::LoadedRun& run, const data::TokenSequence& tokens, int epochs) {
  const auto examples = pairs_of(run, tokens);
  const int separator = run.tokenizer->special("[SEP]");
  const auto T = static_cast<std::size_t>(examples->context());
  std::vector<int> ids(T), targets(T), segments(T);
  std::map<std::pair<long, long>, std::array<double, 2>> counts;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    examples->begin(data::Purpose::training, static_cast<std::uint64_t>(epoch));
    for (std::uint64_t i = 0; i < examples->count(); ++i) {
      data::ExampleRow row{ids, targets, segments};
      const long length = examples->write(i, row);
      if (row.label < 0) continue;
      const auto parts = chunks({ids.data(), static_cast<std::size_t>(length)}, separator);
      ++counts[sizes(parts)][row.label == data::SentencePairs::follows ? 1 : 0];
    }
  }
  LengthTable table;
  for (const auto& [size, count] : counts) table[size] = (count[1] + 1) / (count[0] + count[1] + 2);  // never certain
  return table;
}

GapExam examine(train::LoadedRun& run, const GapLanguage& language, const data::TokenSequence& tokens,
                const LengthTable& lengths, train::Interruption& interruption) {
  const int mask = run.tokenizer->special("[MASK]"), separator = run.tokenizer->special("[SEP]");
  const nn::Model<float>& model = *run.network;
  autograd::Tape<float> tape;
  data::EvaluationBatches batches(pairs_of(run, tokens));
  data::Batch batch;
  std::vector<AnsweredPair> pairs;
  GroupedMean loss, accuracy, next;
  GapExam exam;
  while (batches.next(run.config.batch, batch)) {
    if (const int signal = interruption.stop(); signal != 0) throw StudyStopped{signal};
    const auto pause = tape.pause();
    const train::BatchPart part = train::part_of(batch, 0, batch.sequences);
    const autograd::Tensor<float> x = model.hidden(tape, part.sequences);                        // [B, T, C]
    const autograd::Tensor<float> follows = (*model.label)(x, part.sequences.lengths).logits();  // [B, 2]
    std::vector<int> places;  // of [MASK] in the whole batch
    for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
      if (batch.tokens[i] == mask) places.push_back(static_cast<int>(i));
    }
    if (places.empty()) places.push_back(0);  // a tensor has one row at least; nobody asks for this one
    const autograd::Tensor<float> rows =
        autograd::gather<float>(tape, reshape(x, {x.shape.rows(), x.shape[2]}), std::span<const int>(places));
    const autograd::Tensor<float> logs = log_softmax((*model.masked)(rows).logits());  // [places, V]
    const long V = logs.shape[1];
    const float* row = logs.data();
    for (long b = 0; b < batch.sequences; ++b) {
      const auto start = static_cast<std::size_t>(b * batch.length);
      const auto length = static_cast<std::size_t>(batch.lengths[static_cast<std::size_t>(b)]);
      const auto ids = std::span<const int>(batch.tokens).subspan(start, length);
      const auto targets = std::span<const int>(batch.targets).subspan(start, length);
      double nats = 0, right = 0, count = 0;
      for (std::size_t i = 0; i < length; ++i) {
        if (ids[i] != mask) continue;
        nats -= row[targets[i]];
        right += std::max_element(row, row + V) == row + targets[i] ? 1 : 0;
        ++count;
        row += V;
      }
      const int label = batch.labels[static_cast<std::size_t>(b)];
      if (label < 0) continue;
      const auto parts = chunks(ids, separator);
      AnsweredPair pair;
      pair.shown.a = shown_words(parts.first, targets.subspan(1), mask, pair.hidden);
      pair.shown.b = shown_words(parts.second, targets.subspan(parts.first.size() + 2), mask, pair.hidden);
      pair.shown.chosen = static_cast<int>(std::count_if(targets.begin(), targets.end(), [](int t) { return t >= 0; }));
      const auto known = lengths.find(sizes(parts));
      pair.shown.continues = known == lengths.end() ? 0.5 : known->second;
      pair.continues = label == data::SentencePairs::follows;
      pair.nats = nats;
      loss.add(nats, count);
      accuracy.add(right, count);
      const float* const scores = follows.data() + 2 * b;
      next.add(
          (scores[data::SentencePairs::follows] > scores[data::SentencePairs::elsewhere]) == pair.continues ? 1 : 0, 1);
      exam.hidden += static_cast<long>(count);
      pairs.push_back(std::move(pair));
    }
  }
  exam.pairs = static_cast<long>(pairs.size());
  exam.oracle = score(GapOracle(language, run.tokenizer->vocabulary_size() - 3), pairs);
  exam.loss = loss.estimate();
  exam.accuracy = accuracy.estimate();
  exam.next_accuracy = next.estimate();
  return exam;
}

}  // namespace primer::studies
