// What heads of attention do, in numbers: where they look, what they copy, what is lost without them.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/examples/examples.h"
#include "nn/model.h"
#include "studies/lab/linear_algebra.h"

namespace primer::studies {

/// A head, by its layer and its place in it.
struct Head {
  long layer, head;
  auto operator<=>(const Head&) const = default;
};

/// Copies of the tensors that a model shows, by the names of docs/watching.md.
template <class T>
class Recorder : public autograd::Observer<T> {
 public:
  explicit Recorder(std::set<std::string> names) : names_(std::move(names)) {}
  bool wants(std::string_view path, std::string_view leaf) override;
  autograd::Tensor<T> see(std::string_view path, std::string_view leaf, autograd::Tensor<T> x) override;
  const std::vector<T>& values(const std::string& name) const { return seen_.at(name); }

 private:
  std::set<std::string> names_;
  std::map<std::string, std::vector<T>> seen_;
};

/// How a batch's tokens look at each other: [B, H, T, T] of every layer.
template <class T>
std::vector<std::vector<T>> patterns_of(const nn::Model<T>& model, const data::Batch& batch);

/// Runs a model without some heads: what they bring is 0. With patterns, as patterns_of gives them, every head looks
/// where it did in that run, so that only what the heads bring to the output directly or through values is lost.
template <class T>
class WithoutHeads : public autograd::Observer<T> {
 public:
  WithoutHeads(const nn::Model<T>& model, std::set<Head> heads, const std::vector<std::vector<T>>* patterns = nullptr);
  bool wants(std::string_view path, std::string_view leaf) override;
  autograd::Tensor<T> see(std::string_view path, std::string_view leaf, autograd::Tensor<T> x) override;

 private:
  const nn::ModelConfig& config_;
  std::set<Head> heads_;
  const std::vector<std::vector<T>>* patterns_;
};

/// The mean over rows t of what each head of a layer spends on the columns that `wanted(b, t, s)` picks, s <= t; rows
/// for which it picks none do not count. [H]
template <class T>
std::vector<double> spent_on(const std::vector<T>& pattern, const data::Batch& batch, long heads,
                             const std::function<bool(long b, long t, long s)>& wanted);

/// On the token before: t - 1. Elhage et al. 2021.
template <class T>
std::vector<double> previous_token_scores(const std::vector<T>& pattern, const data::Batch& batch, long heads);

/// On the tokens that followed earlier occurrences of the same token: s with x[s - 1] = x[t], s <= t. Olsson et al.
/// 2022, "prefix matching".
template <class T>
std::vector<double> prefix_scores(const std::vector<T>& pattern, const data::Batch& batch, long heads);

/// W_Q, W_K, W_V [D, C] and W_O [C, D] of a head of a transformer, W_U [V, C] and W_E [V, C], in double. Rows are
/// outputs: a query is W_Q x.
struct HeadWeights {
  Matrix q, k, v, o;
};
template <class T>
HeadWeights weights_of(const nn::Model<T>& model, Head head);
template <class T>
Matrix token_rows_of(const nn::Model<T>& model);  // W_E
template <class T>
Matrix unembedding_of(const nn::Model<T>& model);  // W_U

/// sum of eigenvalues / sum of their sizes, of W_U W_O W_V W_E^T: 1 where a token always raises itself. Its eigenvalues
/// but for zeros are those of the small matrix W_V W_E^T W_U W_O [D, D]. Elhage et al. 2021, "copying".
double positivity(const Matrix& square);
template <class T>
double ov_positivity(const nn::Model<T>& model, Head head);

/// The share of what a head adds to logits above their mean, when it looks at a token, that goes to this very token;
/// rescaled from 0 ... 1 to -1 ... 1 and averaged over all tokens. Olsson et al. 2022, "copying".
template <class T>
double copying_score(const nn::Model<T>& model, Head head);

/// ||A B|| / (||A|| ||B||), by Frobenius' norm: how much of what B writes A reads.
double composition(const Matrix& a, const Matrix& b);

/// How much the keys of a later head read of what an earlier one writes: ||W_QK W_OV|| / (||W_QK|| ||W_OV||), with
/// W_QK = W_Q^T W_K, W_OV = W_O W_V. Elhage et al. 2021, "K-composition". Queries read by W_QK^T, values by W_OV.
struct Composition {
  double q, k, v;
};
template <class T>
Composition composition_of(const nn::Model<T>& model, Head later, Head earlier);

}  // namespace primer::studies
