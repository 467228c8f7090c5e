// A model of attention alone, without norms and biases, is a sum of paths once every head looks where it looked: tokens
// go straight to the logits, through one head, or through a head of each of several layers. And models in which some of
// these paths are cut. Elhage et al. 2021.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/transformer.h"
#include "train/circuits/head_weights.h"

namespace primer::studies {

/// A model of attention alone, with 4 heads and 64 channels, without norms and biases. Learned positions reach queries
/// and keys only, so that tokens alone are copied.
inline nn::ModelConfig attention_only(long vocabulary, long context, long layers) {
  return {.vocabulary = vocabulary,
          .context = context,
          .layers = layers,
          .heads = 4,
          .channels = 64,
          .ffn_channels = -1,
          .position = nn::Position::qk,
          .norm = nn::NormPlace::none,
          .deviation = 0.1,
          .output = {.tie = false}};
}

/// A transformer in whose first layer each key is mixed with the one before it. Olsson et al. 2022, "Smeared keys".
inline std::unique_ptr<nn::Body<float>> smeared_body(autograd::Parameters<float>& parameters,
                                                     const nn::ModelConfig& config) {
  auto body = std::make_unique<nn::Transformer<float>>(parameters, config);
  body->blocks[0].attention.smear = parameters.declare("blocks.0.attention.smear", {config.heads}, {}, false);
  return body;
}

template <class T>
class Paths {
 public:
  /// Runs the model once, to see where each head looks. Positions may reach queries and keys, nothing else. The model
  /// and the batch must outlive the paths.
  Paths(const nn::Model<T>& model, const data::Batch& batch);

  /// W_E of every token, [B T, C]: where every path begins.
  const train::Matrix& tokens() const { return tokens_; }

  /// A x W_V^T W_O^T: what a head makes of rows x, [B T, C] both. Of the rows that a head of a layer before has made,
  /// it is a virtual head.
  train::Matrix written(train::Head head, const train::Matrix& x) const;

  /// The sum of what all heads of a layer make of them.
  train::Matrix written(long layer, const train::Matrix& x) const;

  /// -ln p of every target that counts, in the batch's order, of the logits x W_U^T.
  std::vector<double> nats(const train::Matrix& x) const;

 private:
  const nn::Model<T>& model_;
  const data::Batch& batch_;
  std::vector<std::vector<T>> patterns_;  // [B, H, T, T] of every layer
  train::Matrix tokens_, unembedding_;
};

/// While it watches, the keys ("k") or the values ("v") of the second layer are made of the tokens, and not of what the
/// first layer has written: no K-composition, no V-composition. Of models without norms; positions reach keys as ever.
class FromTokens : public autograd::Observer<float> {
 public:
  FromTokens(const nn::Model<float>& model, std::string leaf)
      : attention_(dynamic_cast<const nn::Transformer<float>&>(*model.body).blocks[1].attention),
        leaf_(std::move(leaf)) {}
  bool wants(std::string_view path, std::string_view leaf) override {
    return (path == "embedding" && leaf == "output") || (path == attention_.path && leaf == leaf_);
  }
  autograd::Tensor<float> see(std::string_view path, std::string_view leaf, autograd::Tensor<float> x) override;

 private:
  const nn::SelfAttention<float>& attention_;
  std::string leaf_;
  autograd::Tensor<float> tokens_;
};

}  // namespace primer::studies
