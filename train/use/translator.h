// A run that translates: lines in, lines out, and how close these come to references.
#pragma once

#include <string>
#include <vector>

#include "data/examples/token_sequence.h"
#include "train/checkpoints/loaded_run.h"
#include "train/use/bleu.h"
#include "train/use/translate.h"

namespace primer::train {

class Translator {
 public:
  /// A model that does not translate: Fault::input.
  explicit Translator(LoadedRun& run);

  struct Line {
    std::string text;
    double score = 0;     // see Translation::score
    bool is_cut = false;  // the source was longer than the context, and lost its end
  };

  /// One translation a line, in the order of the lines; of a blank line an empty one. A symbol outside the vocabulary:
  /// Fault::input.
  std::vector<Line> translate(const std::vector<std::string>& lines, const BeamSearch& search);

  /// The same of ids without marks, as many as fit.
  std::vector<Translation> translate(std::vector<std::vector<int>> sources, const BeamSearch& search);

 private:
  LoadedRun& run_;
  autograd::Tape<float> tape_;
};

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
