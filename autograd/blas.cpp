#include "autograd/blas.h"

#include <cblas.h>

namespace primer::autograd {

template <class T>
void gemm(long m, long n, long k, T scale, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride) {
  if (m <= 0 || n <= 0) return;
  const auto ta = a.is_transposed ? CblasTrans : CblasNoTrans;
  const auto tb = b.is_transposed ? CblasTrans : CblasNoTrans;
  const auto i = [](long x) { return static_cast<blasint>(x); };
  const auto call = [&](auto multiply) {
    multiply(CblasRowMajor, ta, tb, i(m), i(n), i(k), scale, a.data, i(a.stride), b.data, i(b.stride), beta, c,
             i(c_stride));
  };
  if constexpr (sizeof(T) == 4) call(cblas_sgemm);
  else call(cblas_dgemm);
}

template void gemm<float>(long, long, long, float, Operand<float>, Operand<float>, float, float*, long);
template void gemm<double>(long, long, long, double, Operand<double>, Operand<double>, double, double*, long);

BlasInfo blas_info() { return {openblas_get_config(), openblas_get_corename(), openblas_get_parallel() == 2}; }

}  // namespace primer::autograd
