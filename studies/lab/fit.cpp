#include "studies/lab/fit.h"

#include <algorithm>
#include <cmath>

#include "autograd/error.h"
#include "optim/adam.h"
#include "optim/clip.h"
#include "studies/lab/lab.h"
#include "train/step/model.h"

namespace primer::studies {

template <class T>
std::vector<double> fit(autograd::Parameters<T>& parameters, const Fit& how, const LossOf<T>& loss,
                        train::Interruption& interruption) {
  const optim::Schedule schedule{how.decay, how.lr, how.min_lr, std::min(how.warmup, how.steps - 1), how.steps};
  optim::Adam<T> adam(parameters, {how.beta1, how.beta2, 1e-8, how.weight_decay, true});
  autograd::Tape<T> tape;
  std::vector<double> losses;
  for (long step = 0; step < how.steps; ++step) {
    if (const int signal = interruption.stop()) throw StudyStopped{signal};
    parameters.zero_grad();
    tape.reset();
    tape.noise = {how.seed, static_cast<std::uint64_t>(step), 0, 0};
    const autograd::Tensor<T> found = loss(tape, step);
    losses.push_back(static_cast<double>(found.item()));
    tape.backward(found);
    parameters.settle();
    const double norm = optim::gradient_norm(parameters);
    if (!std::isfinite(losses.back()) || !std::isfinite(norm)) {
      autograd::refuse("fit", "the loss of step " + std::to_string(step + 1) + " is not finite; try a smaller rate");
    }
    adam.update(schedule.rate(step), optim::clip_factor(norm, how.clip));
    if (how.after) how.after(step + 1);
  }
  return losses;
}

template <class T>
std::vector<double> fit(Net<T>& net, const Fit& how, const std::function<data::Batch(long)>& batch_of,
                        train::Interruption& interruption) {
  data::Batch batch;  // lives as long as the tape of its step
  std::vector<double> losses;
  const LossOf<T> loss = [&](autograd::Tape<T>& tape, long step) {
    batch = batch_of(step);
    nn::Scores scores;
    const autograd::Tensor<T> found = batch_loss(net.model, tape, batch, &scores);
    losses.push_back(scores.loss());  // a sum in double
    return found;
  };
  fit(net.parameters, how, loss, interruption);
  return losses;
}

template <class T>
autograd::Tensor<T> batch_loss(const nn::Model<T>& model, autograd::Tape<T>& tape, const data::Batch& batch,
                               nn::Scores* scores) {
  tape.noise.sequences = batch.sequences;
  nn::Scores own;
  const double scale = 1.0 / static_cast<double>(std::max(1L, batch.target_count()));
  return train::loss_of(model, tape, train::part_of(batch, 0, batch.sequences), scale, 0, scores ? *scores : own);
}

data::Batch empty_batch(long sequences, long length) {
  data::Batch batch;
  batch.sequences = sequences;
  batch.length = length;
  batch.tokens.assign(static_cast<std::size_t>(sequences * length), 0);
  batch.targets.assign(static_cast<std::size_t>(sequences * length), -1);
  batch.lengths.assign(static_cast<std::size_t>(sequences), static_cast<int>(length));
  return batch;
}

template <class T>
std::vector<T> logits_of(const nn::Model<T>& model, const data::Batch& batch, autograd::Observer<T>* observer) {
  autograd::Tape<T> tape;
  tape.training = false;
  const auto pause = tape.pause();
  tape.observer = observer;
  const auto logits = model.logits(tape, train::part_of(batch, 0, batch.sequences).sequences);
  return {logits.data(), logits.data() + logits.size()};
}

template <class T>
std::vector<Judged> judge(const nn::Model<T>& model, const data::Batch& batch, autograd::Observer<T>* observer) {
  const std::vector<T> logits = logits_of(model, batch, observer);  // [B, T, V]
  const long V = model.config().vocabulary;
  std::vector<Judged> judged;
  for (long place = 0; place < batch.sequences * batch.length; ++place) {
    const int target = batch.targets[static_cast<std::size_t>(place)];
    if (target < 0) continue;
    const T* row = logits.data() + place * V;
    const T most = *std::max_element(row, row + V);
    double sum = 0;
    for (long v = 0; v < V; ++v) sum += std::exp(static_cast<double>(row[v] - most));
    const auto rivals = std::count(row, row + V, most);
    judged.push_back(
        {place, std::log(sum) - static_cast<double>(row[target] - most), rivals == 1 && row[target] == most});
  }
  return judged;
}

template <class T>
std::vector<double> correct(const nn::Model<T>& model, const data::Batch& batch, autograd::Observer<T>* observer) {
  std::vector<double> right(static_cast<std::size_t>(batch.sequences), 0), counts(right), shares;
  for (const Judged& one : judge(model, batch, observer)) {
    const auto b = static_cast<std::size_t>(one.place / batch.length);
    right[b] += one.correct ? 1 : 0;
    ++counts[b];
  }
  for (std::size_t b = 0; b < right.size(); ++b) {
    if (counts[b] > 0) shares.push_back(right[b] / counts[b]);
  }
  return shares;
}

template std::vector<double> fit(autograd::Parameters<float>&, const Fit&, const LossOf<float>&, train::Interruption&);
template std::vector<double> fit(autograd::Parameters<double>&, const Fit&, const LossOf<double>&,
                                 train::Interruption&);
template std::vector<double> fit(Net<float>&, const Fit&, const std::function<data::Batch(long)>&,
                                 train::Interruption&);
template std::vector<double> fit(Net<double>&, const Fit&, const std::function<data::Batch(long)>&,
                                 train::Interruption&);
template autograd::Tensor<float> batch_loss(const nn::Model<float>&, autograd::Tape<float>&, const data::Batch&,
                                            nn::Scores*);
template autograd::Tensor<double> batch_loss(const nn::Model<double>&, autograd::Tape<double>&, const data::Batch&,
                                             nn::Scores*);
template std::vector<float> logits_of(const nn::Model<float>&, const data::Batch&, autograd::Observer<float>*);
template std::vector<double> logits_of(const nn::Model<double>&, const data::Batch&, autograd::Observer<double>*);
template std::vector<Judged> judge(const nn::Model<float>&, const data::Batch&, autograd::Observer<float>*);
template std::vector<Judged> judge(const nn::Model<double>&, const data::Batch&, autograd::Observer<double>*);
template std::vector<double> correct(const nn::Model<float>&, const data::Batch&, autograd::Observer<float>*);
template std::vector<double> correct(const nn::Model<double>&, const data::Batch&, autograd::Observer<double>*);

}  // namespace primer::studies
