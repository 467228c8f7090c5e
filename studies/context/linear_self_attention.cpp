#include "studies/context/linear_self_attention.h"

#include <algorithm>

#include "autograd/ops/layout.h"
#include "autograd/ops/matmul.h"

namespace primer::studies {

using autograd::Tensor, train::Matrix;

template <class T>
LinearSelfAttention<T>::LinearSelfAttention(autograd::Parameters<T>& parameters, const std::string& path, long D,
                                            double deviation)
    : query(parameters, path + ".query", {D, D, false, deviation}),
      key(parameters, path + ".key", {D, D, false, deviation}),
      value(parameters, path + ".value", {D, D, false, deviation}),
      output(parameters, path + ".output", {D, D, false, deviation}) {}

template <class T>
Tensor<T> LinearSelfAttention<T>::operator()(Tensor<T> e, long N) const {
  const Tensor<T> seen = slice(e, 1, 0, N);
  const Tensor<T> sums = matmul(permute(key(seen), {0, 2, 1}), value(seen));  // [B, D, D]: of k_i v_i'
  return output.add_to(e, matmul(query(e), sums), {});
}

template <class T>
LayerProducts products_of(const LinearSelfAttention<T>& layer) {
  const auto matrix = [](const nn::Linear<T>& of) {
    const long D = of.weight.shape[0];
    return Matrix{D, D, {of.weight.data(), of.weight.data() + D * D}};
  };
  return {product(transposed(matrix(layer.key)), matrix(layer.query)),
          product(matrix(layer.output), matrix(layer.value))};
}

LayerProducts with_unit_diagonal(LayerProducts products, long dx) {
  double mean = 0;
  for (long i = 0; i < dx; ++i) mean += products.kq(i, i) / static_cast<double>(dx);
  for (double& one : products.kq.values) one /= mean;
  for (double& one : products.pv.values) one *= mean;
  return products;
}

template <class T>
void write(const LinearSelfAttention<T>& layer, const LayerProducts& products) {
  const Matrix one = train::identity(products.kq.rows);
  const auto put = [](const nn::Linear<T>& to, const Matrix& from) {
    std::copy(from.values.begin(), from.values.end(), to.weight.data());
  };
  put(layer.query, products.kq), put(layer.key, one), put(layer.value, products.pv), put(layer.output, one);
}

LayerProducts gradient_step(const Matrix& start, double rate, double shrink) {
  const long dx = start.columns, D = dx + start.rows;
  LayerProducts made{train::zeros(D, D), train::zeros(D, D)};
  for (long i = 0; i < dx; ++i) made.kq(i, i) = 1, made.pv(i, i) = -shrink;
  for (long i = dx; i < D; ++i) {
    made.pv(i, i) = -rate;
    for (long j = 0; j < dx; ++j) made.pv(i, j) = rate * start(i - dx, j);
  }
  return made;
}

template struct LinearSelfAttention<float>;
template struct LinearSelfAttention<double>;
template LayerProducts products_of(const LinearSelfAttention<float>&);
template LayerProducts products_of(const LinearSelfAttention<double>&);
template void write(const LinearSelfAttention<float>&, const LayerProducts&);
template void write(const LinearSelfAttention<double>&, const LayerProducts&);

}  // namespace primer::studies
