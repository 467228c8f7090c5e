// What attention has computed already: the keys and values of past tokens, or the sums of linear attention. With them
// the next token costs one row of work in each layer, and not all rows again.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "autograd/parallel.h"
#include "autograd/parameters.h"
#include "nn/body.h"

namespace primer::autograd::PRIMER_COMPILED {
struct AttentionOptions;
template <class T>
struct AttentionLayout;
}  // namespace primer::autograd::PRIMER_COMPILED

namespace primer::nn {

/// One layer's part; without rows there is none.
template <class T>
struct LayerCache {
  autograd::Tensor<T> rows;  // [B, context, 2 K D]: keys, then values; or sums, see ModelConfig::kept_rows; on no tape
  long past = 0;             // positions of each sequence that are filled

  /// Puts the keys and values of n new tokens after the past ones, and lets their queries see all of them.
  void join(autograd::AttentionLayout<T>& at) const;
};

/// What every layer keeps of up to `most` sequences, all of one length, up to the context; a decoder's also of a source
/// for each, up to the context. The memory is reserved once; what no position has filled takes none.
template <class T>
class KvCache final : public State<T> {
  using State<T>::most_, State<T>::sequences_, State<T>::past_;

 public:
  /// For a model of this shape; empty, with `most` sequences to come. Throws Error(memory).
  KvCache(const ModelConfig& c, long most)
      : State<T>(most),
        rows_(c.kept_rows()),
        width_(c.kept_width()),
        layers_(c.layers),
        block_(std::max(1L, node_count(c) * most * rows_ * width_)),
        nodes_(node_count(c)),
        source_lengths_(most) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i].value = block_.data() + i * most * rows_ * width_;
    this->clear(most);
  }

  bool fits(const ModelConfig& c) const {
    return c.layers == layers_ && node_count(c) == static_cast<long>(nodes_.size()) && c.kept_rows() == rows_ &&
           c.kept_width() == width_;
  }

  LayerCache<T> layer(long i) { return part(i, past_); }

  /// Of the source, for a decoder's layer. Its past are the places of the source once the sequences have begun, 0
  /// before.
  LayerCache<T> source(long i) { return part(layers_ + i, source_length()); }
  std::span<const int> source_lengths() const { return std::span(source_lengths_).first(sequences_); }  // [B]

  /// The sources that the sequences have just begun with.
  void keep_lengths(const Source& source) {
    source_length_ = source.length;
    std::fill(source_lengths_.begin(), source_lengths_.end(), static_cast<int>(source.length));
    std::copy(source.lengths.begin(), source.lengths.end(), source_lengths_.begin());
  }

 private:
  void copy(long from, long to) override {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const long filled = static_cast<long>(i) < layers_ ? std::min(past_, rows_) : source_length();
      T* const rows = nodes_[i].value;
      std::copy_n(rows + from * rows_ * width_, filled * width_, rows + to * rows_ * width_);
    }
    source_lengths_[to] = source_lengths_[from];
  }

  static long node_count(const ModelConfig& c) { return c.layers * (c.decoder_layers > 0 ? 2 : 1); }
  long source_length() const { return past_ > 0 ? source_length_ : 0; }
  LayerCache<T> part(long i, long past) { return {{nullptr, &nodes_[i], {sequences_, rows_, width_}}, past}; }

  long rows_, width_, layers_;
  autograd::FlatBlock<T> block_;          // [layers, most, rows, width], and a decoder's sources after that
  std::vector<autograd::Node<T>> nodes_;  // [layers], and the sources'
  long source_length_ = 0;                // S
  std::vector<int> source_lengths_;       // [most]
};

}  // namespace primer::nn
