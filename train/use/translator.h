// A run that translates: lines in, lines out, and how close these come to references.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data/examples/line_pairs.h"
#include "data/examples/token_sequence.h"
#include "train/checkpoints/loaded_run.h"
#include "train/use/alignment.h"
#include "train/use/bleu.h"
#include "train/use/reader.h"
#include "train/use/translate.h"

namespace primer::train {

class Translator {
 public:
  /// A model that does not translate: Fault::input.
  explicit Translator(LoadedRun& run);

  struct Line {
    std::string text;
    double score = 0;           // see Translation::score
    std::vector<int> ids = {};  // the tokens of the text
  };

  /// A model that does not attend to its source: Fault::input.
  void expect_alignment() const;

  /// The tokens of a line, none of a blank one; a tab is read as a space. Where they do not fit into the context the
  /// last ones are left out, and *is_cut is set.
  std::vector<int> read(std::string line, bool* is_cut) const {
    return read(run_.tokenizer->of_sources(), std::move(line), is_cut);
  }
  /// The same of a translation.
  std::vector<int> read_target(std::string line, bool* is_cut) const {
    return read(*run_.tokenizer, std::move(line), is_cut);
  }

  /// One translation a source, in their order; of an empty one an empty one. Each is a line: what breaks one is a
  /// space.
  std::vector<Line> translate(const std::vector<std::vector<int>>& sources, const BeamSearch& search);

  /// For every line which of its words each word of its translation came from: see linked_words. `lines` are what
  /// `sources` were read from, and `translated` what became of them. The model reads both once more.
  std::vector<std::vector<WordLink>> align(std::span<const std::string> lines,
                                           std::span<const std::vector<int>> sources,
                                           std::span<const Line> translated) const;

  /// What is expected in the place of each token of a target, and behind it of [EOS]. Both without marks; they fit. A
  /// model whose output is not a number: Fault::checkpoint.
  std::vector<Expectation> expect(const std::vector<int>& source, const std::vector<int>& target, long top);

  /// The tokens of these: of sources that are not empty, and fit.
  std::vector<Translation> search(std::vector<std::vector<int>> sources, const BeamSearch& search);

 private:
  std::vector<int> read(const data::Tokenizer& tokenizer, std::string line, bool* is_cut) const;

  LoadedRun& run_;
  autograd::Tape<float> tape_;
};

/// The first tokens of one side of a pair.
std::vector<int> side_ids(const data::TokenSequence& tokens, const data::PairSide& side, const data::Example& example,
                          std::uint64_t most = ~std::uint64_t{0});

/// What translations have in common with their references.
struct TranslationQuality {
  std::uint64_t lines = 0;
  double exact = 0;  // share of lines that are the reference, symbol by symbol
  Bleu bleu;
  BleuTokenizer tokenizer = BleuTokenizer::western;  // chinese where most letters of the references are
  double chrf = 0;
};

/// Translates `most` lines of `tokens`, spread evenly over all, 0: all; and compares them with what stands there.
TranslationQuality translation_quality(LoadedRun& run, const data::TokenSequence& tokens, const BeamSearch& search,
                                       std::uint64_t most = 0);

}  // namespace primer::train
