// How the tokens that a model reads look at each other, or at those of its source.
#pragma once

#include <span>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "nn/model.h"

namespace primer::train {

/// The weights of attention: of each token (row), how much it looks at each other one (column).
struct Patterns {
  long layers = 0, heads = 0, T = 0, S = 0;
  std::vector<float> weights = {};  // [layers, heads, T, S]
};

/// Of a text [T], S is T; `segments` are [T], or none. Where patterns are estimates, of rfa and nystrom, the nearest
/// number from 0 to 1 stands for each. Other weights that are no numbers from 0 to 1: Fault::checkpoint.
Patterns patterns_of_text(const nn::Model<float>& model, std::span<const int> ids, std::span<const int> segments);

/// Layers that look at a source: all of a transformer's decoder, one of a recurrent body, none of --align none or of a
/// model that reads no source.
long source_layers(const nn::Model<float>& model);

enum class LayerChoice { all, last };  // of source_layers()

/// Of sources, and what follows from each: ids without marks, each at most the context less one; all are read at once.
/// A row is a token of the target, as it is predicted, and the last one [EOS]; columns are the source's tokens and
/// [EOS]. A row sums to 1, with local alignment to less. Weights that are no numbers from 0 to 1: Fault::checkpoint. A
/// tokenizer without the marks: Fault::input. Error(usage) from a model that has no source_layers().
std::vector<Patterns> patterns_of_pairs(const nn::Model<float>& model, const data::Tokenizer& tokenizer,
                                        std::span<const std::vector<int>> sources,
                                        std::span<const std::vector<int>> targets, LayerChoice choice);

}  // namespace primer::train
