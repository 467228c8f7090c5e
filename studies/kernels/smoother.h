// Softmax attention as a smoother with a radial kernel. For a query q, keys k_j and a temperature t
//
//   exp(q.k_j / t) = exp(|q|^2 / 2t) exp(|k_j|^2 / 2t) exp(-|q - k_j|^2 / 2t),
//
// and the first factor is that of all keys. So the weights of attention are
//
//   w_j K(q, k_j) / sum over i of w_i K(q, k_i),    K(q, k) = exp(-|q - k|^2 / 2t),    w_j = exp(|k_j|^2 / 2t):
//
// the smoother of Nadaraya 1964 and Watson 1964 with a Gaussian kernel of variance t, and a prior w that favours long
// keys. Where all keys are equally long the prior cancels. Tsai et al. 2019: Transformer Dissection.
#pragma once

#include <cstdint>
#include <vector>

#include "train/circuits/linear_algebra.h"

namespace primer::studies {

/// What the engine's softmax attention with one head makes of rows q [N, D], k and v [M, D]: the pattern
/// softmax(q k' / sqrt(D)) [N, M], and what it brings, pattern v [N, D]. Causal: N = M, and row i sees keys 0 ... i.
train::Matrix pattern_of(const train::Matrix& q, const train::Matrix& k, bool causal = false);
train::Matrix attention_of(const train::Matrix& q, const train::Matrix& k, const train::Matrix& v, bool causal = false);

/// ln w_j = |k_j|^2 / 2t of every key: [M].
std::vector<double> key_prior(const train::Matrix& k, double t);

/// The weights of the smoother, [N, M]; prior [M] is ln w_j, or empty: all keys alike.
train::Matrix smoother_weights(const train::Matrix& q, const train::Matrix& k, double t,
                               const std::vector<double>& prior, bool causal = false);

/// Independent standard normal numbers, a pure function of the seed; and rows divided by their lengths, times `length`.
train::Matrix normal_rows(long rows, long columns, std::uint64_t seed);
train::Matrix of_length(train::Matrix rows, double length = 1);

/// The largest absolute difference of two matrices' values; and their total variation distance, half the sum of
/// absolute differences of a row, mean over rows: the share of its weight that lies elsewhere.
double furthest(const train::Matrix& a, const train::Matrix& b);
double total_variation(const train::Matrix& a, const train::Matrix& b);

}  // namespace primer::studies
