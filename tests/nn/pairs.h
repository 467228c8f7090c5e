// Encoder-decoders of many kinds, and texts for them.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "tests/nn/small_model.h"

namespace primer::test {

using nn::Source;

constexpr long V = 17, S = 7, T = 9;  // the vocabulary, and tokens of a source and of a text

inline ModelConfig pair_config() {
  return {.vocabulary = V,
          .context = 12,
          .layers = 2,
          .decoder_layers = 3,
          .heads = 2,
          .channels = 8,
          .bias = true,
          .scale_tokens = true,
          .output = {.tie = false}};
}

/// Every alignment with every cell, with input feeding and without, one layer and several.
inline std::vector<ModelConfig> recurrent_pairs() {
  using nn::Align;
  std::vector<ModelConfig> all;
  for (const BodyKind body : {BodyKind::gru, BodyKind::lstm, BodyKind::rnn})
    for (std::size_t i = 0; i < words(Align{}).size(); ++i) {
      ModelConfig c = pair_config();
      c.body = body;
      c.scale_tokens = false;
      c.align = static_cast<Align>(i);
      c.align_window = 2;
      c.layers = body == BodyKind::gru ? 1 : 2;
      c.decoder_layers = body == BodyKind::lstm ? 2 : 1;
      const bool feeds = c.align != Align::additive && c.align != Align::none;
      c.input_feeding = feeds && (i % 2 == 0) == (body == BodyKind::gru);
      c.source_vocabulary = i % 3 == 0 ? V + 4 : 0;
      c.dropout = body == BodyKind::rnn ? 0 : 0.2;
      c.bias = i != 2;
      if (body != BodyKind::rnn || i == 0 || i == 6) all.push_back(c);
    }
  return all;
}

/// Every option that decides what a place sees or where it stands.
inline std::vector<ModelConfig> pairs() {
  std::vector<ModelConfig> all(6, pair_config());
  all[1].norm = NormPlace::post;
  all[1].output.tie = true;
  all[1].position = Position::sinusoidal;
  all[2].position = Position::rotary;
  all[2].heads = 4;
  all[2].kv_heads = 2;
  all[2].head_size = 6;
  all[2].source_vocabulary = V + 4;
  all[3].position = Position::qk;
  all[3].norm = NormPlace::none;
  all[3].layers = 0;
  all[4].position = Position::none;
  all[4].ffn_channels = -1;
  all[4].norm_kind = NormKind::rms;
  all[5].decoder_layers = 1;
  all[5].embedding_norm = true;
  all[5].dropout = 0.3;  // which decoding leaves out
  const auto recurrent = recurrent_pairs();
  all.insert(all.end(), recurrent.begin(), recurrent.end());
  return all;
}

/// B texts of T tokens, each with a source of 1 ... S tokens.
struct Texts {
  long B;
  Ids tokens, sources, lengths;

  explicit Texts(long B_) : B(B_), tokens(random_ids(B * T, V, "tokens")), sources(random_ids(B * S, V, "sources")) {
    for (long b = 0; b < B; ++b) lengths.push_back(static_cast<int>(S - b * 3 % S));
  }
  Source source() const { return {sources, S, lengths}; }
  Source source_of(long b) const { return {std::span(sources).subspan(b * S, S), S, std::span(lengths).subspan(b, 1)}; }
  Ids text(long b) const { return rows_of(tokens, b, 1, T); }
  Ids columns(long from, long n) const {
    Ids part;
    for (long b = 0; b < B; ++b) part.insert(part.end(), &tokens[b * T + from], &tokens[b * T + from] + n);
    return part;
  }
};

template <class N>
std::vector<N> logits(SmallModel<N>& model, const Ids& tokens, long B, const Source& source) {
  model.source = source;
  return model.logits(tokens, B);
}

template <class N>
std::vector<N> decode(SmallModel<N>& model, nn::State<N>& state, const Ids& tokens, const Source& source = {}) {
  const auto pause = model.tape.pause();
  const auto y = model.gpt.decode(model.tape, state, tokens, source);
  CHECK(y.shape == Shape{state.sequences(), V});
  return {y.data(), y.data() + y.size()};
}

/// Of logits [B, T, V] those of one place: [B, V].
template <class N>
std::vector<N> at_place(const std::vector<N>& all, long B, long place) {
  const long length = static_cast<long>(all.size()) / B / V;
  std::vector<N> part;
  for (long b = 0; b < B; ++b) {
    const auto row = rows_of(all, b * length + place, 1, V);
    part.insert(part.end(), row.begin(), row.end());
  }
  return part;
}

}  // namespace primer::test
