// What this machine could do, measured here and now: the most that products and memory reach, and with them the least
// time that a training step could take.
#pragma once

#include <vector>

#include "train/tasks/config.h"

namespace primer::train {

/// The most 10^9 operations a second that the product of large matrices reaches: the best of three sizes, by BLAS and by
/// our own tiles.
double sgemm_peak();

/// 10^9 bytes a second of x[i] = y[i] + c z[i] over arrays that no cache holds, each byte counted once.
double triad_bandwidth();

/// A product that a training step makes `times` times: [m, n] of [m, k] by [k, n], each of these as it stands in memory
/// or transposed.
struct StepProduct {
  long m, n, k;
  bool a_transposed, b_transposed;
  double times;
};

/// The products of a step: of every weight one forward and two backward. `targets` rows go through the head.
std::vector<StepProduct> step_products(const Config& config, long vocabulary, long targets);

/// The bytes of a step's passes that multiply no matrices, as if no cache kept them: layer norms (read x, write y; then
/// read x and dy, read and write dx), the activation (read, write; then read two, write two), and the update of
/// `parameters` numbers with Adam (read w, g, m and v, write w, m and v; and read g for its norm).
double step_bytes(const Config& config, long parameters);

/// The least milliseconds that a step could take: the time of each of its products, alone and repeated; of attention's,
/// all heads side by side, the half of them that a causal model needs; and its bytes over the bandwidth (10^9 bytes a
/// second).
double step_bound(const Config& config, long vocabulary, long targets, long parameters, double bandwidth);

}  // namespace primer::train
