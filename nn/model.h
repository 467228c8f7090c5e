// A model: a body, and heads on what it makes of the tokens.
//   a GPT   a causal transformer with a token head. Radford et al. 2018, 2019.
//   an encoder-decoder  reads a source in both directions, and predicts a text token by token. Vaswani et al. 2017.
//   a BERT  a transformer that reads in both directions, with a masked head, a label head, or both. Devlin et al. 2019.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "nn/body.h"
#include "nn/heads.h"

namespace primer::nn {

/// What the loss of one micro-batch is asked for. Targets and labels that are -1 do not count.
struct Targets {
  std::span<const int> tokens = {};            // [B, T]; none: no such loss
  double token_scale = 0;                      // 1 / (tokens that count in the whole step)
  std::span<const int> labels = {};            // [B], in 0 ... K-1; none: no such loss
  double label_scale = 0;                      // 1 / (labels that count in the whole step)
  double smoothing = 0;                        // of all targets, labels too: see cross_entropy
  std::span<const double> label_weights = {};  // [K], what a sequence with each label counts in the loss; none: 1
};

/// Sums over what counts in a loss.
struct Scores {
  Score tokens, labels;

  double token_loss() const { return mean(tokens.nll, tokens); }  // nats for each token that counts; 0 if none did
  double label_loss() const { return mean(labels.nll, labels); }
  double loss() const { return token_loss() + label_loss(); }
  /// What is trained: the loss with Targets::smoothing.
  double smoothed_loss() const { return mean(tokens.smoothed, tokens) + mean(labels.smoothed, labels); }

 private:
  static double mean(double sum, const Score& s) { return s.targets > 0 ? sum / static_cast<double>(s.targets) : 0; }
};

/// The body that a configuration names.
template <class T>
std::unique_ptr<Body<T>> make_body(Parameters<T>& parameters, const ModelConfig& config);

template <class T>
struct Model {
  std::unique_ptr<Body<T>> body;
  std::optional<TokenHead<T>> token;
  std::optional<MaskedHead<T>> masked;
  std::optional<LabelHead<T>> label;

  /// Of the body that the configuration names. Declares all parameters; parameters.build(seed) then gives them numbers.
  /// Throws Error(usage) on a configuration that makes no model.
  Model(Parameters<T>& parameters, const ModelConfig& config);

  /// A body of one's own, which has declared its parameters, and the heads that its configuration names.
  Model(Parameters<T>& parameters, std::unique_ptr<Body<T>> body);

  const ModelConfig& config() const { return body->config; }

  Tensor<T> hidden(Tape<T>& tape, const Sequences& in) const { return body->hidden(tape, in); }

  /// The token head's logits of every position: [B, T, V]. Throws Error(usage) if there is no such head.
  Tensor<T> logits(Tape<T>& tape, const Sequences& in) const;

  /// For generation: tokens [B, n], n >= 1, are what follows the past ones of the state's B sequences; they join these.
  /// Returns the token head's logits of the last of each, [B, V]: with products by tiles those of the whole text, bit
  /// for bit, however it is cut into calls and whichever sequences are beside it. An observer sees the new positions.
  /// The first call gives the source of every sequence to a body that has an encoder. The tape must be paused, and
  /// past + n <= context where the body is bounded: Error(usage).
  Tensor<T> decode(Tape<T>& tape, State<T>& state, std::span<const int> tokens, const Source& source = {}) const;

  /// token_scale times the sum of -ln p(token) over the tokens that count, with smoothing where that is not 0, plus
  /// label_scale times the sum over the labels.
  /// Adds the sums to the scores, if given. Devlin et al., appendix A.2: each loss is a mean, and their sum is trained.
  Tensor<T> loss(Tape<T>& tape, const Sequences& in, const Targets& wanted, Scores* scores = nullptr) const;
};

}  // namespace primer::nn
