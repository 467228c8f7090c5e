// dropout: in training, each element is zeroed with probability p and the others grow by 1/(1-p).
#pragma once

#include "autograd/example.h"
#include "autograd/expect.h"
#include "autograd/kernels/dropout.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y[i] = x[i] m[i], m[i] = 0 with probability p, else 1/(1-p), so that the mean is kept. m is a pure function of
/// (seed, purpose, step, index in the step's batch). Outside of training y is x itself.
/// Srivastava et al. 2014, in the inverted form.
template <class T>
Tensor<T> dropout(Tensor<T> x, Dropout dropout) {
  expect_probability("dropout", dropout.probability);
  Tape<T>& tape = tape_of("dropout", {x});
  const DropoutMask<T> mask(tape, dropout, x.size());
  if (!mask.active()) return x;
  Tensor<T> y = tape.output(x.shape, {x});
  tape.split(y.size(), 8, 64, [=, p = x.data(), r = y.data()](long begin, long end, int) {
    mask.apply(begin, end - begin, p + begin, nullptr, r + begin);
  });
  return tape.record("dropout", y, [t = &tape, x, mask](const T* dy) {
    if (auto dx = t->grad(x))
      t->split(x.size(), 8, 64, [=](long begin, long end, int) {  // dx = dy m
        mask.apply(begin, end - begin, dy + begin, dx.add ? dx.data + begin : nullptr, dx.data + begin);
      });
  });
}

template <class Table>
void dropout_examples(Table& table) {
  table.add(of_any_shape("dropout", {{{3, 5}}, {{1}}, {{7, 67}}, {{0}}}), [](auto& in) {
    return dropout(in[0], {0.25, 7});
  });
}

}  // namespace primer::autograd::PRIMER_COMPILED
