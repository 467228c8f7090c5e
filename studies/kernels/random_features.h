// Random features whose products are, on average, the kernel of softmax attention: E phi(q).phi(k) = exp(q.k).
#pragma once

#include "studies/kernels/smoother.h"

namespace primer::studies {

enum class FeatureKind { positive, trigonometric };

/// Directions w [count, D], standard normal, a pure function of the seed; if wanted every D of them are orthogonal,
/// each as long as before.
train::Matrix directions(long count, long D, std::uint64_t seed, bool orthogonal = false);

/// The engine's features (nn/attention/feature_map.h) of rows x [R, D], every one multiplied by its factor: [R, M], M =
/// count for positive ones, twice that for trigonometric ones, sines before cosines.
train::Matrix features_of(FeatureKind kind, const train::Matrix& x, const train::Matrix& w);

/// The pattern that attention by these features has: phi(q) phi(k)' with rows divided by their sums, of q [N, D] and k
/// [M, D] divided by D^(1/4): [N, M].
train::Matrix estimated_pattern(FeatureKind kind, const train::Matrix& q, const train::Matrix& k,
                                const train::Matrix& w);

/// The variance of the estimate from one independent direction, over exp(q.k)^2:
///   positive       exp(|q + k|^2) - 1                          Choromanski et al. 2021, lemma 2
///   trigonometric  exp(|q - k|^2) (1 - exp(-|q - k|^2))^2 / 2  the same
/// From m of them it is 1/m of that. q and k are [1, D].
double relative_variance(FeatureKind kind, const train::Matrix& q, const train::Matrix& k);

}  // namespace primer::studies
