// What the heads of a trained model do, all of them: where they look, what they copy, which reads which, and what is
// lost without each.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "train/checkpoints/loaded_run.h"
#include "train/circuits/head_weights.h"
#include "train/circuits/looks.h"

namespace primer::train {

/// A head whose score on repeated random tokens is above this has a name. One that looks everywhere alike has 0.05 on
/// sequences of 100 tokens and at most 0.2 on the shortest, and one that does nothing else 1.
inline constexpr double name_threshold = 0.3;

/// What looking at one token adds to the logit of another, above the mean over the tokens that are compared.
struct TokenPair {
  std::string source, raised;  // bytes of tokens
  double logit;
};

/// What is known of one head. NaN: see LookScores, and Circuits::notes.
struct HeadReport {
  Head head = {};
  LookScores repeated = {}, text = {};  // on random tokens repeated, and on the text
  double ov_positivity = 0, copying = 0, qk_positivity = 0;
  double added_loss = 0;               // nats: the text's loss without the head, less that with it
  std::vector<TokenPair> raises = {};  // the strongest pairs, the strongest first

  std::vector<std::string_view> names() const;
};

/// What the heads of a later layer read of those of an earlier one: [H, H], a row a later head.
struct LayerComposition {
  long later, earlier;
  Matrix q, k, v;
};

struct Circuits {
  std::string run;
  long step = 0;
  nn::ModelConfig shape;
  std::string unit;  // what the loss is a mean over

  Repeated repeated;                          // block 0: the context has no room for it
  long windows = 0, window = 0;               // of the text: how many were read, and the most tokens of one
  std::uint64_t targets = 0;                  // that the loss counts in them
  double loss = 0;                            // nats, of the whole model
  long compared = 0;                          // tokens among which pairs are looked for
  LookScores uniform_repeated, uniform_text;  // of a head that looks at all places alike

  std::vector<HeadReport> heads;  // [layers H]
  std::vector<LayerComposition> compositions;
  std::vector<std::string> notes;  // what the figures leave out of this model

  const HeadReport& at(Head head) const {
    return heads[static_cast<std::size_t>(head.layer * shape.heads + head.head)];
  }
};

/// The names of every head, [layers H], each with its score on so many sequences of repeated random tokens, which are
/// common ones of `text`; none of all where the context or the vocabulary has no room for them. Of a model with
/// attention and without a source. Weights that are no numbers: Fault::checkpoint.
std::vector<std::vector<std::string>> named_heads(const LoadedRun& run, const data::TokenSequence& text,
                                                  long sequences);

/// Throws Fault::input unless circuits can be read of the run's model: it has attention, and reads no source.
void expect_circuits(const LoadedRun& run);

/// Reads the heads of a run's model, on a text in tokens as the run's own are: on so many windows of it, spread evenly,
/// that a model of 124 million parameters takes minutes. `told` is called before what takes longest, with 0, and behind
/// each layer whose heads were switched off, with how many are done. A model without attention, a text without
/// examples: Fault::input; weights that are no numbers: Fault::checkpoint.
Circuits read_circuits(const LoadedRun& run, const data::TokenSequence& text,
                       const std::function<void(const Circuits&, long)>& told = {});

/// As one JSON object in one line, with a line feed. Numbers that there are none of are null.
std::string circuits_json(const Circuits& circuits);

/// As a page.
std::string circuits_page(const Circuits& circuits);

}  // namespace primer::train
