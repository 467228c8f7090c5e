// Translations from a model that reads a source: greedy, or by beam search.
#pragma once

#include <span>
#include <vector>

#include "autograd/tape.h"
#include "data/tokenizers/tokenizer.h"
#include "nn/model.h"

namespace primer::train {

/// Sources side by side, [EOS] behind each: what a model reads of them.
struct PaddedSources {
  std::vector<int> tokens, lengths;  // [B, S], [B]
  long length = 0;                   // S

  /// `sources` are ids without marks. For a recurrent model S is a multiple of 16, or the context: its softmax adds all
  /// places of a source, a vector of them at a time, so that a source alone has the bits that it has among longer ones.
  PaddedSources(std::span<const std::vector<int>> sources, int eos, const nn::ModelConfig& model);
  nn::Source source() const { return {tokens, length, lengths}; }
};

/// How a translation is searched for.
struct BeamSearch {
  long width = 1;             // k, hypotheses of a source that are followed; 1: always the most probable token
  double length_penalty = 0;  // a, for longer translations: see Translation::score
};

struct Translation {
  std::vector<int> ids;        // without [EOS]
  double log_probability = 0;  // ln p(ids and [EOS] | source), nats

  /// ln p / ((5 + n) / 6)^a, n tokens with [EOS]. Wu et al.: Google's Neural Machine Translation System (2016),
  /// equation 14, without coverage.
  double score(double length_penalty) const;
};

/// The tokens that a target begins with, and that end it and every source.
struct Marks {
  int begin, end;
  int source_end = end;
  int unknown = -1;  // is never written: see Tokenizer::unknown()
};

/// [BOS] and [EOS]; a tokenizer without them: Fault::input.
Marks marks_of(const data::Tokenizer& tokenizer);

/// The translation of each source with the highest score among those that a beam search ends with. Of every source k
/// hypotheses grow side by side; of what they can be followed by, the 2 k most probable are looked at: those among the
/// first k that end with [EOS] are translations, the first k others are followed, as long as each can still become
/// better than the best translation: ln p only falls, so its score is at most that with the ln p of now and the longest
/// length. Where the context ends, [EOS] is put behind each. A search of width 1 ends with the first [EOS]. Sutskever
/// et al. 2014, section 3.2.
///
/// `sources` are ids without marks, each at most the context less one: [EOS] is put behind them. A model whose output
/// is not a number: Fault::checkpoint. Error(usage) from a model that reads no source; Error(memory) when there is no
/// room for k states of each source.
std::vector<Translation> translate(const nn::Model<float>& model, autograd::Tape<float>& tape, const Marks& marks,
                                   std::span<const std::vector<int>> sources, const BeamSearch& search);

/// The same with a tokenizer's marks; one without them: Fault::input.
std::vector<Translation> translate(const nn::Model<float>& model, autograd::Tape<float>& tape,
                                   const data::Tokenizer& tokenizer, std::span<const std::vector<int>> sources,
                                   const BeamSearch& search);

}  // namespace primer::train
