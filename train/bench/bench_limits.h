// What this machine could do, measured here and now: the most that products and memory reach, and with them the least
// time that a training step could take.
#pragma once

#include "autograd/product.h"

namespace primer::train {

/// The most 10^9 operations a second that the product of large matrices reaches: the best of three sizes, by BLAS and
/// by our own tiles.
double sgemm_peak();

/// 10^9 bytes a second of x[i] = y[i] + c z[i] over arrays that no cache holds, each byte counted once.
double triad_bandwidth();

/// The least milliseconds that so much work could take: the time of each of its products, alone and repeated (those
/// that are made all at once, one a thread), and the bytes of the passes between them, as if no cache kept them, over
/// the bandwidth (10^9 bytes a second).
double bound_ms(const autograd::Work& work, double bandwidth);

}  // namespace primer::train
