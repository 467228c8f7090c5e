// What attention has computed already: the keys and values of past tokens, or the sums of linear attention. With them
// the next token costs one row of work in each layer, and not all rows again.
#pragma once

#include <algorithm>
#include <vector>

#include "autograd/parallel.h"
#include "autograd/parameters.h"
#include "nn/body.h"

namespace primer::autograd::PRIMER_COMPILED {
template <class T>
struct AttentionLayout;
}

namespace primer::nn {

/// One layer's part; without rows there is none.
template <class T>
struct LayerCache {
  autograd::Tensor<T> rows;  // [B, context, 2 K D]: keys, then values; or sums, see ModelConfig::kept_rows; on no tape
  long past = 0;             // positions of each sequence that are filled

  /// Puts the keys and values of n new tokens after the past ones, and lets their queries see all of them.
  void join(autograd::AttentionLayout<T>& at) const;
};

/// What every layer keeps of up to `most` sequences, all of one length, up to the context. The memory is reserved once;
/// what no position has filled takes none.
template <class T>
class KvCache final : public State<T> {
  using State<T>::most_, State<T>::sequences_, State<T>::past_;

 public:
  /// For a model of this shape; empty, with `most` sequences to come. Throws Error(memory).
  KvCache(const ModelConfig& c, long most)
      : State<T>(most),
        rows_(c.kept_rows()),
        width_(c.kept_width()),
        block_(std::max(1L, c.layers * most * rows_ * width_)),
        nodes_(c.layers) {
    for (long i = 0; i < c.layers; ++i) nodes_[i].value = block_.data() + i * most * rows_ * width_;
    this->clear(most);
  }

  bool fits(const ModelConfig& c) const {
    return c.layers == static_cast<long>(nodes_.size()) && c.kept_rows() == rows_ && c.kept_width() == width_;
  }

  LayerCache<T> layer(long i) { return {{nullptr, &nodes_[i], {sequences_, rows_, width_}}, past_}; }

 private:
  void copy(long from, long to) override {
    for (const autograd::Node<T>& n : nodes_)
      std::copy_n(n.value + from * rows_ * width_, std::min(past_, rows_) * width_, n.value + to * rows_ * width_);
  }

  long rows_, width_;
  autograd::FlatBlock<T> block_;          // [layers, most, rows, width]
  std::vector<autograd::Node<T>> nodes_;  // [layers]
};

}  // namespace primer::nn
