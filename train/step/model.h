// The model of a run: a GPT, or a BERT for what reads in both directions.
#pragma once

#include <string_view>
#include <variant>

#include "data/examples/examples.h"
#include "nn/bert.h"
#include "nn/gpt.h"

namespace primer::train {

/// Sums over what counts in a loss.
struct Scores {
  nn::Score tokens, labels;

  double token_loss() const { return mean(tokens); }  // nats for each token that counts; 0 if none did
  double label_loss() const { return mean(labels); }
  double loss() const { return token_loss() + label_loss(); }

 private:
  static double mean(const nn::Score& s) { return s.targets > 0 ? s.nll / static_cast<double>(s.targets) : 0; }
};

/// Some sequences of a batch, as a model reads them.
struct BatchPart {
  nn::Sequences sequences;
  std::span<const int> targets;  // [B, T], or none
  std::span<const int> labels;   // [B], or none
};

/// The sequences first ... first + count - 1 of a batch, which must live as long.
BatchPart part_of(const data::Batch& batch, long first, long count);

/// What --freeze leaves to be trained: the head on labels.
bool trains_when_frozen(std::string_view path);

template <class T>
class Model {
 public:
  Model(autograd::Parameters<T>& parameters, const nn::ModelConfig& config);

  const nn::Transformer<T>& body() const;
  const nn::ModelConfig& config() const { return body().config; }
  bool is_bert() const { return std::holds_alternative<nn::Bert<T>>(model_); }
  const nn::Gpt<T>& gpt() const { return std::get<nn::Gpt<T>>(model_); }
  const nn::Bert<T>& bert() const { return std::get<nn::Bert<T>>(model_); }

  /// token_scale times the sum of -ln p over the targets that count, plus label_scale times that over the labels.
  autograd::Tensor<T> loss(autograd::Tape<T>& tape, const BatchPart& part, double token_scale, double label_scale,
                           Scores& scores) const;

 private:
  std::variant<nn::Gpt<T>, nn::Bert<T>> model_;
};

}  // namespace primer::train
