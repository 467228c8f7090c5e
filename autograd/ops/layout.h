// reshape, permute, slice, concat, stack: the same numbers elsewhere.
#pragma once

#include <array>
#include <vector>

#include "autograd/example.h"
#include "autograd/ops/arithmetic.h"

namespace primer::autograd::PRIMER_COMPILED {

/// The same numbers under another shape of as many elements. Shares value and gradient: nothing is recorded.
template <class T>
Tensor<T> reshape(Tensor<T> x, Shape shape) {
  if (shape.size() != x.size())
    refuse("reshape",
           "expected " + std::to_string(x.size()) + " elements as in " + x.shape.text() + ", got " + shape.text());
  x.shape = shape;
  return x;
}

/// Calls f(i, j) for every element: i counts it in `shape`, j in the permuted layout, where axis a is axis order[a]
/// of shape. One loop for permute and its backward.
template <class F>
void each_permuted(Shape shape, std::array<int, 4> order, F f) {
  const int rank = shape.rank;
  std::array<long, 4> stride{};  // in the permuted layout, of each axis of shape
  long step = 1;
  for (int a = rank - 1; a >= 0; --a) {
    stride[order[a]] = step;
    step *= shape[order[a]];
  }
  const long last = shape.last();
  split(shape.rows(), last, [&](long begin, long end, int) {
    for (long row = begin; row < end; ++row) {
      long rest = row, j = 0;
      for (int a = rank - 2; a >= 0; --a) {
        j += rest % shape[a] * stride[a];
        rest /= shape[a];
      }
      for (long c = 0; c < last; ++c) f(row * last + c, j + c * (rank ? stride[rank - 1] : 0));
    }
  });
}

/// Axis a of y is axis order[a] of x: permute(x, {0, 2, 1, 3}) swaps the middle two of four.
template <class T>
Tensor<T> permute(Tensor<T> x, std::initializer_list<int> axes) {
  std::array<int, 4> order{};
  std::array<bool, 4> seen{};
  bool valid = static_cast<int>(axes.size()) == x.shape.rank;
  Shape shape;
  for (const int axis : axes) {
    valid = valid && axis >= 0 && axis < x.shape.rank && !std::exchange(seen[axis], true);
    if (!valid) break;
    order[shape.rank] = axis;
    shape.append(x.shape[axis]);
  }
  if (!valid) refuse("permute", "expected each axis of " + x.shape.text() + " once");
  Tape<T>& tape = tape_of("permute", {x});
  Tensor<T> y = tape.output(shape, {x});
  if (tape.computes()) each_permuted(x.shape, order, [p = x.data(), r = y.data()](long i, long j) { r[j] = p[i]; });
  return tape.record("permute", y, [t = &tape, x, order](const T* dy) {
    if (auto dx = t->grad(x))
      dx.visit([&](auto put) { each_permuted(x.shape, order, [=](long i, long j) { put(i, dy[j]); }); });
  });
}

/// y = the elements begin ... begin+count-1 of x along an axis (negative: from the end).
template <class T>
Tensor<T> slice(Tensor<T> x, int axis, long begin, long count) {
  if (axis < 0) axis += x.shape.rank;
  if (axis < 0 || axis >= x.shape.rank || begin < 0 || count < 0 || begin + count > x.shape[axis])
    refuse("slice", "no elements " + std::to_string(begin) + " to " + std::to_string(begin + count) + " of axis " +
                        std::to_string(axis) + " in " + x.shape.text());
  Tape<T>& tape = tape_of("slice", {x});
  Shape shape = x.shape;
  shape.extents[axis] = count;
  Tensor<T> y = tape.output(shape, {x});
  // x is [outer, whole], y [outer, part]; part starts at `skip` in whole
  const long outer = x.shape.leading(axis), whole = x.shape.trailing(axis);
  const long part = shape.trailing(axis), skip = begin * x.shape.trailing(axis + 1);
  tape.split(outer, part, [=, p = x.data(), r = y.data()](long b, long e, int) {
    for (long o = b; o < e; ++o) std::copy_n(p + o * whole + skip, part, r + o * part);
  });
  return tape.record("slice", y, [=, t = &tape](const T* dy) {
    if (T* dx = t->grad_zeroed(x))
      t->split(outer, part, [=](long b, long e, int) {
        for (long o = b; o < e; ++o)
          for (long i = 0; i < part; ++i) dx[o * whole + skip + i] += dy[o * part + i];
      });
  });
}

/// a, then b, along an axis; the other axes agree.
template <class T>
Tensor<T> concat(Tensor<T> a, Tensor<T> b, int axis) {
  if (axis < 0) axis += a.shape.rank;
  bool fits = a.shape.rank == b.shape.rank && axis >= 0 && axis < a.shape.rank;
  for (int i = 0; fits && i < a.shape.rank; ++i) fits = i == axis || a.shape[i] == b.shape[i];
  if (!fits)
    refuse("concat", "expected shapes that differ in axis " + std::to_string(axis) + " only, got " + a.shape.text() +
                         " and " + b.shape.text());
  Tape<T>& tape = tape_of("concat", {a, b});
  Shape shape = a.shape;
  shape.extents[axis] += b.shape[axis];
  Tensor<T> y = tape.output(shape, {a, b});
  const long outer = shape.leading(axis), na = a.shape.trailing(axis), nb = b.shape.trailing(axis), n = na + nb;
  tape.split(outer, n, [=, p = a.data(), q = b.data(), r = y.data()](long begin, long end, int) {
    for (long o = begin; o < end; ++o) {
      std::copy_n(p + o * na, na, r + o * n);
      std::copy_n(q + o * nb, nb, r + o * n + na);
    }
  });
  return tape.record("concat", y, [=, t = &tape](const T* dy) {
    const auto part = [=](Into<T> into, long from, long count) {
      into.visit([&](auto put) {
        split(outer, count, [=](long begin, long end, int) {
          for (long o = begin; o < end; ++o)
            for (long i = 0; i < count; ++i) put(o * count + i, dy[o * n + from + i]);
        });
      });
    };
    if (auto da = t->grad(a)) part(da, 0, na);
    if (auto db = t->grad(b)) part(db, na, nb);
  });
}

/// The parts, T >= 1 of one shape [B, n] or [B, 1, n], one after another: y [B, T, n].
template <class T>
Tensor<T> stack(const std::vector<Tensor<T>>& parts) {
  if (parts.empty()) refuse("stack", "expected one part or more, got none");
  const Tensor<T> first = parts.front();
  expect_rank("stack", first, 2);
  const long steps = static_cast<long>(parts.size()), B = first.shape[0], n = first.shape.trailing(1);
  Tensor<T> needs = first;  // one that wants a gradient, if there is one
  for (const Tensor<T>& part : parts) {
    expect_same_shape("stack", first, part);
    tape_of("stack", {first, part});
    if (part.node->needs_grad) needs = part;
  }
  Tape<T>& tape = tape_of("stack", {needs});
  Tensor<T> y = tape.output({B, steps, n}, {needs});
  const Tensor<T>* const kept = tape.keep(std::span(parts));  // [T]
  tape.split(steps, B * n, [=, r = y.data()](long begin, long end, int) {
    for (long i = begin; i < end; ++i)
      for (long b = 0; b < B; ++b) std::copy_n(kept[i].data() + b * n, n, r + (b * steps + i) * n);
  });
  return tape.record("stack", y, [=, t = &tape](const T* dy) {
    for (long i = 0; i < steps; ++i)
      if (auto d = t->grad(kept[i]))
        d.visit([&](auto put) {
          split(B, n, [=](long begin, long end, int) {
            for (long b = begin; b < end; ++b)
              for (long k = 0; k < n; ++k) put(b * n + k, dy[(b * steps + i) * n + k]);
          });
        });
  });
}

template <class Table>
void layout_examples(Table& table) {
  table.add({"reshape", {{{3, 5}}, {{0, 5}}}, {{{3, 4}}, {{}}}}, [](auto& in) {
    return scale(reshape(in[0], {5, in[0].size() / 5}), 1);
  });
  table.add({"permute", {{{3, 5, 2, 7}}, {{1, 1, 1, 1}}, {{2, 0, 3, 1}}}, {{{3, 5}}}}, [](auto& in) {
    return permute(in[0], {0, 2, 1, 3});
  });
  table.add({"permute", {{{3, 5, 7}}}, {{{3, 5}}}}, [](auto& in) { return permute(in[0], {2, 0, 1}); });
  table.add({"slice", {{{3, 5}}, {{2, 3, 4}}, {{0, 4}}}, {{{3, 3}}, {{}}}},
            [](auto& in) { return slice(in[0], -1, 1, 3); });
  table.add({"slice", {{{5, 3}}, {{4, 2, 3}}}, {{{3, 3}}}}, [](auto& in) { return slice(in[0], 0, 2, 2); });
  table.add({"concat", {{{3, 5}, {3, 2}}, {{1, 0}, {1, 1}}, {{2, 3, 4}, {2, 3, 1}}}, {{{3, 5}, {2, 5}}, {{3}, {1, 3}}}},
            [](auto& in) { return concat(in[0], in[1], -1); });
  table.add({"concat", {{{2, 3}, {5, 3}}, {{0, 3}, {1, 3}}}}, [](auto& in) { return concat(in[0], in[1], 0); });
  table.add({"stack", {{{3, 5}, {3, 5}}, {{2, 1, 4}, {2, 1, 4}, {2, 1, 4}}, {{0, 2}}}, {{{3, 5}, {3, 4}}, {{4}}, {}}},
            [](auto& in) { return stack(in); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
