// What a trained model makes of texts: fillings, vectors, classes.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/checkpoints/loaded_run.h"

namespace primer::train {

/// The token that may stand at a [MASK].
struct Filling {
  int id = 0;
  double probability = 0;
};

/// What a model expects in the place of a token.
struct Expectation {
  double log_probability = NAN;      // ln p of the token that stands there; NaN: nothing is expected of it
  std::vector<Filling> likely = {};  // the most probable tokens, the most probable first
};

/// Of logits [V] in the place of the token `id`, which may be none, -1: the `top` likeliest of those that `never` [V],
/// if given, leaves. p is a share of all V.
Expectation expectation(std::span<const float> logits, int id, long top, const std::vector<bool>& never = {});

/// What a vector is taken from.
enum class Summary { mean, cls };

/// The segment of each of a text's ids [T]: 1 after its first [SEP] and 0 before, as the model met them in training;
/// none where it was not trained on pairs of sentences.
std::vector<int> segments_of(const LoadedRun& run, std::span<const int> ids);

/// Reads texts with the model of a run. A text is [CLS] text [SEP] to a BERT, and its tokens alone to a GPT. A model
/// whose output is not a number: Fault::checkpoint.
class Reader {
 public:
  explicit Reader(LoadedRun& run) : run_(run) {}
  const LoadedRun& run() const { return run_; }

  /// LoadedRun::encode(), with the marks around it. Longer than the context: Fault::input. With `cut`, what is too long
  /// loses its end and sets *cut.
  std::vector<int> ids(std::string_view text, bool specials, bool* cut = nullptr) const;

  /// For each [MASK] among the ids, in order, the `top` most probable tokens, the most probable first; special tokens
  /// fill no gap. No [MASK], or a model that fills none: Fault::input.
  std::vector<std::vector<Filling>> fill(std::span<const int> ids, long top);

  /// What is expected in one place of each text, which alone is masked. The model fills gaps.
  std::vector<Expectation> expect(std::span<const std::vector<int>> texts, std::span<const long> places, long top = 0);

  /// What is expected in the place of each token [T] of each text. A causal model expects from the tokens before it, so
  /// nothing in the first place; of more than the context it reads windows, of which each begins half a context before
  /// what is new in it. A model that fills gaps expects where that place alone is masked, and nothing in the place of a
  /// special token; the text fits into its context. Any other model: Fault::input. Short texts side by side, of about
  /// equal lengths, cost least.
  std::vector<std::vector<Expectation>> expect(std::span<const std::vector<int>> texts, long top);
  std::vector<Expectation> expect(std::span<const int> ids, long top) {
    const std::vector<int> text(ids.begin(), ids.end());
    return std::move(expect({&text, 1}, top)[0]);
  }

  /// One vector for each text, [texts, C]: the mean of the last layer over all its tokens, or what the pooler makes of
  /// [CLS]. Texts side by side, of about equal lengths, cost least. No pooler: Fault::input.
  std::vector<float> embed(std::span<const std::vector<int>> texts, Summary summary);

  /// The probability of each class for each text, [texts, K]. A model without classes: Fault::input.
  std::vector<double> classify(std::span<const std::vector<int>> texts);

 private:
  [[noreturn]] void refuse(const std::string& why) const;
  const nn::MaskedHead<float>& masked() const;
  /// Output `row` of a batch, [B T, C], is what expects the token `id`.
  struct Place {
    long row;
    int id;
    Expectation* found;
  };
  void expect_at(const nn::Sequences& in, std::span<const Place> places, long top);
  void expect_windows(std::span<const int> ids, long top, std::span<Expectation> all);
  void expect_masked(std::span<const int> ids, long top, std::span<Expectation> all);
  nn::Sequences batch_of(std::span<const std::vector<int>> texts);

  LoadedRun& run_;
  autograd::Tape<float> tape_;
  std::vector<int> tokens_, segments_, lengths_;  // [B, T], [B, T] or none, [B], of the batch that is read
};

/// Calls f(places) for all texts, a batch at a time, the shortest first: `lengths` are tokens, places[i] is where the
/// batch's i-th text stands among all.
template <class F>
void batches_by_length(std::span<const std::size_t> lengths, F f) {
  std::vector<std::size_t> order(lengths.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return lengths[a] < lengths[b]; });
  constexpr std::size_t most_tokens = 8192;  // of a batch, with padding
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && (last == first || (last - first + 1) * lengths[order[last]] <= most_tokens)) ++last;
    f(std::span<const std::size_t>(order).subspan(first, last - first));
  }
}

/// Calls f(places, ids) for all texts in such batches, ids being the tokens of the batch's texts. So padding is little,
/// and what a text gives does not depend on its neighbours but for rounding.
template <class F>
void by_length(std::vector<std::vector<int>> texts, F f) {
  std::vector<std::size_t> lengths;
  for (const auto& ids : texts) lengths.push_back(ids.size());
  batches_by_length(lengths, [&](std::span<const std::size_t> places) {
    std::vector<std::vector<int>> batch;
    for (const std::size_t place : places) batch.push_back(std::move(texts[place]));
    f(places, std::span<const std::vector<int>>(batch));
  });
}

}  // namespace primer::train
