#include "autograd/product.h"

#include <climits>

#include "autograd/error.h"
#include "autograd/kernels/rows.h"
#include "autograd/kernels/tile.h"
#include "autograd/parallel.h"

namespace primer::autograd {
namespace {

// The part of b that is packed at a time: a depth whose strip of a stays in the first cache, and columns (2 MiB of
// floats with that depth) that stay in the last one, from where they are read in order.
constexpr long most_depth = 512, most_columns = 1024;

/// The length of the parts that k >= 1 is cut into: the sum of each is made in the order of k, then they are added up.
long depth_of(long k) {
  const long parts = (k + most_depth - 1) / most_depth, even = (k + parts - 1) / parts;
  return (even + 15) / 16 * 16;
}

/// Room for two packed parts of b: while one is read, who is done already packs the next.
template <class T>
T* packing_space(std::optional<Region>& region) {
  constexpr std::size_t bytes = 2 * most_depth * most_columns * sizeof(T);
  if (!region) region.emplace(bytes);
  region->open(bytes);
  return reinterpret_cast<T*>(region->data());
}

/// A strip of a, [rows, depth], for tiles to read: where it stands, unless its rows would fall into the same sets of
/// the first cache; then side by side in `space`.
template <class T>
Left<T> gather_strip(Operand<T> a, long row, long rows, long from, long depth, T* space) {
  constexpr long most = Tile<T>::rows, stride = most_depth + 16;
  if (a.is_transposed) {
    const T* x = a.data + from * a.stride + row;
    if (rows == most)
      for (long l = 0; l < depth; ++l) std::copy_n(x + l * a.stride, most, space + l * most);
    else
      for (long l = 0; l < depth; ++l) std::copy_n(x + l * a.stride, rows, space + l * most);
    return {space, 1, most};
  }
  const T* x = a.data + row * a.stride + from;
  if (a.stride * sizeof(T) % 2048 != 0) return {x, a.stride, 1};
  for (long r = 0; r < rows; ++r) std::copy_n(x + r * a.stride, depth, space + r * stride);
  return {space, stride, 1};
}

/// One thread's share of a product by tiles. The units of work are tiles of c, row by row.
template <class T>
void tiles_of_thread(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, Result<T> c, T* packed, int thread,
                     int team) {
  constexpr long rows = Tile<T>::rows, columns = Tile<T>::columns;
  alignas(64) T strip[rows * (most_depth + 16)];
  const long strips = (m + rows - 1) / rows;
  const long depth = depth_of(k);
  bool second = false;
  for (long j = 0; j < n; j += most_columns)
    for (long from = 0; from < k; from += depth, second = !second) {
      const long some = std::min(most_columns, n - j), deep = std::min(depth, k - from);
      const long panels = (some + columns - 1) / columns;
      T* part = packed + (second ? most_depth * most_columns : 0);
      for (long p = panels * thread / team; p < panels * (thread + 1) / team; ++p) {
        const long at = j + p * columns;
        const T* data = b.data + (b.is_transposed ? at * b.stride + from : from * b.stride + at);
        pack_panel<T>({data, b.stride, b.is_transposed}, deep, std::min(columns, n - at), 1, part + p * columns * deep);
      }
      if (team > 1) {
#pragma omp barrier
      }
      const long units = strips * panels, end = units * (thread + 1) / team;
      for (long u = units * thread / team; u < end;) {
        const long s = u / panels, p = u % panels, last = std::min(panels, p + end - u);  // panels p ... last-1 of s
        const long row = s * rows, count = std::min(rows, m - row);
        const Left<T> left = gather_strip(a, row, count, from, deep, strip);
        multiply_strip<T>(count, std::min(last * columns, some) - p * columns, deep, left, part + p * columns * deep,
                          deep, from > 0 || beta != 0, c.from(row, j + p * columns));
        u += last - p;
      }
    }
}

/// c = a b^T + beta c for few rows of a, m at most Tile::rows, by sums in the order of tiles. `space` holds packed
/// parts.
template <class T>
void product_of_few(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride, T* space) {
  if (const long stride = k + 16;
      m > 1 && a.stride * sizeof(T) % 2048 == 0 && m * stride <= most_depth * most_columns) {
    for (long r = 0; r < m; ++r) std::copy_n(a.data + r * a.stride, k, space + r * stride);
    a = as_is<T>(space, stride);
  }
  split(n, m * k, 16, [=](long begin, long end, int) {
    multiply_few<T>(m, begin, end, n, k, depth_of(k), a.data, a.stride, b.data, b.stride, 1, beta != 0,
                    {c, c_stride, 1});
  });
}

template <class T>
void product_by_tiles(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, Result<T> c, T* packed) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0) {
    for (long r = 0; r < m && beta == 0; ++r) std::fill_n(c.data + r * c.row, n, T(0));
    return;
  }
  // Few rows times weights: c^T = b a^T packs the few, and reads the weights where they stand. The bits are the same.
  if (4 * m <= n && !a.is_transposed && b.is_transposed)
    return product_by_tiles(n, m, k, as_is(b.data, b.stride), transposed(a.data, a.stride), beta,
                            Result<T>{c.data, 1, c.row}, packed);
  if (threads() == 1 || m * n * k < worth_a_region || omp_in_parallel())
    return tiles_of_thread(m, n, k, a, b, beta, c, packed, 0, 1);
#pragma omp parallel
  tiles_of_thread(m, n, k, a, b, beta, c, packed, omp_get_thread_num(), omp_get_num_threads());
}

template <class T>
void product_by_blas(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride) {
  // Borders at multiples of 16 keep the kernels' tiles whole.
  const auto some_rows = [=](long begin, long end, int) {
    const Operand<T> rows{a.data + begin * (a.is_transposed ? 1 : a.stride), a.stride, a.is_transposed};
    gemm<T>(end - begin, n, k, 1, rows, b, beta, c + begin * c_stride, c_stride);
  };
  const auto some_columns = [=](long begin, long end, int) {
    const Operand<T> columns{b.data + begin * (b.is_transposed ? b.stride : 1), b.stride, b.is_transposed};
    gemm<T>(m, end - begin, k, 1, a, columns, beta, c + begin, c_stride);
  };
  if (m >= n) split(m, n * k, 16, some_rows);
  else split(n, m * k, 16, some_columns);
}

}  // namespace

template <class T>
void Multiplier::product(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride) {
  count({m, n, k, a.is_transposed, b.is_transposed, 1});
  if (memory_ == Memory::none) return;
  for (const long extent : {m, n, k, a.stride, b.stride, c_stride})
    if (extent > INT_MAX)
      refuse("product", "an extent of " + std::to_string(extent) + " is beyond BLAS's 32 bits; take a smaller batch");
  const bool few = m <= Tile<T>::rows && n >= Tile<T>::width && k > 0 && !a.is_transposed && b.is_transposed;
  if (few) product_of_few<T>(m, n, k, a, b, beta, c, c_stride, packing_space<T>(packed_));
  else if (by == Products::tiles) product_by_tiles<T>(m, n, k, a, b, beta, {c, c_stride, 1}, packing_space<T>(packed_));
  else product_by_blas(m, n, k, a, b, beta, c, c_stride);
}

template void Multiplier::product<float>(long, long, long, Operand<float>, Operand<float>, float, float*, long);
template void Multiplier::product<double>(long, long, long, Operand<double>, Operand<double>, double, double*, long);

}  // namespace primer::autograd
