// Text from a model, one token at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/tape.h"
#include "data/tokenizers/tokenizer.h"
#include "nn/model.h"

namespace primer::train {

/// What the last bytes of a text wait for: nothing (0), so many more bytes of a character (1, 2, 3), or, behind E0, ED,
/// F0 and F4, a second byte whose range is narrower.
using Utf8Ending = std::uint8_t;
inline constexpr Utf8Ending no_utf8 = 8;

/// The ending of bytes that begin with a character; no_utf8 if no bytes behind them could make them valid (RFC 3629).
Utf8Ending utf8_ending(std::string_view bytes);

/// For every ending of a text, the tokens that may follow. One table for a vocabulary: a byte for each of both.
class ValidText {
 public:
  explicit ValidText(const data::Tokenizer& tokenizer);

  /// Of a prompt. Bytes in it that can become no character count for nothing.
  Utf8Ending behind(std::span<const int> prompt) const;
  Utf8Ending behind(Utf8Ending ending, int id) const;

  /// Sets the logits [V] of the tokens that may not follow to -infinity; of none if none may. A NaN stays
  /// visible.
  void mask(Utf8Ending ending, std::span<float> logits) const;

 private:
  std::size_t size_;
  std::vector<Utf8Ending> next_;  // [endings, V]; no_utf8: it may not follow
};

struct Sampling {
  double temperature = 0.8;       // divides the logits; 0 is greedy
  long top_k = 0;                 // only the k most probable tokens; 0: all
  double top_p = 1;               // only the fewest tokens that have this share of the probability together
  double min_p = 0;               // only tokens that have this share of the largest probability
  double repetition_penalty = 1;  // see penalise()
  std::uint64_t seed = 1337;
};

/// Where probabilities are made; used again it asks for no memory.
struct ProbabilitySpace {
  std::vector<double> p;    // [V]
  std::vector<int> ranked;  // [V], ids
};

/// Probabilities [V] from logits [V]: temperature, then top-k, then top-p, then min-p, each renormalised. With
/// temperature 0 the highest logit has it all. Between equal logits the lower id comes first. The result is space.p.
/// Holtzman et al.: The Curious Case of Neural Text Degeneration (2020), for top-p; Nguyen et al.: Turning Up the Heat:
/// Min-p Sampling (2024). A NaN: Fault::checkpoint.
std::span<const double> probabilities(std::span<const float> logits, const Sampling& sampling, ProbabilitySpace& space);

/// Makes the tokens that `seen` [V] marks less likely: positive logits [V] are divided by the penalty, negative ones
/// multiplied. Keskar et al.: CTRL (2019), section 4.1; for negative ones, Hugging Face's form of it.
void penalise(std::span<float> logits, const std::vector<bool>& seen, double penalty);

/// The id at which the running sum of the probabilities passes `uniform`, in [0, 1).
int choose(std::span<const double> probabilities, double uniform);

/// Which samples: `count` of them, numbered from `first`.
struct SampleRange {
  std::uint64_t first = 0;
  long count = 1;
};

/// What is asked of tokens beside Sampling.
struct Drawing {
  int never = -1;                            // is not drawn: see Tokenizer::unknown()
  const ValidText* valid = nullptr;          // nor is what would make the text, prompt and all, invalid UTF-8
  std::span<const float>* logits = nullptr;  // gets the model's own logits [V] for each token, before each() gets it
};

/// Continues `prompt`, which is not empty, by up to `count` tokens, in several samples at once. `each(sample, id)` gets
/// every new token and says whether that sample goes on; of one sample they come in order. Throws Error(usage) for a
/// model that is not causal, Error(memory) when there is no room for the samples' keys and values.
///
/// A repetition counts wherever it is, in all of the prompt and of the sample's own text.
/// The n-th token of sample s is drawn with the random number (seed, s, n). With products by tiles, as a tape makes
/// them unless it is told otherwise, a sample is the same, bit for bit, however many there are at once.
///
/// The state of a recurrent body goes on with a text for ever, and reads each token once. Where a body is bounded, as a
/// transformer is, the window, what the model sees when a token is drawn, holds `context` tokens at most: of a longer
/// prompt the last ones. A window that the next token would make longer becomes its last half, context / 2 tokens with
/// that one (1 at least), computed again from position 0; then it grows as before. So a token costs O(window), and once
/// in context / 2 tokens half a window.
void generate(const nn::Model<float>& model, autograd::Tape<float>& tape, std::span<const int> prompt, long count,
              const Sampling& sampling, SampleRange samples, const std::function<bool(std::uint64_t, int)>& each,
              const Drawing& drawing = {});

/// What a text begins with where there is no prompt: a model of documents begins a new one; another goes on behind a
/// line feed if the vocabulary has one, else with the first token of the training text, which *shown then names.
std::vector<int> beginning(const data::Tokenizer& tokenizer, bool has_documents, const std::function<int()>& first,
                           std::string* shown);

}  // namespace primer::train
