#include "data/examples/sentence_pairs.h"

#include <algorithm>
#include <limits>
#include <string>

#include "autograd/error.h"
#include "autograd/random.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr long separators = 3;  // [CLS] A [SEP] B [SEP]
constexpr double short_share = 0.1;

}  // namespace

SentencePairs::SentencePairs(const TokenSequence& tokens, long context, const Masking& masking)
    : Examples(context), tokens_(&tokens), masking_(masking), sentences_(tokens.examples()) {
  if (context < separators + 2) {
    autograd::refuse("sentence pairs", "the context must be at least 5, got " + std::to_string(context));
  }
  if (sentences_.size() >= std::numeric_limits<std::uint32_t>::max()) throw Error(Fault::input, "too many sentences");
  for (std::uint32_t s = 0; s < sentences_.size(); ++s) {
    if (s == 0 || sentences_[s].document != sentences_[s - 1].document) documents_.push_back(s);
  }
  documents_.push_back(static_cast<std::uint32_t>(sentences_.size()));
  bool has_pair = false;
  for (std::size_t d = 0; d + 1 < documents_.size(); ++d) has_pair |= documents_[d + 1] - documents_[d] > 1;
  if (documents() < 2 || !has_pair) {
    throw Error(Fault::input,
                "next-sentence prediction needs two documents or more in each part of the text, parted by "
                "blank lines, and two sentences in one of them; found " +
                    std::to_string(documents()) + (documents() == 1 ? " document, " : " documents, ") +
                    std::to_string(sentences()) + (sentences() == 1 ? " sentence" : " sentences"));
  }
  begin(Purpose::training, 0);
}

long SentencePairs::tokens_in(const Run& run) const {
  long tokens = 0;
  for (std::uint32_t s = run.first; s < run.last; ++s) tokens += static_cast<long>(sentences_[s].tokens);
  return tokens;
}

/// The sentences from `first` on that have `tokens` tokens together, `fewest` at least, up to `end`.
SentencePairs::Run SentencePairs::fill(std::uint32_t first, std::uint32_t end, long tokens,
                                       std::uint32_t fewest) const {
  std::uint32_t last = first;
  for (long filled = 0; last < end && (last - first < fewest || filled < tokens); ++last) {
    filled += static_cast<long>(sentences_[last].tokens);
  }
  return {first, last};
}

void SentencePairs::begin(Purpose purpose, std::uint64_t epoch) {
  purpose_ = purpose;
  epoch_ = epoch;
  pairs_.clear();
  const std::uint64_t use = autograd::hash(purpose == Purpose::training ? "data.pairs" : "data.pairs.evaluation");
  const auto most = static_cast<std::uint64_t>(context() - separators);
  for (std::uint32_t d = 0; d < documents(); ++d) {
    const autograd::Random random(masking_.seed, autograd::mix(use + d), epoch);
    std::uint64_t draws = 0;
    const auto below = [&](std::uint64_t count) { return static_cast<std::uint32_t>(random.below(count, draws++)); };
    const std::uint32_t end = documents_[d + 1];
    for (std::uint32_t at = documents_[d]; at < end;) {
      const bool is_short = random.uniform(4 * draws++) < short_share;
      const long target = static_cast<long>(is_short ? 2 + below(most - 1) : most);
      const Run chunk = fill(at, end, target, 2);
      if (chunk.last - chunk.first == 1) {
        pairs_.push_back({chunk, {}, -1});
        break;
      }
      const Run a{at, at + 1 + below(chunk.last - chunk.first - 1)};
      if (below(2) == 0) {
        pairs_.push_back({a, {a.last, chunk.last}, follows});
        at = chunk.last;
        continue;
      }
      std::uint32_t other = below(documents() - 1);
      other += other >= d;
      const std::uint32_t first = documents_[other], past = documents_[other + 1];
      pairs_.push_back({a, fill(first + below(past - first), past, target - tokens_in(a), 1), elsewhere});
      at = a.last;
    }
  }
}

SentencePairs::Cut SentencePairs::cut(std::uint64_t index) const {
  const Pair& pair = pairs_[index];
  Cut cut{tokens_in(pair.a), tokens_in(pair.b), 0, 0};
  if (pair.label < 0) {
    cut.a = std::min(cut.a, context() - 2);
    return cut;
  }
  const autograd::Random random(masking_.seed, autograd::mix(autograd::hash("data.pairs.cut") + index), epoch_);
  for (std::uint64_t i = 0; cut.a + cut.b > context() - separators; ++i) {
    const bool longer_is_a = cut.a > cut.b;
    --(longer_is_a ? cut.a : cut.b);
    (longer_is_a ? cut.a_skipped : cut.b_skipped) += random.word(i) & 1;
  }
  return cut;
}

void SentencePairs::read(const Run& run, long skipped, long count, int* out) const {
  for (std::uint32_t s = run.first; count > 0; ++s) {
    const long size = static_cast<long>(sentences_[s].tokens), taken = std::min(size - skipped, count);
    if (taken <= 0) {
      skipped -= size;
      continue;
    }
    tokens_->read(sentences_[s].begin + static_cast<std::uint64_t>(skipped), static_cast<std::uint64_t>(taken), out);
    out += taken;
    count -= taken;
    skipped = 0;
  }
}

long SentencePairs::length(std::uint64_t index) const {
  const Pair& pair = pairs_[index];
  return std::min(context(), tokens_in(pair.a) + (pair.label < 0 ? 2 : tokens_in(pair.b) + separators));
}

long SentencePairs::write(std::uint64_t index, ExampleRow& row) const {
  const Pair& pair = pairs_[index];
  const Cut size = cut(index);
  int* const out = row.tokens.data();
  out[0] = masking_.begin;
  read(pair.a, size.a_skipped, size.a, out + 1);
  out[1 + size.a] = masking_.end;
  long length = size.a + 2;
  if (pair.label >= 0) {
    read(pair.b, size.b_skipped, size.b, out + length);
    std::fill_n(row.segments.begin() + length, size.b + 1, 1);
    length += size.b + 1;
    out[length - 1] = masking_.end;
  }
  row.label = pair.label;
  masking_.apply(purpose_, epoch_, index, row.tokens.first(static_cast<std::size_t>(length)),
                 row.targets.first(static_cast<std::size_t>(length)));
  return length;
}

}  // namespace primer::data
