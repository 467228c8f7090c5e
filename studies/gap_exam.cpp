#include "studies/gap_exam.h"

#include <array>
#include <iterator>

#include "data/examples/sentence_pairs.h"
#include "studies/lab/lab.h"
#include "train/tasks/task.h"

namespace primer::studies {

namespace {

/// [CLS] A [SEP] B [SEP] as the oracle reads it, without answers. tokens and targets [T], without padding.
AnsweredPair pair_of(const data::Tokenizer& tokenizer, std::span<const int> tokens, std::span<const int> targets) {
  constexpr int specials = static_cast<int>(std::size(gap_specials));
  const int mask = tokenizer.special("[MASK]"), separator = tokenizer.special("[SEP]");
  AnsweredPair pair;
  std::vector<int>* chunk = &pair.shown.a;
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    if (tokens[i] == separator) {  // masking neither hides one nor puts one in
      chunk = &pair.shown.b;
      continue;
    }
    const bool hidden = tokens[i] == mask;
    if (hidden) pair.hidden.push_back(targets[i] - specials);
    pair.shown.chosen += targets[i] >= 0 ? 1 : 0;
    chunk->push_back(hidden ? ShownPair::hidden : tokens[i] < specials ? ShownPair::foreign : tokens[i] - specials);
  }
  return pair;
}

}  // namespace

LengthTable lengths_of_pairs(const train::LoadedRun& run, const data::TokenSequence& tokens, std::uint64_t epochs) {
  const auto examples = train::TextTask{run.config, *run.tokenizer}.examples(tokens);
  const auto T = static_cast<std::size_t>(examples->context());
  std::vector<int> ids(T), targets(T), segments(T);
  std::map<std::pair<std::size_t, std::size_t>, std::array<double, 2>> counts;  // of strangers, of what continues
  for (std::uint64_t epoch = 0; epoch < epochs; ++epoch) {
    examples->begin(data::Purpose::training, epoch);
    for (std::uint64_t i = 0; i < examples->count(); ++i) {
      data::ExampleRow row{ids, targets, segments};
      const auto length = static_cast<std::size_t>(examples->write(i, row));
      if (row.label < 0) continue;
      const ShownPair pair = pair_of(*run.tokenizer, std::span(ids).first(length), targets).shown;
      ++counts[{pair.a.size(), pair.b.size()}][row.label == data::SentencePairs::follows ? 1 : 0];
    }
  }
  LengthTable table;
  for (const auto& [size, count] : counts) table[size] = (count[1] + 1) / (count[0] + count[1] + 2);  // never certain
  return table;
}

std::vector<AnsweredPair> answers_of(train::LoadedRun& run, const data::TokenSequence& tokens,
                                     const LengthTable& lengths, train::Interruption& interruption) {
  autograd::Tape<float> tape;
  data::EvaluationBatches batches(train::TextTask{run.config, *run.tokenizer}.examples(tokens));
  data::Batch batch;
  std::vector<AnsweredPair> pairs;
  while (batches.next(1, batch)) {
    if (const int signal = interruption.stop(); signal != 0) throw StudyStopped{signal};
    if (batch.labels.front() < 0) continue;
    AnsweredPair pair = pair_of(*run.tokenizer, batch.tokens, batch.targets);
    const auto known = lengths.find({pair.shown.a.size(), pair.shown.b.size()});
    if (known != lengths.end()) pair.shown.continues = known->second;
    for (std::size_t i = 0; i < batch.tokens.size(); ++i) {  // words that are shown are not asked for
      if (batch.tokens[i] != run.tokenizer->special("[MASK]")) batch.targets[i] = -1;
    }
    nn::Targets asked{{}, 1, batch.labels, 1};
    if (!pair.hidden.empty()) asked.tokens = batch.targets;
    nn::Scores scores;
    const auto pause = tape.pause();
    run.network->loss(tape, train::part_of(batch, 0, 1).sequences, asked, &scores);
    pair.nats = scores.tokens.nll;
    pair.right = static_cast<double>(scores.tokens.correct);
    pair.next_right = static_cast<double>(scores.labels.correct);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

}  // namespace primer::studies
