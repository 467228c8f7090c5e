// What heads read and write, from their weights alone: where W_QK looks, what W_OV copies, which head reads another.
// Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
//
// Rows of arrays are tokens, and W x is x W^T. In a model with norms before its layers, the gain of a norm, and a layer
// norm's subtraction of the mean, are linear: they are folded into the weights that read what it makes. What it divides
// a row by is not, and stays out; so do biases, positions, what feed-forward parts do, norms that stand behind a sum.
#pragma once

#include <span>
#include <vector>

#include "nn/model.h"
#include "train/circuits/linear_algebra.h"
#include "train/circuits/observers.h"

namespace primer::train {

/// W_Q, W_K, W_V [D, C] and W_O [C, D] of a head of a transformer, in double. Rows are outputs: a query is W_Q x. The
/// gains of normed queries and keys are folded in, too.
struct HeadWeights {
  Matrix q, k, v, o;
};

/// A model without attention: Fault::usage.
template <class T>
HeadWeights weights_of(const nn::Model<T>& model, Head head);

/// W_E and W_U of some tokens, or of all: [tokens, C]. W_U is that of the head that predicts every token: without one
/// Fault::usage.
template <class T>
Matrix token_rows_of(const nn::Model<T>& model, std::span<const int> tokens = {});
template <class T>
Matrix unembedding_of(const nn::Model<T>& model, std::span<const int> tokens = {});

/// Sums over all tokens of the vocabulary.
struct TokenSums {
  Matrix seen;    // [C, C], W_E^T W_E
  Matrix raised;  // [C, C], W_E^T W_U; empty without a head that predicts every token
};
template <class T>
TokenSums token_sums_of(const nn::Model<T>& model);

/// sum of eigenvalues / sum of their sizes: 1 where all are positive, -1 where all are negative. "Copying" in Elhage.
double positivity(const Matrix& square);

/// That of W_U W_OV W_E^T [V, V]: positive where a token that is looked at raises itself. Its eigenvalues are those of
/// the small matrix W_V W_E^T W_U W_O [D, D], but for zeros.
double ov_positivity(const HeadWeights& head, const TokenSums& tokens);
template <class T>
double ov_positivity(const nn::Model<T>& model, Head head);

/// That of W_E W_QK W_E^T [V, V]: positive where a token looks for its like. By W_K W_E^T W_E W_Q^T [D, D].
double qk_positivity(const HeadWeights& head, const TokenSums& tokens);

/// What a token that is looked at adds to the logit of another, above the mean over all: `source` and `raised` are
/// their rows.
struct RaisedToken {
  long source, raised;
  double logit;
};

/// What W_U W_OV W_E^T of some tokens says.
struct Copying {
  /// The share of what a token adds to logits above their mean that goes to this very token; rescaled from 0 ... 1 to
  /// -1 ... 1, and averaged over all tokens. After Olsson et al. 2022, "copying", who take 25
  /// random tokens: of more tokens it is lower.
  double score;
  std::vector<RaisedToken> strongest;  // the largest logits, the largest first
};

/// rows, unembedding: [n, C], of the same tokens. The matrix [n, n] is made in strips of `strip` sources.
Copying copying_of(const HeadWeights& head, const Matrix& rows, const Matrix& unembedding, long strongest,
                   long strip = 256);
template <class T>
double copying_score(const nn::Model<T>& model, Head head);

/// How much of what an earlier head writes a later one reads by its queries, keys and values:
/// ||W_QK^T W_OV||, ||W_QK W_OV|| and ||W_OV W_OV'||, each over the product of both norms (Frobenius's), with
/// W_QK = W_Q^T W_K, W_OV = W_O W_V. Of random matrices about 1 / sqrt(C).
struct Composition {
  double q, k, v;
};

/// A head's weights, ready for many comparisons: a thin factor W = Q R with orthonormal Q has the norms of R.
struct HeadFactors {
  HeadWeights weights;
  Matrix q, k, v, o;  // R of W_Q^T, W_K^T, W_V^T and W_O: [min(C, D), D]
  double qk, ov;      // ||W_QK||, ||W_OV||

  explicit HeadFactors(HeadWeights head);
};
Composition composition_of(const HeadFactors& later, const HeadFactors& earlier);
template <class T>
Composition composition_of(const nn::Model<T>& model, Head later, Head earlier);

}  // namespace primer::train
