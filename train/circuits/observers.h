// Those who look into a model while it computes, and those who take a part of it away. docs/watching.md has the names.
#pragma once

#include <compare>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/examples/examples.h"
#include "nn/model.h"

namespace primer::train {

/// A head of attention, by its layer and its place in it.
struct Head {
  long layer, head;
  auto operator<=>(const Head&) const = default;
};

/// blocks.N.attention
std::string attention_path(long layer);

/// Copies of the tensors that a model shows, by their names.
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

/// A model's body reads sequences while somebody watches; nothing is recorded, and dropout is off.
template <class T>
void watch(const nn::Model<T>& model, const nn::Sequences& in, autograd::Observer<T>& observer);

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

}  // namespace primer::train
