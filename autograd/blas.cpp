#include "autograd/blas.h"

#include <cblas.h>

#include <climits>

#include "autograd/error.h"
#include "autograd/parallel.h"

namespace primer::autograd {

template <class T>
void gemm(long m, long n, long k, T scale, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride) {
  if (m <= 0 || n <= 0) return;
  const auto ta = a.is_transposed ? CblasTrans : CblasNoTrans;
  const auto tb = b.is_transposed ? CblasTrans : CblasNoTrans;
  const auto i = [](long x) { return static_cast<blasint>(x); };
  if constexpr (sizeof(T) == 4)
    cblas_sgemm(CblasRowMajor, ta, tb, i(m), i(n), i(k), scale, a.data, i(a.stride), b.data, i(b.stride), beta, c,
                i(c_stride));
  else
    cblas_dgemm(CblasRowMajor, ta, tb, i(m), i(n), i(k), scale, a.data, i(a.stride), b.data, i(b.stride), beta, c,
                i(c_stride));
}

template <class T>
void product(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride) {
  for (const long extent : {m, n, k, a.stride, b.stride, c_stride})
    if (extent > INT_MAX)
      refuse("product", "an extent of " + std::to_string(extent) + " is beyond BLAS's 32 bits; take a smaller batch");
  // Borders at multiples of 16 keep the kernels' tiles whole.
  if (m >= n)
    split(m, n * k, [=](long begin, long end, int) {
      const Operand<T> rows{a.data + begin * (a.is_transposed ? 1 : a.stride), a.stride, a.is_transposed};
      gemm<T>(end - begin, n, k, 1, rows, b, beta, c + begin * c_stride, c_stride);
    }, 16);
  else
    split(n, m * k, [=](long begin, long end, int) {
      const Operand<T> columns{b.data + begin * (b.is_transposed ? b.stride : 1), b.stride, b.is_transposed};
      gemm<T>(m, end - begin, k, 1, a, columns, beta, c + begin, c_stride);
    }, 16);
}

template void gemm<float>(long, long, long, float, Operand<float>, Operand<float>, float, float*, long);
template void gemm<double>(long, long, long, double, Operand<double>, Operand<double>, double, double*, long);
template void product<float>(long, long, long, Operand<float>, Operand<float>, float, float*, long);
template void product<double>(long, long, long, Operand<double>, Operand<double>, double, double*, long);

BlasInfo blas_info() { return {openblas_get_config(), openblas_get_corename(), openblas_get_parallel() == 2}; }

}  // namespace primer::autograd
