// Small dense matrices in double, and their factorisations by LAPACK, behind one door.
//
// Section numbers are those of Golub and Van Loan, Matrix Computations, 4th edition. A matrix may have no rows or no
// columns. Fault::usage: sizes that do not fit each other, the values or 32 bits; and to a factorisation, values that
// are not finite, of which LAPACK may make anything, or never end.
#pragma once

#include <complex>
#include <cstddef>
#include <vector>

namespace primer::train {

struct Matrix {
  long rows = 0, columns = 0;
  std::vector<double> values;  // [rows, columns], row by row

  double& operator()(long row, long column) { return values[static_cast<std::size_t>(row * columns + column)]; }
  double operator()(long row, long column) const { return values[static_cast<std::size_t>(row * columns + column)]; }

  double* row(long i) { return values.data() + i * columns; }
  const double* row(long i) const { return values.data() + i * columns; }
};

Matrix zeros(long rows, long columns);
Matrix identity(long size);
Matrix transposed(const Matrix& a);

/// a b; a is [m, k], b [k, n], the product [m, n].
Matrix product(const Matrix& a, const Matrix& b);

/// a + factor b, of one size.
Matrix sum(Matrix a, const Matrix& b, double factor = 1);

/// sum over i < n of a[i] b[i].
double dot(const double* a, const double* b, long n);

/// The root of the sum of all squares.
double frobenius_norm(const Matrix& a);

/// The n eigenvalues of a square matrix [n, n], which need not be symmetric, by the QR algorithm: section 7.5. The
/// largest magnitude stands first; of a complex pair, the one with the positive imaginary part.
std::vector<std::complex<double>> eigenvalues(const Matrix& a);

/// The min(m, n) singular values of a matrix [m, n], the largest first: section 8.6.
std::vector<double> singular_values(const Matrix& a);

struct QR {
  Matrix q;  // [m, k], its columns orthonormal
  Matrix r;  // [k, n], zero below its diagonal, and the diagonal not negative
};

/// The thin factorisation a = q r of a matrix [m, n], k = min(m, n), by Householder's reflections: section 5.2. If the
/// first k columns of a are independent, only one r has such a diagonal.
QR qr(const Matrix& a);

/// The lower triangle l with a = l l' of a symmetric, positive definite matrix [n, n]: section 4.2. Not symmetric (but
/// for rounding, 1e-10 of the largest value) or not positive definite: Fault::usage.
Matrix cholesky(const Matrix& a);

}  // namespace primer::train
