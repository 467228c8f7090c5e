// Text from a model, one token at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autograd/tape.h"
#include "nn/gpt.h"

namespace primer::train {

struct Sampling {
  double temperature = 0.8;  // divides the logits; 0 is greedy
  long top_k = 0;            // only the k most probable tokens; 0: all
  double top_p = 1;          // only the fewest tokens that have this share of the probability together
  std::uint64_t seed = 1337;
};

/// Probabilities [V] from logits [V]: temperature, then top-k, then top-p, each renormalised. With temperature 0 the
/// highest logit has it all. Between equal logits the lower id comes first.
/// Holtzman et al.: The Curious Case of Neural Text Degeneration (2020), for top-p. A NaN: Fault::checkpoint.
std::vector<double> probabilities(std::span<const float> logits, const Sampling& sampling);

/// The id at which the running sum of the probabilities passes `uniform`, in [0, 1).
int choose(std::span<const double> probabilities, double uniform);

/// Continues `prompt`, which is not empty, by up to `count` tokens, seeing the last `context` ones at each step.
/// `each(id)` gets every new token and says whether to go on. The n-th token of sample s is a pure function of the
/// model, the prompt and (seed, s, n).
void generate(nn::Gpt<float>& gpt, autograd::Tape<float>& tape, long context, std::vector<int> prompt, long count,
              const Sampling& sampling, std::uint64_t sample, const std::function<bool(int)>& each);

/// Passes text on until `stop` appears in it, however it is cut into pieces; keeps back what may be its beginning.
class StopFilter {
 public:
  explicit StopFilter(std::string stop) : stop_(std::move(stop)) {}
  std::string feed(const std::string& piece);  // what may be shown
  std::string finish();                        // the rest, when the text ended without `stop`
  bool stopped() const { return stopped_; }

 private:
  std::string stop_, pending_;
  bool stopped_ = false;
};

/// Text for a terminal: control characters other than line feed and tab, C1 and stray bytes too, are shown as \xHH,
/// so that no text can command the terminal.
std::string for_terminal(const std::string& text);

}  // namespace primer::train
