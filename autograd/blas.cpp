#include "autograd/blas.h"

#include <cblas.h>

#include <climits>

#include "autograd/error.h"
#include "autograd/kernels/rows.h"
#include "autograd/parallel.h"

namespace primer::autograd {

template <class T>
void gemm(long m, long n, long k, T scale, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride) {
  if (m <= 0 || n <= 0) return;
  const auto ta = a.is_transposed ? CblasTrans : CblasNoTrans;
  const auto tb = b.is_transposed ? CblasTrans : CblasNoTrans;
  const auto i = [](long x) { return static_cast<blasint>(x); };
  const auto multiply = [] { if constexpr (sizeof(T) == 4) return cblas_sgemm; else return cblas_dgemm; }();
  multiply(CblasRowMajor, ta, tb, i(m), i(n), i(k), scale, a.data, i(a.stride), b.data, i(b.stride), beta, c,
           i(c_stride));
}

/// c = a b^T + beta c for few rows of a: b is read once, where BLAS would copy it into tiles first.
template <class T>
void dot_rows(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride) {
  const auto put = [=](long r, long j, T sum) { c[r * c_stride + j] = sum + (beta ? beta * c[r * c_stride + j] : 0); };
  long j = 0;
  for (; m > 4 && j + 4 <= n; j += 4)  // four rows of b at a time keep the adders busy
    for (long r = 0; r < m; ++r) {
      const T *x = a.data + r * a.stride, *b0 = b.data + j * b.stride, *b1 = b0 + b.stride, *b2 = b1 + b.stride;
      const T* b3 = b2 + b.stride;
      T s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
      for (long i = 0; i < k; ++i) s0 += x[i] * b0[i], s1 += x[i] * b1[i], s2 += x[i] * b2[i], s3 += x[i] * b3[i];
      put(r, j, s0), put(r, j + 1, s1), put(r, j + 2, s2), put(r, j + 3, s3);
    }
  for (; j < n; ++j)  // one at a time, as memory brings them
    for (long r = 0; r < m; ++r) put(r, j, dot_row(a.data + r * a.stride, b.data + j * b.stride, k));
}

template <class T>
void product(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride) {
  for (const long extent : {m, n, k, a.stride, b.stride, c_stride})
    if (extent > INT_MAX)
      refuse("product", "an extent of " + std::to_string(extent) + " is beyond BLAS's 32 bits; take a smaller batch");
  if (m <= 8 && n > m && !a.is_transposed && b.is_transposed)  // reading b takes longer than computing with it
    split(n, m * k, [=](long begin, long end, int) {
      const Operand<T> rows{b.data + begin * b.stride, b.stride, true};
      dot_rows(m, end - begin, k, a, rows, beta, c + begin, c_stride);
    }, 16);
  // Borders at multiples of 16 keep the kernels' tiles whole.
  else if (m >= n)
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
