#include "nn/block.h"

namespace primer::nn {

template <class T>
Tensor<T> Block<T>::operator()(Tensor<T> x, std::span<const int> lengths, LayerCache<T> cache) const {
  const bool pre = norm == Norm::pre, post = norm == Norm::post;
  x = attention(x, pre ? attention_norm(x) : x, lengths, cache);
  if (post) x = attention_norm(x);
  x = x.tape->watch(x, path, "attended");
  if (feed_forward.up.weight) {
    x = feed_forward(x, pre ? feed_forward_norm(x) : x);
    if (post) x = feed_forward_norm(x);
  }
  return x.tape->watch(x, path, "output");
}

template struct Block<float>;
template struct Block<double>;

}  // namespace primer::nn
