// Attention without softmax, and the weights with which a layer of it makes one step of gradient descent on the
// examples in its context. Von Oswald et al. 2023, Transformers Learn In-Context by Gradient Descent, proposition 1.
#pragma once

#include <string>

#include "nn/linear.h"
#include "train/circuits/linear_algebra.h"

namespace primer::studies {

/// Tokens e [B, n, D], of which the first N are seen by all:
///   e_j <- e_j + P sum over i < N of (W_V e_i) (W_K e_i)' (W_Q e_j)
template <class T>
struct LinearSelfAttention {
  nn::Linear<T> query, key, value, output;  // W_Q, W_K, W_V, P: [D, D] each

  LinearSelfAttention(autograd::Parameters<T>& parameters, const std::string& path, long D, double deviation = 0);
  autograd::Tensor<T> operator()(autograd::Tensor<T> e, long N) const;
};

/// Only these products of a layer's weights matter, [D, D] each.
struct LayerProducts {
  train::Matrix kq;  // W_K' W_Q
  train::Matrix pv;  // P W_V
};

template <class T>
LayerProducts products_of(const LinearSelfAttention<T>& layer);

/// The same layer's products, W_K' W_Q with a diagonal of mean 1 over the first dx channels, P W_V that much larger.
LayerProducts with_unit_diagonal(LayerProducts products, long dx);

/// Makes them the layer's, with W_K = P = I.
template <class T>
void write(const LinearSelfAttention<T>& layer, const LayerProducts& products);

/// Tokens are examples (x, y), and the query (x, -W_0 x). With
///   W_K' W_Q = [I 0; 0 0],   P W_V = [0 0; rate W_0, -rate I],   rate = eta / N,
/// a layer adds -dW x_j to the y entry of every token, dW = eta / N sum of (y_i - W_0 x_i) x_i': one step of gradient
/// descent from W_0 on sum |W x_i - y_i|^2 / (2 N). The query then holds -(W_0 + dW) x, minus the prediction; and K
/// such layers make K steps. With shrink besides, x_j <- x_j - shrink sum of x_i x_i' x_j: their GD++.
/// W_0 is [d_y, d_x], and D = d_x + d_y.
LayerProducts gradient_step(const train::Matrix& start, double rate, double shrink = 0);

}  // namespace primer::studies
