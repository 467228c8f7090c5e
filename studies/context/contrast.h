// Attention of one query as a step of gradient descent on a dual model, whose loss draws two views of each example
// together; and the layers that follow from changes of that loss. Ren & Liu 2024, Towards Understanding How
// Transformers Learn In-context Through a Representation Learning Lens, first called In-context Learning with
// Transformer Is Really Equivalent to a Contrastive Learning Pattern (arXiv 2310.13220).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/feed_forward.h"
#include "train/circuits/linear_algebra.h"

namespace primer::studies {

/// What the attention of one query reads: N examples, and M tokens on the query's side that are keys as well.
struct Views {
  train::Matrix keys, values;          // [N, D] W_K h / D^(1/4), [N, E] W_V h
  train::Matrix own_keys, own_values;  // [M, D], [M, E]
  std::vector<double> query;           // [D] W_Q h / D^(1/4)
};

/// sum over all keys of softmax(q'k) v, [E].
std::vector<double> attended(const Views& views);

/// f_W(z) = W phi(z) with phi(a)'phi(b) = e^(a'b). On the vectors of one query's attention phi is exact: its values are
/// the rows of Cholesky's factor C of the matrix of all e^(a'b) = C C'. With D' = sum over all keys of phi(k)'phi(q),
///   W_0 = sum over the query's side of v phi(k)' / D',
///   L(W) = -sum over examples of v_i' W phi(k_i) / (eta D') + alpha |W|^2 / (2 eta),
/// one step at rate eta ends at f_W(q) = attention's output, alpha = 0, for any eta. D' belongs to the query: each
/// query has a dual model of its own.
class DualModel {
 public:
  explicit DualModel(const Views& views);

  std::vector<double> answer() const;  // f_W(q), [E]

  /// dL/dW of the loss over some of the examples [E, R], by the tape.
  train::Matrix gradient(std::span<const long> examples, double eta, double alpha = 0) const;

  /// W <- W - eta dL/dW
  void step(std::span<const long> examples, double eta, double alpha = 0);

  const train::Matrix& features() const { return features_; }  // [N + M + 1, R]: of examples, own keys, query
  double normaliser() const { return normaliser_; }            // D'

 private:
  Views views_;
  train::Matrix features_, weights_;  // weights_ [E, R]
  double normaliser_ = 0;
};

/// Changes of a layer of attention that follow from changes of its dual model's loss. One that is not named is not
/// made.
struct Changes {
  std::optional<double> alpha = {};              // |W|^2 in the loss: the query's side counts 1 - alpha
  std::optional<double> keys = {}, values = {};  // c of other views, g(u) = u + c W_2 GELU(W_1 u)
  std::optional<double> beta = {};               // v_i - beta times the mean of the values of its negatives,
  double share = 0.3;                            // which are so many of all examples: those with the least k_i'k_j
  bool drawn = false;                            // as a control, as many that are drawn, whatever their keys
};

/// Softmax attention of one head, from the last token to all tokens [B, N + 1, D]: what it brings, [B, 1, D].
template <class T>
struct ContrastAttention {
  Changes changes;
  nn::Linear<T> query, key, value;  // [D, D]
  std::optional<nn::FeedForward<T>> key_view, value_view;

  ContrastAttention(autograd::Parameters<T>& parameters, long D, const Changes& changes, double deviation);
  autograd::Tensor<T> operator()(autograd::Tensor<T> tokens) const;
};

}  // namespace primer::studies
