// Two older pictures of memory that a step of attention is, exactly: activation that spreads over a graph of words by a
// random walk, and a memory of patterns that is given a part of one. Both are made by the engine's own attention.
#pragma once

#include <vector>

#include "train/circuits/linear_algebra.h"

namespace primer::studies {

/// Attention with the scores ln W, of a graph's weights W [N, N], none below 0 and every row with one above: A V with
/// A = D^-1 W, where D has the rows' sums. values: V [N, N].
train::Matrix attend_along(const train::Matrix& weights, const train::Matrix& values);

/// So many layers of it with a residual, X <- (1 - r) X + r A X, from X = 1: [N, N]. Row i is what a walk that began at
/// word i with activation 1 has brought to each word. Collins & Loftus 1975; as a walk, Anderson 1983.
train::Matrix spread(const train::Matrix& weights, double rate, long steps);

/// One step of a modern Hopfield network from every state, xi <- X softmax(beta X' xi): attention whose queries are the
/// states [N, D], and whose keys and values are the patterns [M, D], the columns of X. Ramsauer et al. 2020, eq. 3.
train::Matrix retrieved(const train::Matrix& patterns, const train::Matrix& states, double beta);

/// Its energy, but for a constant, -1 / beta ln sum over j exp(beta x_j.xi) + |xi|^2 / 2 of every state: [N]. Eq. 2.
std::vector<double> energies(const train::Matrix& patterns, const train::Matrix& states, double beta);

/// The cosine of each row of a with that of b: [N].
std::vector<double> cosines(const train::Matrix& a, const train::Matrix& b);

}  // namespace primer::studies
