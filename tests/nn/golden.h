// What tests/golden holds of whole models, and a model beside it that starts with the same numbers.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "data/bytes/safetensors.h"
#include "nn/model.h"
#include "tests/places.h"

namespace primer::test {

/// The configuration that a golden file carries as metadata. Every field must be there.
inline nn::ModelConfig read_config(const data::SafetensorsFile& file) {
  const auto text = [&](const char* key) { return file.metadata().at(key); };
  const auto number = [&](const char* key) { return std::stol(text(key)); };
  nn::ModelConfig config;
  if (file.metadata().contains("body")) config.body = autograd::word<nn::BodyKind>(text("body")).value();
  config.vocabulary = number("vocabulary");
  config.context = number("context");
  config.layers = number("layers");
  config.heads = number("heads");
  config.channels = number("channels");
  config.ffn_channels = number("ffn_channels");
  config.bias = text("bias") == "true";
  config.output.tie = text("tie") == "true";
  config.causal = text("causal") == "true";
  config.norm = autograd::word<nn::NormPlace>(text("norm")).value();
  config.position = autograd::word<nn::Position>(text("position")).value();
  config.activation = autograd::word<nn::Activation>(text("activation")).value();
  if (file.metadata().contains("norm_kind")) {
    config.norm_kind = autograd::word<nn::NormKind>(text("norm_kind")).value();
    config.norm_epsilon = std::stod(text("norm_epsilon"));
  }
  if (file.metadata().contains("kv_heads")) {
    config.kv_heads = number("kv_heads");
    config.head_size = number("head_size");
    config.qk_norm = text("qk_norm") == "true";
    config.rope_theta = std::stod(text("rope_theta"));
  }
  if (file.metadata().contains("decoder_layers")) {
    config.decoder_layers = number("decoder_layers");
    config.scale_tokens = text("scale_tokens") == "true";
  }
  if (file.metadata().contains("align")) {
    config.align = autograd::word<nn::Align>(text("align")).value();
    config.input_feeding = text("input_feeding") == "true";
  }
  if (!file.metadata().contains("masked_head")) return config;
  config.output.token = false;
  config.segments = number("segments");
  config.embedding_norm = text("embedding_norm") == "true";
  config.norm_epsilon = std::stod(text("norm_epsilon"));
  config.output.masked = text("masked_head") == "true";
  config.output.pooling = autograd::word<nn::Pooling>(text("pooling"));
  config.output.labels = number("labels");
  return config;
}

inline std::vector<double> read_numbers(const data::SafetensorsFile& file, const std::string& name) {
  const data::TensorEntry* entry = file.find(name);
  REQUIRE_MESSAGE(entry != nullptr, name);
  std::vector<double> numbers(entry->count());
  file.read(name, numbers.data(), numbers.size());
  return numbers;
}

inline std::vector<int> read_ids(const data::SafetensorsFile& file, const std::string& name) {
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
      : file(source_directory() + ("/tests/golden/" + name) + ".safetensors"),
        config(read_config(file)),
        model(parameters, config),
        tokens(read_ids(file, "tokens")),
        targets(read_ids(file, "targets")),
        lengths(read_ids(file, "lengths")) {
    const std::vector<long>& shape = file.find("tokens")->shape;  // [batches, B, T]
    batches = shape[0], sequences = shape[1], length = shape[2];
    if (!config.output.token) {
      segments = read_ids(file, "segments");
      labels = read_ids(file, "labels");
    }
    if (config.decoder_layers > 0) {
      sources = read_ids(file, "sources");
      source_lengths = read_ids(file, "source_lengths");
      smoothing = std::stod(file.metadata().at("smoothing"));
    }
    parameters.build(1);
    long given = 0;
    for (const data::TensorEntry& entry : file.tensors()) given += entry.name.starts_with("param.");
    REQUIRE(given == static_cast<long>(parameters.entries().size()));
    for (const auto& entry : parameters.entries()) {
      CAPTURE(entry.path);
      const data::TensorEntry* start = file.find("param." + entry.path);
      REQUIRE(start != nullptr);
      REQUIRE(start->shape ==
              std::vector<long>(entry.shape.extents.begin(), entry.shape.extents.begin() + entry.shape.rank));
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
  nn::Sequences sequences_of(long batch) const {
    const long places = std::ssize(sources) / (batches * sequences);
    nn::Source source{part(sources, batch, sequences * places), places};
    if (places > 0) source.lengths = part(source_lengths, batch, sequences);
    return {tokens_of(batch),
            sequences,
            length,
            lengths_of(batch),
            segments.empty() ? std::span<const int>{} : part(segments, batch, sequences * length),
            source};
  }

  /// Mean loss of a batch; leaves its gradients in the parameters.
  double forward_backward(long batch) {
    tape.reset();
    parameters.zero_grad();
    const auto mean_over = [](std::span<const int> wanted) {
      return 1.0 / static_cast<double>(std::count_if(wanted.begin(), wanted.end(), [](int id) { return id >= 0; }));
    };
    const auto scale_of = [&](std::span<const int> wanted) { return wanted.empty() ? 0 : mean_over(wanted); };
    const bool predicts = config.output.token || config.output.masked;
    const auto wanted = predicts ? targets_of(batch) : std::span<const int>{};
    const auto classes = labels.empty() ? std::span<const int>{} : part(labels, batch, sequences);
    const nn::Targets both{wanted, scale_of(wanted), classes, scale_of(classes), smoothing};
    nn::Scores scores;
    const autograd::Tensor<T> loss = model.loss(tape, sequences_of(batch), both, &scores);
    if (predicts) CHECK(scores.tokens.targets == std::lround(1 / both.token_scale));
    if (!classes.empty()) CHECK(scores.labels.targets == std::lround(1 / both.label_scale));
    CHECK(scores.smoothed_loss() == doctest::Approx(loss.item()).epsilon(1e-6));
    CHECK((scores.loss() == scores.smoothed_loss()) == (smoothing == 0));
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
  /// gradient's norm. The losses' bound is relative, the norms' is ten times as wide. In float a difference of a value
  /// below 1 is absolute: losses fall to a hundredth of the first, while what a hundred updates round away stays. (What
  /// PyTorch itself computes in float for llama and qwen3, over twenty roundings of the first weights: up to 3.5e-5
  /// from its losses in double, which is 1.5e-4 of the small ones.)
  template <class Update>
  void expect_training(const std::string& prefix, double bound, Update update) {
    const std::vector<double> losses = read_numbers(file, prefix + "losses");  // [steps]
    const std::vector<double> norms = read_numbers(file, prefix + "norms");    // [steps]
    const double least = sizeof(T) == sizeof(double) ? 0 : 1;
    for (std::size_t step = 0; step < losses.size(); ++step) {
      CAPTURE(step);
      CHECK(std::abs(forward_backward(step % batches) - losses[step]) <= bound * std::max(losses[step], least));
      CHECK(std::abs(update(step) - norms[step]) <= 10 * bound * std::max(norms[step], least));
    }
  }

  data::SafetensorsFile file;
  nn::ModelConfig config;
  autograd::Parameters<T> parameters;
  nn::Model<T> model;
  autograd::Tape<T> tape;
  std::vector<int> tokens, targets, lengths;  // [batches, B, T], [batches, B, T], [batches, B]
  std::vector<int> segments, labels;          // of a BERT: [batches, B, T], [batches, B]
  std::vector<int> sources, source_lengths;   // of an encoder-decoder: [batches, B, S], [batches, B]
  double smoothing = 0;                       // of the targets
  long batches, sequences, length;
};

}  // namespace primer::test
