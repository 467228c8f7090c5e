// Products of whole matrices, over all threads.
#pragma once

#include "autograd/blas.h"

namespace primer::autograd {

/// c = a b + beta c; a is [m, k], b [k, n], c [m, n] with rows c_stride apart; beta is 0, and what c held, NaN too, is
/// gone, or 1. In a parallel region on the calling thread alone. Throws Error(usage) on extents beyond 32 bits.
///
/// By tiles, or by BLAS if this process says so: see use. Few rows times a transposed b do without both.
template <class T>
void product(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride);

/// How products are made.
enum class Products {
  tiles,  // by our own: the right factor packed once for all threads; the same bits for any number of them
  blas,   // each thread its part of the longer side of c, so that the bits depend on how many there are
};

/// From now on this process makes its products so. At first: by tiles.
void use(Products products);
Products used_products();

}  // namespace primer::autograd
