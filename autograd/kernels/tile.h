// What products are made of: a tile of the result that lives in registers while its sum runs.
//
// The right factor is packed once and used often: cut into panels of `Tile::columns` columns, so that a row of a panel
// is two vectors. A tile is up to `Tile::rows` rows of one panel. Every element is added up in the order of k, whatever
// surrounds it: so the bits of a product do not depend on who makes which part.
// Goto & van de Geijn: Anatomy of High-Performance Matrix Multiplication (2008).
#pragma once

#include <algorithm>

#include "autograd/blas.h"
#include "autograd/parallel.h"

namespace primer::autograd::PRIMER_COMPILED {

/// n numbers that are worked on at once.
template <class T, int n>
struct Lanes {
  typedef T Vector __attribute__((vector_size(n * sizeof(T)), aligned(sizeof(T)), may_alias));
};

/// How much of the result fits the vector registers of the machine that this is compiled for.
template <class T>
struct Tile {
#if defined(__AVX512F__)
  static constexpr int bytes = 64, rows = 12;
#elif defined(__AVX__)
  static constexpr int bytes = 32, rows = 6;
#elif defined(__aarch64__)
  static constexpr int bytes = 16, rows = 12;
#else
  static constexpr int bytes = 16, rows = 6;
#endif
  static constexpr int width = bytes / sizeof(T);  // numbers in a vector
  static constexpr int columns = 2 * width;
  using Vector = typename Lanes<T, width>::Vector;

  /// n rounded up to whole vectors: kernels that run over these have no end to do number by number.
  static long whole_vectors(long n) { return (n + width - 1) / width * width; }
  /// n rounded up to whole panels.
  static long padded(long n) { return (n + columns - 1) / columns * columns; }
};

/// The left factor: element [i, k] is data[i * row + k * column].
template <class T>
struct Left {
  const T* data;
  long row, column;
};

/// The result: element [i, j] is data[i * row + j * column].
template <class T>
struct Result {
  T* data;
  long row, column;

  Result from(long i, long j) const { return {data + i * row + j * column, row, column}; }
};

/// Element i is number index(i) of a's n and b's n in a row.
template <int n, class T, class F>
[[gnu::always_inline]] inline typename Lanes<T, n>::Vector pick(typename Lanes<T, n>::Vector a,
                                                                typename Lanes<T, n>::Vector b, F index) {
#ifdef __clang__  // which finds the shuffle in this loop
  typename Lanes<T, n>::Vector picked;
  for (int i = 0; i < n; ++i) picked[i] = index(i) < n ? a[index(i)] : b[index(i) - n];
  return picked;
#else
  decltype(a < b) which{};
  for (int i = 0; i < n; ++i) which[i] = index(i);
  return __builtin_shuffle(a, b, which);
#endif
}

// A build that checks every access takes minutes to compile what is unrolled, or stands in every tile.
#ifdef __SANITIZE_ADDRESS__
#define PRIMER_IN_TILES [[gnu::noinline]] inline
#define PRIMER_UNROLL
#else
#define PRIMER_IN_TILES [[gnu::always_inline]] inline
#define PRIMER_UNROLL _Pragma("GCC unroll 16")
#endif

/// x[j][i] = factor from[i, j] for a square of n numbers a side, rows `stride` apart; in registers, by shuffles that
/// need no register to say what goes where: first within 16 bytes, g numbers, then of 16 bytes as a whole.
template <int n, class T>
PRIMER_IN_TILES void load_columns(const T* from, long stride, T factor, typename Lanes<T, n>::Vector* x) {
  using V = typename Lanes<T, n>::Vector;
  constexpr int g = 16 / sizeof(T);
  const auto mix = [](V a, V b, auto index, V& first, V& second) {
    first = pick<n, T>(a, b, [=](int i) { return index(i, 0); });
    second = pick<n, T>(a, b, [=](int i) { return index(i, 1); });
  };
  const auto numbers = [](int i, int half) { return i - i % g + half * g / 2 + i % g / 2 + i % 2 * n; };
  const auto pairs = [](int i, int half) { return i - i % g + half * 2 + i % 2 + i % g / 2 * n; };
  const auto groups = [](int i, int odd) { return (i / g * 2 + odd) * g + i % g; };
  PRIMER_UNROLL
  for (int i = 0; i < n; ++i) x[i] = *reinterpret_cast<const V*>(from + i * stride);
  if (factor != 1) {  // a branch costs less than these
    PRIMER_UNROLL
    for (int i = 0; i < n; ++i) x[i] *= factor;
  }
  PRIMER_UNROLL
  for (int i = 0; i < n; i += 2) mix(x[i], x[i + 1], numbers, x[i], x[i + 1]);
  PRIMER_UNROLL
  for (int i = 0; i < n && g == 4; i += 4) {
    const V second = x[i + 1];
    mix(x[i], x[i + 2], pairs, x[i], x[i + 1]);
    mix(second, x[i + 3], pairs, x[i + 2], x[i + 3]);
  }
#pragma GCC unroll 4
  for (int d = g; d < n; d *= 2) PRIMER_UNROLL
  for (int i = 0; i < n; i += 2 * d) PRIMER_UNROLL
  for (int j = i; j < i + d; ++j) mix(x[j], x[j + d], groups, x[j], x[j + d]);
}

/// One panel: [k, columns] = factor b, b [k, some]; missing columns are 0.
template <class T>
void pack_panel(Operand<T> b, long k, long some, T factor, T* panel) {
  constexpr long columns = Tile<T>::columns, width = Tile<T>::width;
  const long squares = some == columns && b.is_transposed ? k / width * width : 0;
  for (long c = 0; c < columns; c += width)
    for (long l = 0; l < squares; l += width) {
      typename Tile<T>::Vector x[width];
      load_columns<width>(b.data + c * b.stride + l, b.stride, factor, x);
      PRIMER_UNROLL
      for (int i = 0; i < width; ++i)
        *reinterpret_cast<typename Tile<T>::Vector*>(panel + (l + i) * columns + c) = x[i];
    }
  for (long l = squares; l < k; ++l) {
    T* row = panel + l * columns;
    if (some == columns && !b.is_transposed) {
#pragma omp simd
      for (long c = 0; c < columns; ++c) row[c] = factor * b.data[l * b.stride + c];
      continue;
    }
    for (long c = 0; c < columns; ++c)
      row[c] = c < some ? factor * b.data[b.is_transposed ? c * b.stride + l : l * b.stride + c] : T(0);
  }
}

/// panels [padded(n) / columns][k][columns] = factor b, b [k, n].
template <class T>
void pack(Operand<T> b, long k, long n, T factor, T* panels) {
  constexpr long columns = Tile<T>::columns;
  for (long j = 0; j < n; j += columns) {
    const Operand<T> from{b.data + j * (b.is_transposed ? b.stride : 1), b.stride, b.is_transposed};
    pack_panel(from, k, std::min(columns, n - j), factor, panels + j * k);
  }
}

/// c [rows, first ... some-1] = sum, or += .
template <int rows, int vectors, int n, class T>
[[gnu::always_inline]] inline void put_tile(const typename Lanes<T, n>::Vector (*sum)[vectors], bool add, long first,
                                            long some, Result<T> c) {
  using V = typename Lanes<T, n>::Vector;
  if (first == 0 && some == vectors * n && c.column == 1) {
    PRIMER_UNROLL
    for (int i = 0; i < rows; ++i)
      for (int v = 0; v < vectors; ++v) {
        V* to = reinterpret_cast<V*>(c.data + i * c.row + v * n);
        *to = add ? *to + sum[i][v] : sum[i][v];
      }
    return;
  }
  T all[rows][vectors * n];
  PRIMER_UNROLL
  for (int i = 0; i < rows; ++i)
    for (int v = 0; v < vectors; ++v) *reinterpret_cast<V*>(all[i] + v * n) = sum[i][v];
  for (long j = first; j < some; ++j)
    for (int i = 0; i < rows; ++i) {
      T& to = c.data[i * c.row + j * c.column];
      to = (add ? to : T(0)) + all[i][j];
    }
}

/// c [rows, some] = left panel, or += ; `some` columns of the panel count, and they lie in its first `vectors` vectors.
template <int rows, int vectors, class T>
void multiply_tile(long k, Left<T> left, const T* panel, bool add, long some, Result<T> c) {
  using V = typename Tile<T>::Vector;
  constexpr int width = Tile<T>::width;
  V sum[rows][vectors];
  PRIMER_UNROLL
  for (int i = 0; i < rows; ++i)
    for (int v = 0; v < vectors; ++v) sum[i][v] = V{};
  // Four rows share a pointer: with one each, the addresses would not fit the registers.
  const long steps[4] = {0, left.row, 2 * left.row, 3 * left.row};
  const T* a[3] = {left.data, left.data + 4 * left.row, left.data + 8 * left.row};
  for (long l = 0; l < k; ++l, panel += 2 * width) {
    V b[vectors];
    for (int v = 0; v < vectors; ++v) b[v] = *reinterpret_cast<const V*>(panel + v * width);
    PRIMER_UNROLL
    for (int i = 0; i < rows; ++i) {
      const V x = a[i / 4][steps[i % 4]] - V{};
      for (int v = 0; v < vectors; ++v) sum[i][v] += x * b[v];
    }
#pragma GCC unroll 4
    for (int i = 0; i < (rows + 3) / 4; ++i) a[i] += left.column;
  }
  put_tile<rows, vectors, width>(sum, add, 0, some, c);
}

/// Calls strip.operator()<rows>(), rows from 1 to Tile::rows.
template <class T, class F>
void with_rows(long rows, F strip) {
  switch (rows) {
    case 1: return strip.template operator()<1>();
    case 2: return strip.template operator()<2>();
    case 3: return strip.template operator()<3>();
    case 4: return strip.template operator()<4>();
    case 5: return strip.template operator()<5>();
    case 6: return strip.template operator()<6>();
  }
  if constexpr (Tile<T>::rows > 6) switch (rows) {
      case 7: return strip.template operator()<7>();
      case 8: return strip.template operator()<8>();
      case 9: return strip.template operator()<9>();
      case 10: return strip.template operator()<10>();
      case 11: return strip.template operator()<11>();
      case 12: return strip.template operator()<12>();
    }
}

/// c [rows, n] = left b, or += : rows at most Tile::rows, b [k, n] in panels that were packed for `depth` >= k.
template <class T>
void multiply_strip(long rows, long n, long k, Left<T> left, const T* panels, long depth, bool add, Result<T> c) {
  constexpr long columns = Tile<T>::columns;
  with_rows<T>(rows, [=]<int m>() {
    for (long j = 0; j < n; j += columns) {
      const long some = std::min(columns, n - j);
      const auto tile = some > columns / 2 ? multiply_tile<m, 2, T> : multiply_tile<m, 1, T>;
      tile(k, left, panels + j * depth, add, some, c.from(0, j));
    }
  });
}

/// c [rows, n] = a (factor b)^T, or += , but for the columns before `first`; n rows of b, read where they stand.
template <int rows, int n, class T>
void multiply_few_tile(long k, const T* a, long a_stride, const T* b, long b_stride, T factor, bool add, long first,
                       Result<T> c) {
  using V = typename Lanes<T, n>::Vector;
  V sum[rows][1];
  PRIMER_UNROLL
  for (int r = 0; r < rows; ++r) sum[r][0] = V{};
  long l = 0;
  for (; l + n <= k; l += n) {
    V x[n];
    PRIMER_UNROLL
    for (int i = 0; i < n; ++i) __builtin_prefetch(b + (n + i) * b_stride + l, 0, 2);  // the next n rows
    load_columns<n>(b + l, b_stride, factor, x);
    PRIMER_UNROLL
    for (int i = 0; i < n; ++i) PRIMER_UNROLL
    for (int r = 0; r < rows; ++r) sum[r][0] += (a[r * a_stride + l + i] - V{}) * x[i];
  }
  for (; l < k; ++l) {
    T column[n];
    for (int i = 0; i < n; ++i) column[i] = factor * b[i * b_stride + l];
    PRIMER_UNROLL
    for (int r = 0; r < rows; ++r) sum[r][0] += (a[r * a_stride + l] - V{}) * *reinterpret_cast<const V*>(column);
  }
  put_tile<rows, 1, n>(sum, add, first, n, c);
}

/// Columns begin ... end-1 of c [rows, n] = a (factor b)^T, or += : rows at most Tile::rows, a [rows, k], b [n, k], n
/// at least Tile::width. The sums are multiply_strip's over parts of k of `depth` each, bit for bit, but b is read
/// where it stands: for few rows, packing it would be another pass over memory. begin is a multiple of Tile::width; so
/// is end, or it is n.
template <class T>
void multiply_few(long rows, long begin, long end, long n, long k, long depth, const T* a, long a_stride, const T* b,
                  long b_stride, T factor, bool add, Result<T> c) {
  constexpr int width = Tile<T>::width, ways = 8;  // so many lines 4096 bytes apart does the first cache hold at once
  const auto columns = [=]<int m, int lanes>() {
    for (long j = begin; j < end; j += lanes) {
      const long at = std::min(j, n - lanes);  // the last ones begin earlier, and put less
      for (long l = 0; l < k; l += depth)
        multiply_few_tile<m, lanes>(std::min(depth, k - l), a + l, a_stride, b + at * b_stride + l, b_stride, factor,
                                    add || l > 0, j - at, c.from(0, at));
    }
  };
  with_rows<T>(rows, [=]<int m>() {
    if (width > ways && b_stride * sizeof(T) % 4096 == 0) columns.template operator()<m, std::min(width, ways)>();
    else columns.template operator()<m, width>();
  });
}

}  // namespace primer::autograd::PRIMER_COMPILED
