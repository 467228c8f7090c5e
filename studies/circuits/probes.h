// What is measured of a model that may copy: whether it changes its mind when the example does, when it learned to, and
// through what earlier heads write it finds its place.
#pragma once

#include <span>
#include <vector>

#include "train/circuits/head_weights.h"

namespace primer::studies {

/// The change of ln p(B) - ln p(B') when A and C change places in ... A B ... C B' ... A, for `count` sequences of
/// Periodic's tokens: a reader that looks for what followed A changes its mind; where weights depend on tokens and
/// places alone, B and B' gain and lose alike but for the sum that they share.
template <class T>
std::vector<double> swapped(const nn::Model<T>& model, std::uint64_t seed, long count);

/// The largest share of a series' whole rise that lies within a window of this many of its points, and the window's
/// middle as a share of all points. A series that does not rise: NaN.
struct Rise {
  double share, middle;
};
Rise steepest(const std::vector<double>& series, std::size_t window);

/// sum_h w_h W_OV^h over the heads of a layer, [C, C]: what they write, one of them by each weight. Several heads may
/// share the work of one.
template <class T>
train::Matrix written_by(const nn::Model<T>& model, long layer, std::span<const double> weights);

/// How a later head finds its place by what earlier ones have written, M [C, C]. Elhage et al. 2021, "K-composition".
struct Found {
  double over_chance;  // ||W_QK M|| / (||W_QK|| ||M||), times sqrt(C): 1 of random matrices
  double positivity;   // of W_E W_QK M W_E^T [V, V]: 1 where a token looks for a place that it was written to
};
template <class T>
Found found_by(const nn::Model<T>& model, train::Head head, const train::Matrix& written);

/// What looking at a token adds to the logit of each, W_U W_OV W_E^T turned round [V, V]: a row for a token looked at.
template <class T>
train::Matrix raised_by(const nn::Model<T>& model, train::Head head);

/// The share of tokens that a head, looking at one, raises more than any other: of rows of W_U W_OV W_E^T [V, V], those
/// with the largest value on the diagonal.
template <class T>
double raise_themselves(const nn::Model<T>& model, train::Head head);

}  // namespace primer::studies
