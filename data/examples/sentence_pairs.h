// Next-sentence prediction: pairs of sentences of which the second follows the first, or comes from elsewhere.
// Devlin et al.: BERT (2019), section 3.1, task 2, and the authors' create_pretraining_data.py.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/examples/examples.h"
#include "data/examples/masking.h"
#include "data/examples/token_sequence.h"

namespace primer::data {

/// The examples of a sequence of sentences: [CLS] A [SEP] B [SEP], masked, with segments 0 and 1, and
/// the label `follows` or `elsewhere`.
///
/// A document is cut into chunks of consecutive sentences, two at least, that fill the context, or with probability 0.1
/// a length drawn evenly from 2 tokens to that. The first sentences of a chunk, drawn evenly from 1 to all but one, are
/// A. Half the time B is the rest; else B begins with a sentence of another document, fills what A has left, and the
/// rest of the chunk goes back to its document. Of a pair that is too long, the longer part loses tokens, at its
/// beginning or end by chance. What is left at a document's end may be one sentence: it is [CLS] A [SEP], with no
/// label. Everything is a pure function of (seed, epoch, number).
class SentencePairs final : public Examples {
 public:
  static constexpr int follows = 0, elsewhere = 1;  // BERT's numbers

  /// `tokens` must live as long; the masking has begin and end tokens; `context` is 5 or more. Fewer than two documents
  /// or no document of two sentences: Fault::input.
  SentencePairs(const TokenSequence& tokens, long context, const Masking& masking);

  void begin(Purpose purpose, std::uint64_t epoch) override;
  std::uint64_t count() const override { return pairs_.size(); }
  long write(std::uint64_t index, ExampleRow& row) const override;
  bool varies() const override { return true; }
  long length(std::uint64_t index) const override;
  bool has_segments() const override { return true; }
  bool has_labels() const override { return true; }

  std::uint64_t documents() const { return documents_.size() - 1; }
  std::uint64_t sentences() const { return sentences_.size(); }

 private:
  /// A run of sentences: from one to past another.
  struct Run {
    std::uint32_t first = 0, last = 0;
  };
  struct Pair {
    Run a, b;  // b is empty in a chunk of one sentence
    int label = -1;
  };
  /// The tokens of a pair's parts once they fit the context, and how many A and B lose at their beginnings.
  struct Cut {
    long a = 0, b = 0, a_skipped = 0, b_skipped = 0;
  };
  Cut cut(std::uint64_t index) const;
  long tokens_in(const Run& run) const;  // without the separators
  void read(const Run& run, long skipped, long count, int* out) const;
  Run fill(std::uint32_t first, std::uint32_t end, long tokens, std::uint32_t fewest) const;

  const TokenSequence* tokens_;
  Masking masking_;
  std::span<const Example> sentences_;
  std::vector<std::uint32_t> documents_;  // the first sentence of each; then the number of sentences
  std::vector<Pair> pairs_;               // of the epoch
  Purpose purpose_ = Purpose::training;
  std::uint64_t epoch_ = 0;
};

}  // namespace primer::data
