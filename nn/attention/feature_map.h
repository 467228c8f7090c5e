// Features of queries and keys: vectors whose dot product is, or on average is, a kernel of the two. Attention with
// such a kernel needs sums over the keys alone: autograd/ops/linear_attention.h.
#pragma once

#include "nn/linear.h"

namespace primer::nn {

/// phi(x) = e^weight map, row by row. The factor keeps numbers in range: maps are about 1 in size. A query's factor
/// cancels in attention, a key's does not.
template <class T>
struct Features {
  Tensor<T> map;     // [R, M]
  Tensor<T> weight;  // [R], or none where it was not asked for
};

/// Positive random features: phi(x) = M^-1/2 e^(w x - |x|^2 / 2), so that E phi(q) phi(k) = e^(q k) over rows of w [M,
/// D] that are standard normal, and the relative variance with independent rows is (e^|q + k|^2 - 1) / M. x [R, D].
/// Choromanski et al. 2021, Performers, lemma 1. The map is softmax(w x): no power overflows, and nothing is added to
/// keep sums from 0, which in the authors' code is a small bias.
template <class T>
Features<T> positive_features(Tensor<T> x, Tensor<T> w, bool weighted = true);

/// Trigonometric random features: phi(x) = m^-1/2 e^(|x|^2 / 2) [sin(w x), cos(w x)], M = 2 m, so that
/// E phi(q) phi(k) = e^(q k), and the variance is e^(|q|^2 + |k|^2) (1 - e^-|q - k|^2)^2 / (2 m); phi(q) phi(k) may be
/// negative. x [R, D], w [m, D]. Rahimi & Recht 2007; Peng et al. 2021, Random Feature Attention, section 2.2.
template <class T>
Features<T> trigonometric_features(Tensor<T> x, Tensor<T> w, bool weighted = true);

}  // namespace primer::nn
