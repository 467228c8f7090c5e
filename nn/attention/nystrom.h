// Softmax attention through landmarks, the means of parts of a sequence: Xiong et al. 2021, Nystromformer.
#pragma once

#include <array>
#include <span>

#include "nn/linear.h"

namespace primer::autograd::PRIMER_COMPILED {
struct AttentionOptions;
}

namespace primer::nn {

/// The means of `count` parts, of one size but for rounding, of each sequence's real tokens: x [B, T, C] ->
/// [B, count, C]. lengths [B], none: all are real. A sequence with fewer real tokens than `count` has a part for each
/// of them, and rows of 0 behind.
template <class T>
Tensor<T> landmark_means(Tensor<T> x, long count, std::span<const int> lengths = {});

/// The pseudo-inverse of a [N, m, m], whose rows sum to 1, by `rounds` of
///   Z <- Z (13 I - A Z (15 I - A Z (7 I - A Z))) / 4,   first Z = A^T / (largest sum of a column).
/// Razavi et al. 2014, as in Xiong et al. 2021, section 3.2. It converges slowly where landmarks are alike.
template <class T>
Tensor<T> iterative_inverse(Tensor<T> a, int rounds = 6);

/// F [B, H, T, m], Z [B, H, m, m] and B [B, H, m, T] of the pattern F Z B: queries look at landmarks of keys, the
/// inverse of landmarks that look at landmarks, landmarks of queries look at keys. q [B, T, H D], k [B, T, K D]; so
/// many landmarks, or a sequence's real tokens if these are fewer, so that padding changes nothing. Not causal.
template <class T>
std::array<Tensor<T>, 3> nystrom_factors(Tensor<T> q, Tensor<T> k, const autograd::AttentionOptions& options,
                                         long landmarks);

}  // namespace primer::nn
