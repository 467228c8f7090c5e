// BLAS, behind one door. What it is for is in product.h.
#pragma once

#include <string>

namespace primer::autograd {

/// A matrix as BLAS sees it: rows `stride` elements apart, read as it stands or transposed.
template <class T>
struct Operand {
  const T* data;
  long stride;
  bool is_transposed = false;
};
template <class T>
Operand<T> as_is(const T* data, long stride) {
  return {data, stride, false};
}
template <class T>
Operand<T> transposed(const T* data, long stride) {
  return {data, stride, true};
}

/// c = scale a b + beta c on the calling thread; a is [m, k], b [k, n], c [m, n] with rows c_stride apart.
/// With beta 0, c is only written: what it held, NaN too, is gone. Extents must fit 32 bits.
template <class T>
void gemm(long m, long n, long k, T scale, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride);

/// What the loader gave us.
struct BlasInfo {
  std::string config;  // OpenBLAS's own description of its build
  std::string core;    // the kernel family it chose, such as SkylakeX
  bool openmp;         // false: the pthread build, which is slow inside our parallel regions
};
BlasInfo blas_info();

}  // namespace primer::autograd
