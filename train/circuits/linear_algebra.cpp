#include "train/circuits/linear_algebra.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>

#include "autograd/blas.h"
#include "autograd/error.h"

// LAPACK's functions as a Fortran compiler names and calls them: every argument by its address, integers of 32 bits,
// and at the end the length of each string. They are inside OpenBLAS, whose headers do not declare them.
// https://netlib.org/lapack/explore-html
extern "C" {
void dgeev_(const char* left, const char* right, const int* n, double* a, const int* a_stride, double* real,
            double* imaginary, double* left_vectors, const int* left_stride, double* right_vectors,
            const int* right_stride, double* work, const int* work_size, int* info, std::size_t, std::size_t);
void dgesvd_(const char* left, const char* right, const int* m, const int* n, double* a, const int* a_stride,
             double* values, double* left_vectors, const int* left_stride, double* right_vectors,
             const int* right_stride, double* work, const int* work_size, int* info, std::size_t, std::size_t);
void dgeqrf_(const int* m, const int* n, double* a, const int* a_stride, double* scales, double* work,
             const int* work_size, int* info);
void dorgqr_(const int* m, const int* n, const int* reflections, double* a, const int* a_stride, const double* scales,
             double* work, const int* work_size, int* info);
void dpotrf_(const char* triangle, const int* n, double* a, const int* a_stride, int* info, std::size_t);
}

namespace primer::train {

using autograd::Fault;
using autograd::refuse;

namespace {

std::string shape(long rows, long columns) { return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]"; }
std::string shape(const Matrix& a) { return shape(a.rows, a.columns); }

void check_extents(std::string_view where, long rows, long columns) {
  constexpr long most = std::numeric_limits<int>::max();
  if (rows < 0 || columns < 0 || rows > most || columns > most)
    refuse(where, "no matrix is " + shape(rows, columns) + "; rows and columns are from 0 to " + std::to_string(most));
}

void check_sizes(std::string_view where, const Matrix& a) {
  check_extents(where, a.rows, a.columns);
  if (a.values.size() != static_cast<std::size_t>(a.rows * a.columns))
    refuse(where, "a matrix " + shape(a) + " with " + std::to_string(a.values.size()) + " values");
}

void check_finite(std::string_view where, const Matrix& a) {
  check_sizes(where, a);
  const auto wrong = std::find_if_not(a.values.begin(), a.values.end(), [](double x) { return std::isfinite(x); });
  if (wrong == a.values.end()) return;
  const long place = wrong - a.values.begin();
  refuse(where, "row " + std::to_string(place / a.columns) + ", column " + std::to_string(place % a.columns) +
                    " of a matrix " + shape(a) + " is " + std::to_string(*wrong) + "; expected finite values");
}

void check_square(std::string_view where, const Matrix& a) {
  check_finite(where, a);
  if (a.rows != a.columns) refuse(where, "expected a square matrix, got " + shape(a));
}

/// Calls a function of LAPACK twice: it first says how much room it wants, then has it. call(work, size, info).
template <class Call>
void with_work(std::string_view where, Call&& call) {
  int info = 0;
  double wanted = 0;
  int size = -1;  // only asks
  call(&wanted, &size, &info);
  if (info == 0) {
    size = std::max(1, static_cast<int>(wanted));
    std::vector<double> work(static_cast<std::size_t>(size));
    call(work.data(), &size, &info);
  }
  if (info < 0) refuse(where, "LAPACK refuses argument " + std::to_string(-info), Fault::bug);
  if (info > 0) refuse(where, "the iteration does not converge");
}

}  // namespace

Matrix zeros(long rows, long columns) {
  check_extents("zeros", rows, columns);
  return {rows, columns, std::vector<double>(static_cast<std::size_t>(rows * columns))};
}

Matrix identity(long size) {
  Matrix a = zeros(size, size);
  for (long i = 0; i < size; ++i) a(i, i) = 1;
  return a;
}

Matrix transposed(const Matrix& a) {
  check_sizes("transposed", a);
  Matrix t = zeros(a.columns, a.rows);
  for (long i = 0; i < a.rows; ++i)
    for (long j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  return t;
}

Matrix product(const Matrix& a, const Matrix& b) {
  check_sizes("product", a);
  check_sizes("product", b);
  if (a.columns != b.rows)
    refuse("product", "a matrix " + shape(a) + " times one " + shape(b) + "; the inner extents must be equal");
  Matrix c = zeros(a.rows, b.columns);
  if (c.values.empty() || a.columns == 0) return c;  // BLAS takes no rows of length 0
  autograd::gemm(a.rows, b.columns, a.columns, 1.0, autograd::as_is(a.values.data(), a.columns),
                 autograd::as_is(b.values.data(), b.columns), 0.0, c.values.data(), c.columns);
  return c;
}

Matrix sum(Matrix a, const Matrix& b, double factor) {
  check_sizes("sum", a);
  check_sizes("sum", b);
  if (a.rows != b.rows || a.columns != b.columns) refuse("sum", "a matrix " + shape(a) + " and one " + shape(b));
  for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] += factor * b.values[i];
  return a;
}

double dot(const double* a, const double* b, long n) { return std::inner_product(a, a + n, b, 0.0); }

double frobenius_norm(const Matrix& a) {
  check_sizes("frobenius_norm", a);
  double norm = 0;
  for (const double x : a.values) norm = std::hypot(norm, x);  // which does not overflow where the squares would
  return norm;
}

// LAPACK stores columns one behind the other: what it sees of our values is a'. That has a's eigenvalues and a's
// singular values, and its upper triangle is our lower one. Only qr needs a itself.

std::vector<std::complex<double>> eigenvalues(const Matrix& a) {
  check_square("eigenvalues", a);
  const int n = static_cast<int>(a.rows), stride = std::max(1, n), one = 1;
  std::vector<double> values = a.values, real(a.rows), imaginary(a.rows);  // [n, n], [n], [n]
  with_work("eigenvalues", [&](double* work, const int* size, int* info) {
    dgeev_("N", "N", &n, values.data(), &stride, real.data(), imaginary.data(), nullptr, &one, nullptr, &one, work,
           size, info, 1, 1);
  });
  std::vector<std::complex<double>> found;
  for (std::size_t i = 0; i < real.size(); ++i) found.emplace_back(real[i], imaginary[i]);
  // stable: the two of a pair, equally large and side by side, stay so
  std::stable_sort(found.begin(), found.end(), [](auto x, auto y) { return std::abs(x) > std::abs(y); });
  return found;
}

std::vector<double> singular_values(const Matrix& a) {
  check_finite("singular_values", a);
  const int m = static_cast<int>(a.columns), n = static_cast<int>(a.rows), stride = m, one = 1;  // of a'
  std::vector<double> values = a.values, found(static_cast<std::size_t>(std::min(m, n)));
  if (found.empty()) return found;
  with_work("singular_values", [&](double* work, const int* size, int* info) {
    dgesvd_("N", "N", &m, &n, values.data(), &stride, found.data(), nullptr, &one, nullptr, &one, work, size, info, 1,
            1);
  });
  return found;
}

QR qr(const Matrix& a) {
  check_finite("qr", a);
  const int m = static_cast<int>(a.rows), n = static_cast<int>(a.columns), k = std::min(m, n), stride = m;
  if (k == 0) return {zeros(m, 0), zeros(0, n)};
  Matrix columns = transposed(a);  // [n, m]: a's columns, one behind the other
  std::vector<double> scales(static_cast<std::size_t>(k));
  with_work("qr", [&](double* work, const int* size, int* info) {
    dgeqrf_(&m, &n, columns.values.data(), &stride, scales.data(), work, size, info);
  });
  QR found{{}, zeros(k, n)};
  for (long i = 0; i < k; ++i)
    for (long j = i; j < n; ++j) found.r(i, j) = columns(j, i);
  with_work("qr", [&](double* work, const int* size, int* info) {
    dorgqr_(&m, &k, &k, columns.values.data(), &stride, scales.data(), work, size, info);
  });
  columns.rows = k;
  columns.values.resize(static_cast<std::size_t>(columns.rows * columns.columns));
  found.q = transposed(columns);  // [m, k]
  for (long i = 0; i < k; ++i) {
    if (!std::signbit(found.r(i, i))) continue;
    for (long j = 0; j < m; ++j) found.q(j, i) = -found.q(j, i);
    for (long j = i; j < n; ++j) found.r(i, j) = -found.r(i, j);
  }
  return found;
}

Matrix cholesky(const Matrix& a) {
  check_square("cholesky", a);
  double largest = 0;
  for (const double x : a.values) largest = std::max(largest, std::abs(x));
  for (long i = 0; i < a.rows; ++i)
    for (long j = 0; j < i; ++j)
      if (std::abs(a(i, j) - a(j, i)) > 1e-10 * largest)
        refuse("cholesky", "the matrix is not symmetric: row " + std::to_string(i) + ", column " + std::to_string(j) +
                               " is " + std::to_string(a(i, j)) + ", and across the diagonal stands " +
                               std::to_string(a(j, i)));
  Matrix l = a;
  const int n = static_cast<int>(a.rows), stride = std::max(1, n);
  int info = 0;
  dpotrf_("U", &n, l.values.data(), &stride, &info, 1);
  if (info < 0) refuse("cholesky", "LAPACK refuses argument " + std::to_string(-info), Fault::bug);
  if (info > 0)
    refuse("cholesky",
           "the matrix is not positive definite: its first " + std::to_string(info) + " rows and columns are not");
  for (long i = 0; i < n; ++i)
    for (long j = i + 1; j < n; ++j) l(i, j) = 0;  // what LAPACK leaves there is a's
  return l;
}

}  // namespace primer::train
