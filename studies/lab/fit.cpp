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
std::vector<double> fit(autograd::Parameters<T>& parameters, const Fit& how, train::Interruption& interruption,
                        const LossOf<T>& loss, autograd::Observer<T>* observer) {
  const optim::Schedule schedule{how.decay, how.lr, how.min_lr, std::min(how.warmup, how.steps - 1), how.steps};
  optim::Adam<T> adam(parameters, {how.beta1, how.beta2, 1e-8, how.weight_decay, true});
  autograd::Tape<T> tape;
  tape.observer = observer;
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
std::vector<double> fit(Net<T>& net, const Fit& how, train::Interruption& interruption, const BatchOf& batch_of,
                        autograd::Observer<T>* observer) {
  data::Batch batch;  // lives as long as the tape of its step
  std::vector<double> losses;
  const LossOf<T> loss = [&](autograd::Tape<T>& tape, long step) {
    batch = batch_of(step);
    tape.noise.sequences = batch.sequences;
    nn::Scores scores;
    const auto found = train::loss_of(
        net.model, tape, train::part_of(batch, 0, batch.sequences),
        {1.0 / std::max(1L, batch.target_count()), 1.0 / std::max<std::size_t>(1, batch.labels.size())}, scores);
    losses.push_back(scores.loss());  // a sum in double
    return found;
  };
  fit(net.parameters, how, interruption, loss, observer);
  return losses;
}

data::Batch empty_batch(long sequences, long length) {
  const std::vector<int> tokens(sequences * length, 0), targets(sequences * length, -1), lengths(sequences, length);
  return {sequences, length, tokens, targets, lengths, {}, {}};
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
    const int target = batch.targets[place];
    if (target < 0) continue;
    const T* row = logits.data() + place * V;
    const T most = *std::max_element(row, row + V);
    double sum = 0;
    for (long v = 0; v < V; ++v) sum += std::exp(static_cast<double>(row[v] - most));
    const bool correct = row[target] == most && std::count(row, row + V, most) == 1;
    judged.push_back({place, std::log(sum) - static_cast<double>(row[target] - most), correct});
  }
  return judged;
}

template <class T>
std::vector<double> correct(const nn::Model<T>& model, const data::Batch& batch, autograd::Observer<T>* observer) {
  std::vector<double> right(batch.sequences, 0), counts(right), shares;
  for (const Judged& one : judge(model, batch, observer)) {
    right[one.place / batch.length] += one.correct;
    ++counts[one.place / batch.length];
  }
  for (std::size_t b = 0; b < right.size(); ++b) {
    if (counts[b] > 0) shares.push_back(right[b] / counts[b]);
  }
  return shares;
}

#define PRIMER_FIT(T)                                                                                                  \
  template std::vector<double> fit(autograd::Parameters<T>&, const Fit&, train::Interruption&, const LossOf<T>&,       \
                                   autograd::Observer<T>*);                                                            \
  template std::vector<double> fit(Net<T>&, const Fit&, train::Interruption&, const BatchOf&, autograd::Observer<T>*); \
  template std::vector<T> logits_of(const nn::Model<T>&, const data::Batch&, autograd::Observer<T>*);                  \
  template std::vector<Judged> judge(const nn::Model<T>&, const data::Batch&, autograd::Observer<T>*);                 \
  template std::vector<double> correct(const nn::Model<T>&, const data::Batch&, autograd::Observer<T>*)
PRIMER_FIT(float);
PRIMER_FIT(double);
#undef PRIMER_FIT

}  // namespace primer::studies
