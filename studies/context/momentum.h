// Momentum attention: what is averaged over time is added to what attention brings,
//   z_t <- z_t + sum over i < t of eta^(t - i) v_i.
// Dai et al. 2023, Why Can GPT Learn In-Context?, section 5: attention as gradient descent, and this as its momentum.
#pragma once

#include <string_view>

#include "autograd/tape.h"

namespace primer::studies {

/// While it watches, every layer of attention has this momentum. Of models with as many heads of values as of queries.
/// eta = 0 changes nothing, bit for bit.
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
