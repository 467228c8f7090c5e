// rotary: turns the queries and keys of a place by angles that grow with it, so that a product of two of them depends
// on how far apart they stand.
#pragma once

#include "autograd/example.h"
#include "autograd/expect.h"
#include "autograd/kernels/rotary.h"
#include "autograd/ops/layout.h"

namespace primer::autograd::PRIMER_COMPILED {

struct RotaryOptions {
  long heads = 1, size = 2;  // the first heads * size columns are turned; D = size is even
  long past = 0;             // the position of the first row
  double theta = 10000;      // base of the angles
};

/// Of every head x [D] of row t, pairs (x[i], x[i + D/2]), i < D/2, are turned by (past + t) theta^(-2i/D):
/// y = x cos + [-x[D/2:] | x[:D/2]] sin. x [B, T, C]; columns after the heads stay as they are. Su et al. 2021,
/// RoFormer, section 3.2.2, where neighbours are the pairs; halves are, as here, in GPT-NeoX and Llama.
template <class T>
Tensor<T> rotary(Tensor<T> x, const RotaryOptions& o) {
  if (x.shape.rank != 3 || o.heads < 0 || o.size < 2 || o.size % 2 != 0 || x.shape[2] < o.heads * o.size)
    refuse("rotary", "expected [B, T, C] with " + std::to_string(o.heads) + " heads of an even size " +
                         std::to_string(o.size) + " in it, got " + x.shape.text());
  Tape<T>& tape = tape_of("rotary", {x});
  const Tensor<T> y = tape.output(x.shape, {x});
  const long rows = x.shape.rows(), length = x.shape[1], C = x.shape[2], D = o.size;
  tape.moves(2 * x.size());
  T* table = tape.template keep<T>(length * D);  // [T, D]: cosines, then sines
  tape.split(length, 50 * D, [=](long begin, long end, int) {
    for (long t = begin; t < end; ++t) rotary_angles(o.past + t, o.theta, D / 2, table + t * D);
  });
  const auto turn = [=]<bool add>(std::bool_constant<add>, bool back, const T* from, T* to) {
    return [=](long begin, long end, int) {
      for (long r = begin; r < end; ++r) {
        const T *p = from + r * C, *c = table + r % length * D;
        T* q = to + r * C;
        for (long n = 0; n < o.heads; ++n) rotary_row<add>(p + n * D, c, c + D / 2, back, D / 2, q + n * D);
        for (long i = o.heads * D; i < C; ++i) q[i] = add ? q[i] + p[i] : p[i];
      }
    };
  };
  tape.split(rows, 4 * C, turn(std::false_type(), false, x.data(), y.data()));
  return tape.record("rotary", y, [=, t = &tape](const T* dy) {
    const auto dx = t->grad(x);  // turned back
    t->moves((dx.add ? 3 : 2) * x.size());
    if (dx.add) t->split(rows, 4 * C, turn(std::true_type(), true, dy, dx.data));
    else t->split(rows, 4 * C, turn(std::false_type(), true, dy, dx.data));
  });
}

/// rotary from primitives: x cos + [-upper | lower] sin, head by head.
template <class T>
Tensor<T> rotary_textbook(Tensor<T> x, const RotaryOptions& o) {
  const long B = x.shape[0], length = x.shape[1], N = o.heads, D = o.size, rest = x.shape[2] - N * D;
  std::vector<T> cosines, sines;  // [B, T, N, D]
  for (long i = 0; i < B * length * N * D; ++i) {
    const double position = static_cast<double>(o.past + i / (N * D) % length), pair = static_cast<double>(i % (D / 2));
    const double angle = position * std::pow(o.theta, -2 * pair / static_cast<double>(D));
    cosines.push_back(static_cast<T>(std::cos(angle)));
    sines.push_back(static_cast<T>(std::sin(angle)));
  }
  const Tensor<T> heads = reshape(slice(x, 2, 0, N * D), {B, length, N, D});
  const Tensor<T> turned = concat(scale(slice(heads, 3, D / 2, D / 2), -1), slice(heads, 3, 0, D / 2), 3);
  const auto times = [&](Tensor<T> a, const std::vector<T>& by) { return multiply(a, x.tape->constant(a.shape, by)); };
  const Tensor<T> y = reshape(add(times(heads, cosines), times(turned, sines)), {B, length, N * D});
  return concat(y, slice(x, 2, N * D, rest), 2);
}

template <class Table>
void rotary_examples(Table& table) {
  for (const RotaryOptions& o : {RotaryOptions{2, 2}, {2, 4, 5, 100}, {1, 6}})
    table.add(
        {"rotary", {{{2, 3, 8}}, {{1, 7, 9}}, {{3, 0, 8}}}, {{{3, 8}}, {{2, 3, o.heads * o.size - 1}}}},
        [o](auto& in) { return rotary(in[0], o); }, [o](auto& in) { return rotary_textbook(in[0], o); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
