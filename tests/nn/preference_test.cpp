// Objectives that are more than a mean over tokens, trained on a tape for some steps.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/reduce.h"
#include "optim/adam.h"
#include "tests/nn/small_model.h"

using namespace primer::test;
namespace optim = primer::optim;

namespace {

// Two beginnings of three tokens, each with two ends of two tokens: [2 pairs, T], cut to inputs and targets.
constexpr long pairs = 2, length = 4;
const Ids better = {1, 2, 3, 7, 8, 4, 5, 6, 9, 10}, worse = {1, 2, 3, 11, 12, 4, 5, 6, 13, 14};

/// Inputs: all but the last token of each sequence of five.
Ids inputs_of(const Ids& texts) {
  Ids ids;
  for (long r = 0; r < pairs; ++r) ids.insert(ids.end(), texts.begin() + r * 5, texts.begin() + r * 5 + 4);
  return ids;
}

/// Targets: the ends alone count, not the beginnings.
Ids targets_of(const Ids& texts) {
  Ids ids;
  for (long r = 0; r < pairs; ++r)
    for (long t = 1; t <= length; ++t) ids.push_back(t < 3 ? -1 : texts[r * 5 + t]);
  return ids;
}

/// ln p of each sequence's end: [pairs].
Tensor<double> end_log_probs(Tape<double>& tape, const Model<double>& gpt, const Ids& texts) {
  const Ids inputs = inputs_of(texts);
  const auto x = gpt.hidden(tape, {inputs, pairs, length});
  return sum_last(reshape(token_log_probs<double>(x, gpt.token->weight, targets_of(texts)), {pairs, length}));
}

ModelConfig tiny() { return {.vocabulary = 17, .context = 8, .layers = 1, .heads = 2, .channels = 8}; }

}  // namespace

// Rafailov et al. 2023, equation 7, with beta = 0.1: -ln sigmoid(beta (policy's gain on better - its gain on worse)),
// gains against a reference model that stays as it is.
TEST_CASE("direct preference optimisation: the better end gains on the worse one, and the loss falls from ln 2") {
  SmallModel<double> policy(tiny(), 1);
  SmallModel<double> reference(tiny(), 1);
  optim::Adam<double> adam(policy.parameters);
  const auto step = [&] {
    policy.tape.reset();
    policy.parameters.zero_grad();
    std::vector<double> margin;  // of the reference: ln p(better) - ln p(worse), [pairs]
    {
      const auto pause = policy.tape.pause();
      const auto y =
          subtract(end_log_probs(policy.tape, reference.gpt, better), end_log_probs(policy.tape, reference.gpt, worse));
      margin.assign(y.data(), y.data() + pairs);
    }
    Tape<double>& tape = policy.tape;
    const auto of_policy = subtract(end_log_probs(tape, policy.gpt, better), end_log_probs(tape, policy.gpt, worse));
    const auto gain = subtract(of_policy, tape.constant({pairs}, margin));
    const auto loss = scale(sum(log(sigmoid(scale(gain, 0.1)))), -1.0 / pairs);
    tape.backward(loss);
    policy.parameters.settle();
    adam.update(0.01);
    return loss.item();
  };
  const double first = step();
  CHECK(first == doctest::Approx(std::log(2)).epsilon(1e-12));  // the policy is the reference yet
  double last = first;
  for (int i = 0; i < 30; ++i) last = step();
  CHECK(last < 0.5 * first);
}

TEST_CASE("weights decide which of two texts that contradict each other is learned") {
  SmallModel<double> model(tiny());
  optim::Adam<double> adam(model.parameters);
  const Ids tokens = {1, 1}, targets = {2, 3};
  const std::vector<double> weights = {0, 1};
  std::vector<double> losses;
  for (int i = 0; i < 40; ++i) {
    model.tape.reset();
    model.parameters.zero_grad();
    const auto x = model.gpt.hidden(model.tape, {tokens, 2, 1});
    const auto loss = cross_entropy<double>(x, model.gpt.token->weight, targets, 1, nullptr, {}, weights);
    model.tape.backward(loss);
    model.parameters.settle();
    adam.update(0.02);
    losses.push_back(loss.item());
  }
  CHECK(losses.back() < 0.1 * losses.front());
  const auto pause = model.tape.pause();
  const auto y =
      token_log_probs<double>(model.gpt.hidden(model.tape, {tokens, 2, 1}), model.gpt.token->weight, targets);
  CHECK(y.data()[0] < -3);
  CHECK(y.data()[1] > -0.1 * std::log(17));
}
