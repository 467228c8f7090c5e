// Products of whole matrices, over all threads.
#pragma once

#include <optional>

#include "autograd/blas.h"
#include "autograd/region.h"

namespace primer::autograd {

/// How products are made.
enum class Products {
  tiles,  // by our own: the right factor packed once for all threads; the same bits for any number of them
  blas,   // each thread its part of the longer side of c, so that the bits depend on how many there are
};

/// Makes products, one at a time, and owns the room where it packs their right factors.
class Multiplier {
 public:
  Products by = Products::tiles;  // few rows times a transposed b do without both

  /// c = a b + beta c; a is [m, k], b [k, n], c [m, n] with rows c_stride apart; beta is 0, and what c held, NaN too, is
  /// gone, or 1. In a parallel region on the calling thread alone. Throws Error(usage) on extents beyond 32 bits.
  template <class T>
  void product(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride);

 private:
  std::optional<Region> packed_;  // from the first product by tiles on
};

}  // namespace primer::autograd
