// Softmax attention through landmarks, and the inverse that it needs. Xiong et al. 2021, Nystromformer.
#pragma once

#include "studies/kernels/smoother.h"

namespace primer::studies {

/// The engine's iteration (nn/attention/nystrom.h) for the pseudo-inverse of a [m, m], whose rows sum to 1.
train::Matrix inverse_by(const train::Matrix& a, int rounds);

/// |A Z A - A| / |A|, in Frobenius norms: 0 for a pseudo-inverse Z.
double residual(const train::Matrix& a, const train::Matrix& z);

/// The pattern softmax(Q K_l') Z softmax(Q_l K') from `landmarks` means of the rows of q and k [N, D], where Z is the
/// inverse of softmax(Q_l K_l') by so many rounds: [N, N].
train::Matrix nystrom_of(const train::Matrix& q, const train::Matrix& k, long landmarks, int rounds);

/// Rows of which each is `share` of the one before and the rest new, of variance 1: neighbours are alike. [rows,
/// columns]
train::Matrix slow_rows(long rows, long columns, double share, std::uint64_t seed);

}  // namespace primer::studies
