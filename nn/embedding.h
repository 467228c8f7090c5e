// Embeddings: a row of numbers for each token, and for each position.
#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/linear.h"
#include "nn/model_config.h"

namespace primer::nn {

struct EmbeddingOptions {
  long rows = 0, channels = 0;
  double deviation = 0.02;  // of the initial numbers
};

template <class T>
struct Embedding {
  Tensor<T> weight;  // [rows, C]

  Embedding(Parameters<T>& parameters, const std::string& path, const EmbeddingOptions& o)
      : weight(parameters.declare(path + ".weight", {o.rows, o.channels}, {o.deviation}, true)) {}

  explicit Embedding(Tensor<T> rows) : weight(rows) {}  // another one's

  /// ids, batch * length of them -> [batch, length, C]
  Tensor<T> operator()(Tape<T>& tape, std::span<const int> ids, long batch, long length) const;
};

/// The sinusoids of Vaswani et al. 2017, section 3.5: [context, C], with
/// sin(t / 10000^(2i/C)) in column 2i and the cosine of the same angle in column 2i+1.
template <class T>
std::vector<T> sinusoids(long context, long channels, double scale = 1) {
  std::vector<T> table(context * channels);
  for (long t = 0; t < context; ++t)
    for (long c = 0; c < channels; ++c) {
      const double angle =
          static_cast<double>(t) / std::pow(10000.0, static_cast<double>(c / 2 * 2) / static_cast<double>(channels));
      table[t * channels + c] = static_cast<T>(scale * (c % 2 == 0 ? std::sin(angle) : std::cos(angle)));
    }
  return table;
}

struct PositionOptions {
  Position kind = Position::learned;  // or sinusoidal
  long context = 0, channels = 0;
  double deviation = 0.02;  // of the initial numbers of learned rows
  double scale = 1;         // of sinusoids
};

/// Where a token stands: learned rows or sinusoids.
template <class T>
struct PositionalEncoding {
  std::optional<Embedding<T>> learned;  // [context, C]
  std::vector<T> fixed;                 // [context, C], where nothing is learned

  PositionalEncoding(Parameters<T>& parameters, const std::string& path, const PositionOptions& o);

  /// x [B, T, C] -> x + position, the same for every sequence, counted from `past`. past + T <= context.
  Tensor<T> operator()(Tensor<T> x, long past = 0) const;
};

}  // namespace primer::nn
