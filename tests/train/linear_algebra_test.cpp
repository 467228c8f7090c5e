// Factorisations against their definitions, and against values made by hand, which also say what is a row and what a
// column.
#include "train/circuits/linear_algebra.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "autograd/error.h"
#include "autograd/random.h"
#include "tests/data/fixture.h"

using namespace primer::train;
using primer::autograd::Fault;
using primer::data::refused;
using Complex = std::complex<double>;

namespace {

Matrix random_matrix(long rows, long columns, std::uint64_t seed) {
  Matrix a = zeros(rows, columns);
  const primer::autograd::Random random(seed, 1);
  for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] = random.normal(i);
  return a;
}

/// The largest difference of two elements; infinite if the matrices are not of one size.
double apart(const Matrix& a, const Matrix& b) {
  if (a.rows != b.rows || a.columns != b.columns) return INFINITY;
  double most = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) most = std::max(most, std::abs(a.values[i] - b.values[i]));
  return most;
}

/// Takes from `others`, for each value, the one that is nearest; returns the largest distance. What is left stays.
double matched(const std::vector<Complex>& values, std::vector<Complex>& others) {
  double most = 0;
  for (const Complex value : values) {
    REQUIRE(!others.empty());
    const auto nearer = [&](Complex x, Complex y) { return std::abs(x - value) < std::abs(y - value); };
    const auto nearest = std::min_element(others.begin(), others.end(), nearer);
    most = std::max(most, std::abs(*nearest - value));
    others.erase(nearest);
  }
  return most;
}

const std::vector<std::pair<long, long>> shapes{{1, 1}, {4, 4}, {7, 3}, {3, 7}, {1, 5}, {5, 1}, {40, 33}};

}  // namespace

TEST_CASE("a matrix is stored row by row; its product and its transpose are those of the textbook") {
  const Matrix a{2, 3, {1, 2, 3, 4, 5, 6}};
  CHECK(a(0, 2) == 3);
  CHECK(a(1, 0) == 4);
  CHECK(transposed(a).values == std::vector<double>{1, 4, 2, 5, 3, 6});
  const Matrix b{3, 2, {1, 0, 2, 1, 0, 3}};
  const Matrix ab = product(a, b);
  CHECK(ab.rows == 2);
  CHECK(ab.columns == 2);
  CHECK(ab.values == std::vector<double>{5, 11, 14, 23});
  CHECK(product(a, identity(3)).values == a.values);
  CHECK(product(identity(2), a).values == a.values);
  CHECK(product(zeros(2, 0), zeros(0, 2)).values == std::vector<double>(4, 0.0));
}

TEST_CASE("the Frobenius norm neither overflows nor vanishes where its squares would") {
  CHECK(frobenius_norm({2, 2, {1, -1, 3, 5}}) == doctest::Approx(6).epsilon(1e-15));
  CHECK(frobenius_norm({1, 2, {3e200, -4e200}}) == doctest::Approx(5e200).epsilon(1e-15));
  CHECK(frobenius_norm({1, 2, {3e-200, 4e-200}}) == doctest::Approx(5e-200).epsilon(1e-15));
  CHECK(frobenius_norm(zeros(0, 3)) == 0);
}

TEST_CASE("the eigenvalues of AB are those of BA, and zeros") {
  const Matrix a = random_matrix(3, 8, 1), b = random_matrix(8, 3, 2);
  const std::vector<Complex> few = eigenvalues(product(a, b));
  std::vector<Complex> many = eigenvalues(product(b, a));
  REQUIRE(few.size() == 3);
  REQUIRE(many.size() == 8);
  CHECK(matched(few, many) < 1e-12);
  REQUIRE(many.size() == 5);
  for (const Complex rest : many) CHECK(std::abs(rest) < 1e-12);
}

TEST_CASE("a rotation has a complex pair of eigenvalues, the positive imaginary part first") {
  const double angle = 0.7;
  const Matrix rotation{2, 2, {std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)}};
  for (const Matrix& a : {rotation, transposed(rotation)}) {
    const std::vector<Complex> found = eigenvalues(a);
    REQUIRE(found.size() == 2);
    CHECK(std::abs(found[0] - std::polar(1.0, angle)) < 1e-15);
    CHECK(std::abs(found[1] - std::polar(1.0, -angle)) < 1e-15);
  }
}

TEST_CASE("the eigenvalues of a companion matrix are the polynomial's roots, the largest magnitude first") {
  const std::vector<Complex> roots{3, -2, {0, 1.5}, {0, -1.5}, 1};
  std::vector<Complex> coefficients{1};  // of the product of all (x - root), the highest power first
  for (const Complex root : roots) {
    coefficients.emplace_back(0);
    for (std::size_t i = coefficients.size() - 1; i > 0; --i) coefficients[i] -= root * coefficients[i - 1];
  }
  const long n = static_cast<long>(roots.size());
  Matrix companion = zeros(n, n);
  for (long i = 0; i < n; ++i) companion(0, i) = -coefficients[static_cast<std::size_t>(i) + 1].real();
  for (long i = 1; i < n; ++i) companion(i, i - 1) = 1;
  const std::vector<Complex> found = eigenvalues(companion);
  REQUIRE(found.size() == roots.size());
  for (std::size_t i = 0; i < roots.size(); ++i) CHECK(std::abs(found[i] - roots[i]) < 1e-12);
}

TEST_CASE("singular values are the roots of the eigenvalues of A'A, and their squares add up to the norm's") {
  CHECK(singular_values({2, 2, {3, 0, 4, 5}})[0] == doctest::Approx(std::sqrt(45.0)).epsilon(1e-14));
  CHECK(singular_values({2, 2, {3, 0, 4, 5}})[1] == doctest::Approx(std::sqrt(5.0)).epsilon(1e-14));
  for (const auto& [rows, columns] : shapes) {
    CAPTURE(rows);
    CAPTURE(columns);
    const Matrix a = random_matrix(rows, columns, 3);
    const std::vector<double> found = singular_values(a);
    REQUIRE(found.size() == static_cast<std::size_t>(std::min(rows, columns)));
    CHECK(std::is_sorted(found.rbegin(), found.rend()));
    const std::vector<Complex> squares = eigenvalues(product(transposed(a), a));
    const double largest = found[0] * found[0];
    double sum = 0;
    for (std::size_t i = 0; i < squares.size(); ++i) {
      const double square = i < found.size() ? found[i] * found[i] : 0;
      CHECK(std::abs(squares[i] - square) < 1e-13 * largest * static_cast<double>(rows + columns));
      sum += square;
    }
    CHECK(std::sqrt(sum) == doctest::Approx(frobenius_norm(a)).epsilon(1e-13));
  }
}

TEST_CASE("a sum is a + factor b, a row is where a product of vectors reads; sizes that differ are refused") {
  const Matrix a{2, 2, {1, 2, 3, 4}}, b{2, 2, {10, 20, 30, 40}};
  CHECK(sum(a, b).values == std::vector<double>{11, 22, 33, 44});
  CHECK(sum(a, b, -0.5).values == std::vector<double>{-4, -8, -12, -16});
  CHECK(dot(a.row(1), b.row(0), 2) == 110);
  CHECK(refused(Fault::usage, [&] { sum(a, {1, 4, b.values}); }) == "[sum] a matrix [2, 2] and one [1, 4]");
}

TEST_CASE("QR is the one made by hand, not that of the transpose") {
  const QR found = qr({2, 2, {3, 1, 4, 2}});
  CHECK(apart(found.q, {2, 2, {0.6, -0.8, 0.8, 0.6}}) < 1e-15);
  CHECK(apart(found.r, {2, 2, {5, 2.2, 0, 0.4}}) < 1e-14);
}

TEST_CASE("Q is orthonormal, R is upper triangular with no negative diagonal, and QR is the matrix") {
  for (const auto& [rows, columns] : shapes) {
    CAPTURE(rows);
    CAPTURE(columns);
    const Matrix a = random_matrix(rows, columns, 4);
    const QR found = qr(a);
    const long k = std::min(rows, columns);
    REQUIRE(found.q.rows == rows);
    REQUIRE(found.q.columns == k);
    REQUIRE(found.r.rows == k);
    REQUIRE(found.r.columns == columns);
    CHECK(apart(product(transposed(found.q), found.q), identity(k)) < 1e-14);
    CHECK(apart(product(found.q, found.r), a) < 1e-13);
    for (long i = 0; i < k; ++i) {
      CHECK(found.r(i, i) >= 0);
      for (long j = 0; j < i; ++j) CHECK(found.r(i, j) == 0);
    }
  }
  const QR none = qr(zeros(3, 2));  // no direction is better than another, but Q is orthonormal all the same
  CHECK(apart(product(transposed(none.q), none.q), identity(2)) < 1e-15);
  CHECK(frobenius_norm(none.r) == 0);
}

TEST_CASE("LL' is the matrix, and L is the one made by hand: lower triangular, its diagonal positive") {
  CHECK(cholesky({2, 2, {4, 2, 2, 5}}).values == std::vector<double>{2, 0, 1, 2});
  for (const long n : {1L, 2L, 5L, 33L}) {
    CAPTURE(n);
    const Matrix b = random_matrix(n, n + 1, 5);
    const Matrix a = product(b, transposed(b));
    const Matrix l = cholesky(a);
    CHECK(apart(product(l, transposed(l)), a) < 1e-12);
    for (long i = 0; i < n; ++i) {
      CHECK(l(i, i) > 0);
      for (long j = i + 1; j < n; ++j) CHECK(l(i, j) == 0);
    }
  }
}

TEST_CASE("Cholesky refuses what is not positive definite or not symmetric") {
  const auto refusal = [](const Matrix& a) { return refused(Fault::usage, [&] { cholesky(a); }); };
  CHECK(refusal({2, 2, {1, 2, 2, 1}}) ==
        "[cholesky] the matrix is not positive definite: its first 2 rows and columns are not");
  CHECK(refusal({2, 2, {1, 1, 1, 1}}) ==
        "[cholesky] the matrix is not positive definite: its first 2 rows and columns are not");
  CHECK(refusal({1, 1, {0}}) == "[cholesky] the matrix is not positive definite: its first 1 rows and columns are not");
  CHECK(refusal({2, 2, {4, 1, 2, 5}}) ==
        "[cholesky] the matrix is not symmetric: row 1, column 0 is 2.000000, and across the diagonal stands 1.000000");
}

TEST_CASE("a matrix of one value, and one of none, have their factors") {
  const Matrix one{1, 1, {-2}};
  CHECK(eigenvalues(one) == std::vector<Complex>{-2});
  CHECK(singular_values(one) == std::vector<double>{2});
  CHECK(qr(one).q(0, 0) == -1);
  CHECK(qr(one).r(0, 0) == 2);
  CHECK(cholesky({1, 1, {9}}).values == std::vector<double>{3});
  CHECK(eigenvalues(zeros(0, 0)).empty());
  CHECK(cholesky(zeros(0, 0)).values.empty());
  for (const auto& [rows, columns] : {std::pair{0L, 0L}, {0L, 4L}, {4L, 0L}}) {
    CHECK(singular_values(zeros(rows, columns)).empty());
    const QR found = qr(zeros(rows, columns));
    CHECK(found.q.rows == rows);
    CHECK(found.q.columns == 0);
    CHECK(found.r.rows == 0);
    CHECK(found.r.columns == columns);
  }
}

TEST_CASE("wrong sizes are refused, and say which") {
  const auto refusal = [](auto call) { return refused(Fault::usage, call); };
  const Matrix wide = zeros(2, 3);
  CHECK(refusal([&] { eigenvalues(wide); }) == "[eigenvalues] expected a square matrix, got [2, 3]");
  CHECK(refusal([&] { cholesky(wide); }) == "[cholesky] expected a square matrix, got [2, 3]");
  CHECK(refusal([&] { product(wide, wide); }) ==
        "[product] a matrix [2, 3] times one [2, 3]; the inner extents must be equal");
  CHECK(refusal([] { qr({2, 3, {1, 2}}); }) == "[qr] a matrix [2, 3] with 2 values");
  CHECK(refusal([] { zeros(-1, 2); }) == "[zeros] no matrix is [-1, 2]; rows and columns are from 0 to 2147483647");
  CHECK(refusal([] {
          transposed({0, 1L << 31, {}});
        }) == "[transposed] no matrix is [0, 2147483648]; rows and columns are from 0 to 2147483647");
}

TEST_CASE("a value that is not finite is refused before LAPACK sees it, wherever it stands") {
  for (const double wrong : {std::nan(""), HUGE_VAL, -HUGE_VAL})
    for (const long place : {0L, 5L, 8L}) {
      Matrix a = identity(3);
      a.values[static_cast<std::size_t>(place)] = wrong;
      const auto expect = [&](const std::string& where, auto call) {
        CHECK(refused(Fault::usage, [&] { call(a); }) ==
              "[" + where + "] row " + std::to_string(place / 3) + ", column " + std::to_string(place % 3) +
                  " of a matrix [3, 3] is " + std::to_string(wrong) + "; expected finite values");
      };
      expect("eigenvalues", eigenvalues);
      expect("singular_values", singular_values);
      expect("qr", qr);
      expect("cholesky", cholesky);
    }
}
