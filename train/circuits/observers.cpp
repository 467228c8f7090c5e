#include "train/circuits/observers.h"

#include <algorithm>

#include "train/step/model.h"

namespace primer::train {

namespace {

std::string name_of(std::string_view path, std::string_view leaf) {
  return std::string(path) + "." + std::string(leaf);
}

}  // namespace

std::string attention_path(long layer) { return "blocks." + std::to_string(layer) + ".attention"; }

template <class T>
bool Recorder<T>::wants(std::string_view path, std::string_view leaf) {
  return names_.contains(name_of(path, leaf));
}

template <class T>
autograd::Tensor<T> Recorder<T>::see(std::string_view path, std::string_view leaf, autograd::Tensor<T> x) {
  seen_[name_of(path, leaf)] = {x.data(), x.data() + x.size()};
  return x;
}

template <class T>
void watch(const nn::Model<T>& model, const nn::Sequences& in, autograd::Observer<T>& observer) {
  autograd::Tape<T> tape;
  const auto pause = tape.pause();
  tape.observer = &observer;
  model.hidden(tape, in);
}

template <class T>
std::vector<std::vector<T>> patterns_of(const nn::Model<T>& model, const data::Batch& batch) {
  const long layers = model.body->attention_layers();
  std::set<std::string> names;
  for (long i = 0; i < layers; ++i) names.insert(attention_path(i) + ".pattern");
  Recorder<T> recorder(names);
  watch<T>(model, part_of(batch, 0, batch.sequences).sequences, recorder);
  std::vector<std::vector<T>> patterns;
  for (long i = 0; i < layers; ++i) patterns.push_back(recorder.values(attention_path(i) + ".pattern"));
  return patterns;
}

template <class T>
WithoutHeads<T>::WithoutHeads(const nn::Model<T>& model, std::set<Head> heads,
                              const std::vector<std::vector<T>>* patterns)
    : config_(model.config()), heads_(std::move(heads)), patterns_(patterns) {}

template <class T>
bool WithoutHeads<T>::wants(std::string_view path, std::string_view leaf) {
  if (patterns_ && leaf == "pattern") return true;
  return leaf == "z" && std::any_of(heads_.begin(), heads_.end(),
                                    [&](const Head& head) { return attention_path(head.layer) == path; });
}

template <class T>
autograd::Tensor<T> WithoutHeads<T>::see(std::string_view path, std::string_view leaf, autograd::Tensor<T> x) {
  for (long layer = 0; layer < config_.layers; ++layer) {
    if (path != attention_path(layer)) continue;
    if (leaf == "pattern") return x.tape->constant(x.shape, (*patterns_)[static_cast<std::size_t>(layer)]);
    std::vector<T> z(x.data(), x.data() + x.size());  // [B, T, H D]
    const long D = config_.head_channels(), width = config_.heads * D;
    for (const Head& head : heads_) {
      if (head.layer != layer) continue;
      for (long row = 0; row < x.size() / width; ++row) std::fill_n(z.begin() + row * width + head.head * D, D, T(0));
    }
    return x.tape->constant(x.shape, z);
  }
  return x;
}

#define PRIMER_OBSERVERS(T)                                                               \
  template class Recorder<T>;                                                             \
  template class WithoutHeads<T>;                                                         \
  template void watch(const nn::Model<T>&, const nn::Sequences&, autograd::Observer<T>&); \
  template std::vector<std::vector<T>> patterns_of(const nn::Model<T>&, const data::Batch&)
PRIMER_OBSERVERS(float);
PRIMER_OBSERVERS(double);
#undef PRIMER_OBSERVERS

}  // namespace primer::train
