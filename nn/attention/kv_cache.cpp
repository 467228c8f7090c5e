#include "nn/attention/kv_cache.h"

#include "autograd/ops/attention.h"

namespace primer::nn {

template <class T>
void LayerCache<T>::join(autograd::AttentionLayout<T>& at) const {
  const long n = at.keys, C = at.K * at.D;
  at.apart = rows.shape[1];
  for (long i = 0; i < at.B * n; ++i) {
    T* to = rows.data() + (i / n * at.apart + past + i % n) * 2 * C;
    std::copy_n(at.k.data() + i * at.k_stride + at.k_at, C, to);
    std::copy_n(at.v.data() + i * at.v_stride + at.v_at, C, to + C);
  }
  at.k = at.v = rows;
  at.k_at = 0;
  at.v_at = C;
  at.k_stride = at.v_stride = 2 * C;
  at.keys = past + n;
}

template struct LayerCache<float>;
template struct LayerCache<double>;

}  // namespace primer::nn
