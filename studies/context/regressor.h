// A transformer that reads numbers: (x_1, 0), (x_1, y_1), (x_2, 0), ..., and says at every (x, 0) what y will be. After
// Garg et al. 2022, What Can Transformers Learn In-Context?, whose tokens are x_1, y_1, x_2, ...: there a first layer
// has to bring x and y together, which takes many more steps to learn.
#pragma once

#include <string_view>
#include <vector>

#include "nn/block.h"
#include "studies/context/regression_tasks.h"
#include "studies/lab/lab.h"

namespace primer::studies {

struct RegressorShape {
  long inputs = 5, layers = 3, channels = 64, heads = 2;
};

template <class T>
struct Regressor {
  autograd::Parameters<T> parameters;
  nn::ModelConfig config;
  nn::Linear<T> in;  // [C, d + 1]
  std::vector<nn::Block<T>> blocks;
  nn::Norm<T> norm;
  nn::Linear<T> out;  // [1, C]

  Regressor(const RegressorShape& shape, std::uint64_t seed);

  /// What is said at x_i of y_i, from the i examples before it: [B, n].
  autograd::Tensor<T> operator()(autograd::Tape<T>& tape, const Tasks& tasks) const;
};

/// The numbers of that, task by task: [B, n].
std::vector<double> predictions(const Regressor<float>& model, const Tasks& tasks,
                                autograd::Observer<float>* observer = nullptr);

/// Learns from 64 new tasks a step: the mean of (prediction - y)^2 over all points.
void learn(Regressor<float>& model, const Regression& source, long steps, std::uint64_t seed, Lab& lab,
           autograd::Observer<float>* observer = nullptr);

/// While it watches, every layer of attention has momentum: z_t <- z_t + sum over i < t of eta^(t - i) v_i. Of models
/// with as many heads of values as of queries; eta = 0 changes nothing, bit for bit. Dai et al. 2023, Why Can GPT Learn
/// In-Context?, section 5.
template <class T>
class Momentum : public autograd::Observer<T> {
 public:
  explicit Momentum(double eta) : eta_(eta) {}
  bool wants(std::string_view path, std::string_view leaf) override {
    return path.ends_with(".attention") && (leaf == "v" || leaf == "z");
  }
  autograd::Tensor<T> see(std::string_view path, std::string_view leaf, autograd::Tensor<T> x) override;

 private:
  double eta_;
  autograd::Tensor<T> values_;
};

}  // namespace primer::studies
