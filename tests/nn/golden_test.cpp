// Small GPTs compared with PyTorch, in double and in float: tests/golden/README.md says what its files hold.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "data/safetensors.h"
#include "nn/gpt.h"
#include "optim/adam.h"
#include "optim/clip.h"
#include "optim/schedule.h"
#include "optim/sgd.h"

using namespace primer;

namespace {

const char* const models[] = {"gpt2",       "nanogpt", "untied_sinusoidal", "transformer",   "post_no_bias",
                              "masked_pre", "bert",    "odd_sizes",         "attention_only"};

/// The configuration that a golden file carries as metadata. Every field must be there.
nn::GptConfig read_config(const data::SafetensorsFile& file) {
  const auto text = [&](const char* key) { return file.metadata().at(key); };
  const auto number = [&](const char* key) { return std::stol(text(key)); };
  nn::GptConfig config;
  config.vocabulary = number("vocabulary");
  config.context = number("context");
  config.layers = number("layers");
  config.heads = number("heads");
  config.channels = number("channels");
  config.ffn_channels = number("ffn_channels");
  config.bias = text("bias") == "true";
  config.tie = text("tie") == "true";
  config.causal = text("causal") == "true";
  config.norm = text("norm") == "pre" ? nn::Norm::pre : text("norm") == "post" ? nn::Norm::post : nn::Norm::none;
  config.position = text("position") == "learned"      ? nn::Position::learned
                    : text("position") == "sinusoidal" ? nn::Position::sinusoidal
                                                       : nn::Position::none;
  config.activation = text("activation") == "gelu"       ? nn::Activation::gelu
                      : text("activation") == "gelu_erf" ? nn::Activation::gelu_erf
                                                         : nn::Activation::relu;
  return config;
}

std::vector<double> read_numbers(const data::SafetensorsFile& file, const std::string& name) {
  const data::TensorEntry* entry = file.find(name);
  REQUIRE_MESSAGE(entry != nullptr, name);
  std::vector<double> numbers(entry->count());
  file.read(name, numbers.data(), numbers.size());
  return numbers;
}

std::vector<int> read_ids(const data::SafetensorsFile& file, const std::string& name) {
  const std::vector<std::int64_t> wide = file.read_integers(name);
  return {wide.begin(), wide.end()};
}

/// The largest difference, relative to the largest expected value; NaN if there is one anywhere.
template <class T>
double distance(const T* got, const std::vector<double>& expected) {
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = std::abs(got[i] - expected[i]);
    if (!(d <= difference)) difference = d;
    if (std::isnan(difference)) return difference;
    largest = std::max(largest, std::abs(expected[i]));
  }
  return difference / largest;
}

/// A golden file's model with its parameters at the start, and its batches.
template <class T>
struct Golden {
  explicit Golden(const std::string& name)
      : file(PRIMER_SOURCE_DIR "/tests/golden/" + name + ".safetensors"), config(read_config(file)),
        model(parameters, config), tokens(read_ids(file, "tokens")), targets(read_ids(file, "targets")),
        lengths(read_ids(file, "lengths")) {
    const std::vector<long>& shape = file.find("tokens")->shape;  // [batches, B, T]
    batches = shape[0], sequences = shape[1], length = shape[2];
    parameters.build(1);
    long given = 0;
    for (const data::TensorEntry& entry : file.tensors()) given += entry.name.starts_with("param.");
    REQUIRE(given == static_cast<long>(parameters.entries().size()));
    for (const auto& entry : parameters.entries()) {
      CAPTURE(entry.path);
      const data::TensorEntry* start = file.find("param." + entry.path);
      REQUIRE(start != nullptr);
      REQUIRE(start->shape == std::vector<long>(entry.shape.extents.begin(),
                                                entry.shape.extents.begin() + entry.shape.rank));
      CHECK(entry.decay == (entry.shape.rank >= 2));
      file.read(start->name, parameters.values() + entry.offset, start->count());
    }
  }

  std::span<const int> part(const std::vector<int>& all, long batch, long size) const {
    return std::span(all).subspan(batch * size, size);
  }
  std::span<const int> tokens_of(long batch) const { return part(tokens, batch, sequences * length); }    // [B, T]
  std::span<const int> targets_of(long batch) const { return part(targets, batch, sequences * length); }  // [B, T]
  std::span<const int> lengths_of(long batch) const { return part(lengths, batch, sequences); }           // [B]

  /// Mean loss of a batch; leaves its gradients in the parameters.
  double forward_backward(long batch) {
    tape.reset();
    parameters.zero_grad();
    const auto wanted = targets_of(batch);
    const long counted = std::count_if(wanted.begin(), wanted.end(), [](int id) { return id >= 0; });
    nn::Score score;
    auto loss = model.loss(tape, tokens_of(batch), wanted, sequences, length, lengths_of(batch), 1.0 / counted, &score);
    CHECK(score.targets == counted);
    CHECK(score.nll / counted == doctest::Approx(loss.item()).epsilon(1e-6));
    tape.backward(loss);
    parameters.settle();
    return loss.item();
  }

  /// Compares every parameter's value or gradient with the file's arrays `prefix` + path.
  void expect_parameters(const std::string& prefix, const T* block, double bound) {
    for (const auto& entry : parameters.entries()) {
      CAPTURE(entry.path);
      CHECK(distance(block + entry.offset, read_numbers(file, prefix + entry.path)) <= bound);
    }
  }

  /// Steps through the batches in a circle, as the golden run did. update(step) clips and updates, and returns the
  /// gradient's norm. The losses' bound is relative, the norms' is ten times as wide.
  template <class Update>
  void expect_training(const std::string& prefix, double bound, Update update) {
    const std::vector<double> losses = read_numbers(file, prefix + "losses");  // [steps]
    const std::vector<double> norms = read_numbers(file, prefix + "norms");    // [steps]
    for (std::size_t step = 0; step < losses.size(); ++step) {
      CAPTURE(step);
      CHECK(std::abs(forward_backward(step % batches) - losses[step]) <= bound * losses[step]);
      CHECK(std::abs(update(step) - norms[step]) <= 10 * bound * norms[step]);
    }
  }

  data::SafetensorsFile file;
  nn::GptConfig config;
  autograd::Parameters<T> parameters;
  nn::Gpt<T> model;
  autograd::Tape<T> tape;
  std::vector<int> tokens, targets, lengths;  // [batches, B, T], [batches, B, T], [batches, B]
  long batches, sequences, length;
};

}  // namespace

TEST_CASE_TEMPLATE("logits, loss and every gradient of a GPT are PyTorch's", T, double, float) {
  const double bound = sizeof(T) == sizeof(double) ? 1e-10 : 1e-5;
  for (const char* name : models) {
    CAPTURE(name);
    Golden<T> golden(name);
    const std::vector<double> expected = read_numbers(golden.file, "logits");  // [B, T, V]
    {
      const auto pause = golden.tape.pause();
      const auto logits = golden.model.logits(golden.tape, golden.tokens_of(0), golden.sequences, golden.length,
                                              golden.lengths_of(0));
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
}

TEST_CASE_TEMPLATE("a hundred AdamW steps, clipped and scheduled, are PyTorch's", T, double, float) {
  const bool exact = sizeof(T) == sizeof(double);
  const optim::Schedule schedule{.decay = optim::Decay::cosine, .lr = 1e-2, .min_lr = 1e-3, .warmup = 10, .steps = 100};
  for (const char* name : models) {
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
  run("adam.", 0.01, [](auto& parameters) {
    return optim::Adam<T>(parameters, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8});
  });
}
