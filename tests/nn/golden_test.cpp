// Small GPTs and encoder-decoders compared with PyTorch, in double and in float: tests/golden/README.md says what its
// files hold.
#include "tests/nn/golden.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "optim/adam.h"
#include "optim/clip.h"
#include "optim/schedule.h"
#include "optim/sgd.h"

using namespace primer;
using namespace primer::test;

namespace {

const char* const models[] = {"gpt2",       "nanogpt", "untied_sinusoidal", "transformer",    "post_no_bias",
                              "masked_pre", "bert",    "odd_sizes",         "attention_only", "rnn",
                              "gru",        "lstm",    "gru_odd_sizes",     "lstm_odd_sizes", "rms_swiglu",
                              "llama",      "qwen3"};

template <class T>
void expect_first_step(const std::string& name) {
  const double bound = sizeof(T) == sizeof(double) ? 1e-10 : 1e-5;
  CAPTURE(name);
  Golden<T> golden(name);
  const std::vector<double> expected = read_numbers(golden.file, "logits");  // [B, T, V]
  {
    const auto pause = golden.tape.pause();
    const auto logits = golden.model.logits(golden.tape, golden.sequences_of(0));
    const long V = golden.config.vocabulary;
    REQUIRE(logits.shape == autograd::Shape{golden.sequences, golden.length, V});
    for (long b = 0; b < golden.sequences; ++b) {  // beyond a sequence's length logits mean nothing
      CAPTURE(b);
      const auto start = expected.begin() + b * golden.length * V;
      const std::vector<double> real(start, start + golden.lengths[b] * V);
      CHECK(distance(logits.data() + b * golden.length * V, real) <= bound);
    }
  }
  const double loss = read_numbers(golden.file, "loss")[0];
  CHECK(std::abs(golden.forward_backward(0) - loss) <= bound * loss);
  golden.expect_parameters("grad.", golden.parameters.grads(), bound);
}

}  // namespace

TEST_CASE_TEMPLATE("logits, loss and every gradient of a GPT are PyTorch's", T, double, float) {
  for (const char* name : models) expect_first_step<T>(name);
}

TEST_CASE_TEMPLATE("logits, smoothed loss and every gradient of an encoder-decoder are PyTorch's", T, double, float) {
  for (const char* name : {"encoder_decoder_post", "encoder_decoder_pre", "alignment_additive", "alignment_general"})
    expect_first_step<T>(name);
}

TEST_CASE_TEMPLATE("a hundred AdamW steps, clipped and scheduled, are PyTorch's", T, double, float) {
  const bool exact = sizeof(T) == sizeof(double);
  const optim::Schedule schedule{.decay = optim::Decay::cosine, .lr = 1e-2, .min_lr = 1e-3, .warmup = 10, .steps = 100};
  for (const std::string name : models) {
    CAPTURE(name);
    Golden<T> golden(name);
    const std::vector<double> rates = read_numbers(golden.file, "lr");  // [100]
    REQUIRE(rates.size() == 100);
    optim::Adam<T> adamw(golden.parameters, {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1});
    golden.expect_training("", exact ? 1e-9 : 1e-4, [&](long step) {
      CHECK(schedule.rate(step) == doctest::Approx(rates[step]).epsilon(1e-14));
      const double norm = optim::gradient_norm(golden.parameters);
      adamw.update(rates[step], optim::clip_factor(norm, 1));
      return norm;
    });
    // In float a hundred updates of elements whose gradient is nearly zero go their own way.
    if (exact) golden.expect_parameters("final.", golden.parameters.values(), 1e-9);
  }
}

TEST_CASE_TEMPLATE("SGD with momentum and Adam step as PyTorch's do", T, double, float) {
  const bool exact = sizeof(T) == sizeof(double);
  const auto run = [&](const std::string& prefix, double rate, auto make) {
    Golden<T> golden("sgd_adam");
    auto optimizer = make(golden.parameters);
    golden.expect_training(prefix, exact ? 1e-10 : 1e-5, [&](long) {
      const double norm = optim::gradient_norm(golden.parameters);
      optimizer.update(rate);
      return norm;
    });
    if (exact) golden.expect_parameters(prefix + "final.", golden.parameters.values(), 1e-10);
  };
  run("sgd.", 0.05, [](auto& parameters) { return optim::Sgd<T>(parameters, 0.9); });
  run("adam.", 0.01,
      [](auto& parameters) { return optim::Adam<T>(parameters, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}); });
}
