// An induction circuit written by hand into the weights of two heads, without any training; and the trap at the first
// place, which has no token before it.
#include "studies/circuits/constructed.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nn/transformer.h"
#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/head_weights.h"

namespace primer::studies {

using train::Composition, train::composition_of, train::ov_positivity, train::patterns_of;

namespace {

constexpr double strength = 50;  // beta of both heads, and the gain of what is copied

/// A block of `period` distinct tokens twice, behind a mark or not. Targets count where the block repeats.
data::Batch twice(const ConstructedSize& size, std::uint64_t seed, bool marked, long sequences) {
  data::Batch batch = empty_batch(sequences, size.length(marked));
  for (long b = 0; b < sequences; ++b) {
    std::vector<int> block(size.symbols);
    std::iota(block.begin(), block.end(), 1);
    Draws("constructed", seed, 0, b * 1000).shuffle(std::span(block), size.period);
    const long begin = marked ? 1 : 0;
    int *x = batch.tokens.data() + b * batch.length, *y = batch.targets.data() + b * batch.length;
    for (long t = begin; t < batch.length; ++t) x[t] = block[(t - begin) % size.period];
    for (long t = begin + size.period; t + 1 < batch.length; ++t) y[t] = x[t + 1];
  }
  return batch;
}

void run(Lab& lab) {
  const ConstructedSize size;
  Net<double> net = constructed_circuit(size);
  double missed = 0, elsewhere = 0;  // the largest 1 - p, and 1 - attention to what followed before
  std::vector<double> first;
  lab.each_seed([&](std::uint64_t seed) {
    const data::Batch batch = twice(size, seed, true, lab.size(200, 4));
    for (const Judged& one : judge(net.model, batch)) raise_to(missed, -std::expm1(-one.nll));
    const std::vector<double> pattern = patterns_of(net.model, batch)[1];  // [B, T, T]
    for (long b = 0; b < batch.sequences; ++b) {
      for (long t = size.period + 1; t < batch.length; ++t) {
        raise_to(elsewhere, 1 - pattern[(b * batch.length + t) * batch.length + t - size.period + 1]);
      }
    }
    // Without a mark the first token looks at itself: it stands before itself, as it seems, and before the second one.
    const data::Batch bare = twice(size, seed, false, lab.size(200, 4));
    for (const Judged& one : judge(net.model, bare)) {
      if (one.place % bare.length == size.period) first.push_back(std::exp(-one.nll));
    }
  });
  const auto [least_first, most_first] = std::minmax_element(first.begin(), first.end());
  lab.claim("largest 1 - p where the block repeats", exact(missed), at_most(1e-12));
  lab.claim("largest 1 - attention to what followed before", exact(elsewhere), at_most(1e-12));
  lab.claim("p of the first repeated token's successor without a mark", exact(*least_first),
            between(0.499999, 0.500001));
  lab.claim("the same, where it is largest", exact(*most_first), between(0.499999, 0.500001));
  lab.claim("positivity of the second head's OV circuit", exact(ov_positivity(net.model, {1, 0})), at_least(0.999999));
  const Composition found = composition_of(net.model, {1, 0}, {0, 0});
  lab.claim("K-composition of the two heads", exact(found.k), at_least(0.01));
  lab.claim("Q-composition", exact(found.q), at_most(1e-12));
  lab.claim("V-composition", exact(found.v), at_most(1e-12));
  const data::Batch shown = twice(size, 1, true, 1);
  const auto patterns = patterns_of(net.model, shown);
  std::vector<std::string> names;
  for (long t = 0; t < size.length(true); ++t) names.push_back(t == 0 ? "mark" : std::to_string(shown.tokens[t]));
  for (const long layer : {0L, 1L}) {
    lab.picture(
        train::heat_map({layer == 0 ? "The first head looks at the token before" : "The second one at what followed",
                         "A row is a token that looks, a column one that is looked at."},
                        {names, names, patterns[layer]}, 0, 1));
  }
  lab.note(
      "The residual stream has parts for the token, its place, the token before, and what comes next. The first "
      "head copies the token before into its part; the second one compares its token with that part of the keys, "
      "and raises the token that it looks at.");
}

}  // namespace

const Study constructed_study{"constructed-circuit",
                              "circuits",
                              "An induction circuit written into the weights by hand predicts without any training.",
                              "Elhage et al. 2021, Induction Heads; derived",
                              0.1,
                              run};

// With V symbols (the mark among them) and T places, the residual stream has C = 3 V + T channels: the token, its
// place, the token before, what comes next. One head of D = max(V, T) channels a layer.
Net<double> constructed_circuit(const ConstructedSize& size) {
  const long V = size.symbols + 1, T = size.length(true), C = 3 * V + T, D = std::max(V, T);
  Net<double> net({.vocabulary = V,
                   .context = T,
                   .layers = 2,
                   .heads = 1,
                   .head_size = D,
                   .channels = C,
                   .ffn_channels = -1,
                   .position = nn::Position::learned,
                   .norm = nn::NormPlace::none,
                   .output = {.tie = false}},
                  1);
  auto& body = dynamic_cast<nn::Transformer<double>&>(*net.model.body);
  const autograd::Parameters<double>& all = net.parameters;
  std::fill_n(net.parameters.values(), all.size(), 0.0);
  const auto set = [&](autograd::Tensor<double> weight, long row, long column, double value) {
    weight.data()[row * weight.shape[1] + column] = value;
  };
  const double root = std::sqrt(static_cast<double>(D));  // scores are divided by it
  for (long v = 0; v < V; ++v) set(body.token.weight, v, v, 1);
  for (long t = 0; t < T; ++t) set(body.position->learned->weight, t, V + t, 1);
  for (long v = 0; v < V; ++v) set(net.model.token->weight, v, 2 * V + T + v, 1);
  const auto &first = body.blocks[0].attention, &second = body.blocks[1].attention;
  for (long t = 0; t + 1 < T; ++t) {
    set(first.qkv.weight, t, V + t + 1, strength * root);  // the query of place t + 1 ...
    set(first.qkv.weight, D + t, V + t, 1);                // ... is the key of place t
  }
  for (long v = 0; v < V; ++v) {
    set(first.qkv.weight, 2 * D + v, v, 1);         // the token ...
    set(first.output.weight, V + T + v, v, 1);      // ... becomes the token before
    set(second.qkv.weight, v, v, strength * root);  // the query: this token
    set(second.qkv.weight, D + v, V + T + v, 1);    // the key: the token before
    set(second.qkv.weight, 2 * D + v, v, 1);
    set(second.output.weight, 2 * V + T + v, v, strength);  // the token that is looked at is raised
  }
  return net;
}

}  // namespace primer::studies
