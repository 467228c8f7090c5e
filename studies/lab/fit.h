// The training loop of the studies, over batches that are made as they are needed; no run, no file. A step is that of
// `primer train`: the losses are the same bits.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "data/examples/examples.h"
#include "nn/model.h"
#include "optim/schedule.h"
#include "train/step/interruption.h"

namespace primer::studies {

/// AdamW with a schedule and clipping. Loshchilov & Hutter 2019.
struct Fit {
  long steps = 1000;
  double lr = 2e-3, min_lr = 0;
  long warmup = 100;
  optim::Decay decay = optim::Decay::cosine;
  double clip = 1, beta1 = 0.9, beta2 = 0.98, weight_decay = 0.01;
  std::uint64_t seed = 1;                // of dropout
  std::function<void(long)> after = {};  // told how many steps were made, after each
};

/// A model and its numbers.
template <class T>
struct Net {
  autograd::Parameters<T> parameters;
  nn::Model<T> model;

  Net(const nn::ModelConfig& config, std::uint64_t seed) : model(parameters, config) { parameters.build(seed); }

  /// Of a body of one's own, which make(parameters) declares.
  using Make = std::function<std::unique_ptr<nn::Body<T>>(autograd::Parameters<T>&)>;
  Net(const Make& make, std::uint64_t seed) : model(parameters, make(parameters)) { parameters.build(seed); }
};

/// Trains the parameters: loss(tape, step) records the loss of a step, counted from 0, a single number. An observer may
/// change what is computed. Returns the losses, [steps]. Throws StudyStopped at a signal, and Fault::usage when a loss
/// is not finite.
template <class T>
using LossOf = std::function<autograd::Tensor<T>(autograd::Tape<T>&, long)>;
using BatchOf = std::function<data::Batch(long)>;
template <class T>
std::vector<double> fit(autograd::Parameters<T>& parameters, const Fit& how, train::Interruption& interruption,
                        const LossOf<T>& loss, autograd::Observer<T>* observer = nullptr);

/// The same, of a model on batches of tokens: the mean of -ln p over the targets that count, and over labels if a batch
/// has some.
template <class T>
std::vector<double> fit(Net<T>& net, const Fit& how, train::Interruption& interruption, const BatchOf& batch_of,
                        autograd::Observer<T>* observer = nullptr);

/// Room for B sequences of T tokens, all real: token 0, and no target counts.
data::Batch empty_batch(long sequences, long length);

/// The token head's logits, [B, T, V], and what an observer, if any, is shown on the way.
template <class T>
std::vector<T> logits_of(const nn::Model<T>& model, const data::Batch& batch,
                         autograd::Observer<T>* observer = nullptr);

/// -ln p of every target that counts, and whether its logit is larger than any other; in the order of the batch.
struct Judged {
  long place;  // b T + t
  double nll;
  bool correct;
};
template <class T>
std::vector<Judged> judge(const nn::Model<T>& model, const data::Batch& batch,
                          autograd::Observer<T>* observer = nullptr);

/// The share of its targets that a model gets right, for each sequence that has some. Places of one sequence depend on
/// each other, sequences do not.
template <class T>
std::vector<double> correct(const nn::Model<T>& model, const data::Batch& batch,
                            autograd::Observer<T>* observer = nullptr);

}  // namespace primer::studies
