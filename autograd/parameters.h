// Parameters: declared one by one with a path, then laid out once in one flat block of values and one of gradients.
// Optimizer, clipping, saving and averaging are then single loops over flat memory.
#pragma once

#include <algorithm>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autograd/parallel.h"
#include "autograd/random.h"
#include "autograd/region.h"
#include "autograd/tensor.h"

namespace primer::autograd {

/// How a parameter starts: normal numbers around a mean. Deviation 0: the mean itself.
struct Init {
  double deviation = 0;
  double mean = 0;
  long from = 0, to = std::numeric_limits<long>::max();  // elements from ... to - 1 have that mean, the others 0
  bool fixed = false;                                    // it is never trained
  bool orthogonal = false;  // of its rows [n, D] every D are then made orthogonal: orthogonalise()
};

/// A flat array on huge pages, zero at first.
template <class T>
class FlatBlock {
 public:
  explicit FlatBlock(long count, Memory memory = Memory::real)
      : region_(std::max<std::size_t>(count * sizeof(T), 1), memory) {
    region_.open(count * sizeof(T));
  }
  T* data() const { return reinterpret_cast<T*>(region_.data()); }

 private:
  Region region_;
};

template <class T>
class Parameters {
 public:
  struct Entry {
    std::string path;  // blocks.3.attention.qkv.weight
    Shape shape;
    Init init;
    bool decay;           // weight decay applies: matrices and embeddings, not biases and norms
    bool frozen = false;  // keeps its numbers in training
    long offset = 0;      // in the flat blocks, in elements; a multiple of 64 bytes
  };

  /// Declares a parameter; its numbers exist after build(). Copying the returned handle ties two uses together.
  /// Throws Error(bug) on a path declared twice or after build().
  Tensor<T> declare(const std::string& path, Shape shape, Init init, bool decay) {
    if (values_) refuse("parameters", path + " is declared after build()", Fault::bug);
    for (const Entry& e : entries_)
      if (e.path == path) refuse("parameters", path + " is declared twice", Fault::bug);
    entries_.push_back({path, shape, init, decay, init.fixed});
    Node<T>& node = nodes_.emplace_back();
    node.size = shape.size();
    node.parameter = true;
    node.needs_grad = !init.fixed;
    return {nullptr, &node, shape};
  }

  /// Only the parameters whose path `trains` accepts will be trained, and of these what is not fixed. Before build():
  /// Error(bug).
  template <class Predicate>
  void train_only(Predicate trains) {
    if (values_) refuse("parameters", "what is trained is chosen after build()", Fault::bug);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      entries_[i].frozen = entries_[i].init.fixed || !trains(entries_[i].path);
      nodes_[i].needs_grad = !entries_[i].frozen;
    }
  }

  /// Lays out all parameters, the decayed ones first and the frozen ones last; all are 0. Frozen ones have no gradient.
  /// Without memory for a tape that has none.
  void lay_out(Memory memory = Memory::real) {
    long offset = 0;
    const auto place = [&](auto belongs) {
      for (Entry& e : entries_) {
        if (!belongs(e)) continue;
        e.offset = offset;
        offset += (e.shape.size() + alignment - 1) / alignment * alignment;
      }
      return offset;
    };
    decayed_ = place([](const Entry& e) { return e.decay && !e.frozen; });
    trained_ = place([](const Entry& e) { return !e.decay && !e.frozen; });
    size_ = place([](const Entry& e) { return e.frozen; });
    values_ = std::make_unique<FlatBlock<T>>(size_, memory);
    grads_ = std::make_unique<FlatBlock<T>>(trained_, memory);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      nodes_[i].value = values() + entries_[i].offset;
      if (!entries_[i].frozen) nodes_[i].grad = grads() + entries_[i].offset;
    }
  }

  /// Lays out all parameters and draws their initial numbers.
  void build(std::uint64_t seed) {
    lay_out();
    draw(seed, [](std::string_view) { return true; });
  }

  /// Initialises each parameter whose path `wants` accepts from (seed, hash of its path): adding or reordering
  /// parameters changes no other one's numbers.
  template <class Predicate>
  void draw(std::uint64_t seed, Predicate wants) {
    for (const Entry& e : entries_) {
      if (!wants(e.path)) continue;
      const Random random(seed, hash(e.path));
      split(e.shape.size(), 100, [&, out = values() + e.offset](long begin, long end, int) {
        for (long k = begin; k < end; ++k)
          out[k] = static_cast<T>((k >= e.init.from && k < e.init.to ? e.init.mean : 0) +
                                  (e.init.deviation > 0 ? e.init.deviation * random.normal(k) : 0));
      });
      if (e.init.orthogonal) orthogonalise(values() + e.offset, e.shape.rows(), e.shape.last());
    }
  }

  /// Before a step: no gradient is written yet. Nothing is cleared, since first writes assign.
  void zero_grad() {
    for (Node<T>& n : nodes_) n.written = false;
  }

  /// After backward: gradients that nobody wrote become zero, so that the flat block is whole.
  void settle() {
    for (Node<T>& n : nodes_)
      if (n.needs_grad && !std::exchange(n.written, true)) std::fill_n(n.grad, n.size, T(0));
  }

  const std::vector<Entry>& entries() const { return entries_; }  // in order of declaration
  T* values() const { return values_->data(); }                   // [size()]
  T* grads() const { return grads_->data(); }                     // [trained()]
  long size() const { return size_; }                             // elements, padding included (it stays zero)
  long trained() const { return trained_; }                       // the first so many are trained
  long decayed() const { return decayed_; }                       // of these the first so many are decayed

  /// Numbers, without padding.
  long count() const {
    long n = 0;
    for (const Entry& e : entries_) n += e.shape.size();
    return n;
  }

  /// The handle of a declared parameter. Throws Error(usage) if there is none of that path.
  Tensor<T> at(std::string_view path) {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].path == path) return {nullptr, &nodes_[i], entries_[i].shape};
    refuse("parameters", "there is no parameter " + std::string(path));
  }

 private:
  static constexpr long alignment = 64 / sizeof(T);

  std::vector<Entry> entries_;
  std::deque<Node<T>> nodes_;  // a deque: handles point into it
  std::unique_ptr<FlatBlock<T>> values_, grads_;
  long size_ = 0, trained_ = 0, decayed_ = 0;
};

}  // namespace primer::autograd
