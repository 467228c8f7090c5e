// A BERT with all its heads compared with PyTorch, in double and in float: tests/golden/README.md says what the files
// hold.
#include <doctest/doctest.h>

#include "optim/adam.h"
#include "optim/clip.h"
#include "optim/schedule.h"
#include "tests/nn/golden.h"

using namespace primer;
using namespace primer::test;

namespace {

const char* const models[] = {"bert_pretraining", "bert_classifier"};

}  // namespace

TEST_CASE_TEMPLATE("logits, classes, loss and every gradient of a BERT are PyTorch's", T, double, float) {
  const double bound = sizeof(T) == sizeof(double) ? 1e-10 : 1e-5;
  for (const char* name : models) {
    CAPTURE(name);
    Golden<T> golden(name);
    {
      const auto pause = golden.tape.pause();
      const auto hidden = golden.model.hidden(golden.tape, golden.sequences_of(0));
      const auto classes = (*golden.model.label)(hidden, golden.lengths_of(0)).logits();
      CHECK(classes.shape == autograd::Shape{golden.sequences, golden.config.output.labels});
      CHECK(distance(classes.data(), read_numbers(golden.file, "classes")) <= bound);
      if (golden.config.output.masked) {
        const long V = golden.config.vocabulary;
        const auto logits = (*golden.model.masked)(hidden).logits();
        const std::vector<double> expected = read_numbers(golden.file, "logits");  // [B, T, V]
        REQUIRE(logits.shape == autograd::Shape{golden.sequences, golden.length, V});
        for (long b = 0; b < golden.sequences; ++b) {  // beyond a sequence's length logits mean nothing
          CAPTURE(b);
          const auto start = expected.begin() + b * golden.length * V;
          const std::vector<double> real(start, start + golden.lengths[b] * V);
          CHECK(distance(logits.data() + b * golden.length * V, real) <= bound);
        }
      } else {
        CHECK_FALSE(golden.model.masked);
      }
    }
    const double loss = read_numbers(golden.file, "loss")[0];
    CHECK(std::abs(golden.forward_backward(0) - loss) <= bound * loss);
    golden.expect_parameters("grad.", golden.parameters.grads(), bound);
  }
}

TEST_CASE_TEMPLATE("a hundred AdamW steps of a BERT are PyTorch's", T, double, float) {
  const bool exact = sizeof(T) == sizeof(double);
  for (const char* name : models) {
    CAPTURE(name);
    Golden<T> golden(name);
    const std::vector<double> rates = read_numbers(golden.file, "lr");  // [100]
    optim::Adam<T> adamw(golden.parameters, {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1});
    golden.expect_training("", exact ? 1e-9 : 1e-4, [&](long step) {
      const double norm = optim::gradient_norm(golden.parameters);
      adamw.update(rates[step], optim::clip_factor(norm, 1));
      return norm;
    });
    if (exact) golden.expect_parameters("final.", golden.parameters.values(), 1e-9);
  }
}
