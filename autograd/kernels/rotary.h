// Kernels of rotary positions, on one head of one row.
#pragma once

#include <cmath>

#include "autograd/parallel.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y[i] = x[i] c[i] - x[i + half] s[i] and y[i + half] = x[i + half] c[i] + x[i] s[i]: `half` pairs turned by the
/// angles of which c and s are cosine and sine; turned back where `back`. Assigned or added; y is not x.
template <bool add, class T>
void rotary_row(const T* x, const T* c, const T* s, bool back, long half, T* y) {
  const T way = back ? T(-1) : T(1);
#pragma omp simd
  for (long i = 0; i < half; ++i) {
    const T low = x[i] * c[i] - way * x[i + half] * s[i], high = x[i + half] * c[i] + way * x[i] * s[i];
    y[i] = add ? y[i] + low : low;
    y[i + half] = add ? y[i + half] + high : high;
  }
}

/// The cosines of a position's angles, `half` of them, and their sines behind: position theta^(-i / half).
template <class T>
void rotary_angles(long position, double theta, long half, T* cosines_sines) {
  for (long i = 0; i < half; ++i) {
    const double angle =
        static_cast<double>(position) * std::pow(theta, -static_cast<double>(i) / static_cast<double>(half));
    cosines_sines[i] = static_cast<T>(std::cos(angle));
    cosines_sines[half + i] = static_cast<T>(std::sin(angle));
  }
}

}  // namespace primer::autograd::PRIMER_COMPILED
