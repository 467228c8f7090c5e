// The table of contents: every op, one line each. Primitives spell the mathematics; fused ops are what training uses,
// and each of those equals its textbook composition of primitives, value and gradient.
#pragma once

#include "autograd/ops/activate.h"
#include "autograd/ops/additive_scores.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/attention.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/feed_forward.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/layer_norm.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/linear_attention.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/recurrent.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/rms_norm.h"
#include "autograd/ops/rotary.h"
#include "autograd/ops/softmax.h"

namespace primer::autograd {

/// Hands every op's examples to table.add(Example, call) or, for fused ops, table.add(Example, call, textbook).
template <class Table>
void every_op(Table& table) {
  // primitives
  arithmetic_examples(table);   // add, subtract, multiply, divide, scale
  elementwise_examples(table);  // exp, log, sqrt, sin, tanh, sigmoid, erf, relu, elu_plus_one
  reduce_examples(table);       // sum, sum_last, repeat, spread
  softmax_examples(table);      // softmax, log_softmax
  matmul_examples(table);       // matmul
  layout_examples(table);       // reshape, permute, slice, concat, stack
  gather_examples(table);       // gather, pick
  dropout_examples(table);      // dropout
  // fused
  activate_examples(table);          // gelu, gelu_erf, relu, relu2, silu
  linear_examples(table);            // x W^T + b, alone and joined to a residual
  layer_norm_examples(table);        // rows to mean 0, variance 1
  rms_norm_examples(table);          // rows to mean square 1
  rotary_examples(table);            // queries and keys turned by their positions
  attention_examples(table);         // softmax(q k^T / sqrt(D)) v over heads
  linear_attention_examples(table);  // the same with a kernel phi(q) phi(k) in place of e^(q k)
  additive_scores_examples(table);   // v tanh(q + k): how well queries and keys fit
  recurrent_examples(table);         // a layer of RNN, GRU or LSTM cells over whole sequences
  feed_forward_examples(table);      // residual + f(x W1^T + b1) W2^T + b2, gated or not
  cross_entropy_examples(table);     // ln softmax(x W^T + b) of given tokens, and weighted sums of it: the loss
}

}  // namespace primer::autograd
