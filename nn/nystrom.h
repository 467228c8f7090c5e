// Softmax attention through landmarks, the means of parts of a sequence: Xiong et al. 2021, Nystromformer.
#pragma once

#include <span>

#include "nn/linear.h"

namespace primer::autograd::PRIMER_COMPILED {
struct AttentionOptions;
}

namespace primer::nn {

/// The means of `count` parts, of one size but for rounding, of each sequence's real tokens: x [B, T, C] ->
/// [B, count, C]. lengths [B], none: all are real. A sequence with fewer tokens than parts has tokens in several.
template <class T>
Tensor<T> landmark_means(Tensor<T> x, long count, std::span<const int> lengths = {});

/// The pseudo-inverse of a [N, m, m], whose rows sum to 1, by `rounds` of
///   Z <- Z (13 I - A Z (15 I - A Z (7 I - A Z))) / 4,   first Z = A^T / (largest sum of a column).
/// Razavi et al. 2014, as in Xiong et al. 2021, section 3.2. It converges slowly where landmarks are alike.
template <class T>
Tensor<T> iterative_inverse(Tensor<T> a, int rounds = 6);

/// The pattern in three factors F Z B: softmax of queries and landmarks of keys, the inverse of landmarks of both,
/// softmax of landmarks of queries and keys.
template <class T>
struct NystromPattern {
  Tensor<T> to_landmarks, inverse, from_landmarks;  // [B, H, T, m], [B, H, m, m], [B, H, m, T]

  Tensor<T> whole() const;                                                        // [B, H, T, T]
  Tensor<T> apply(Tensor<T> v, const autograd::AttentionOptions& options) const;  // v [B, T, K D] -> [B, T, H D]
};

/// Of q [B, T, H D] and k [B, T, K D], by so many landmarks, or T if that is less. Not causal.
template <class T>
NystromPattern<T> nystrom_pattern(Tensor<T> q, Tensor<T> k, const autograd::AttentionOptions& options, long landmarks);

}  // namespace primer::nn
