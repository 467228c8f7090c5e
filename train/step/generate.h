// Text from a model, one token at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autograd/tape.h"
#include "data/tokenizers/tokenizer.h"
#include "nn/model.h"
#include "train/step/valid_text.h"

namespace primer::train {

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

/// Passes text on until one of the stop texts is complete in it, however it is cut into pieces; of several that end at
/// the same place, the longest counts. Keeps back what may be the beginning of one. An empty one stops nothing.
class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) { std::erase(stops_, ""); }
  std::string feed(const std::string& piece);  // what may be shown
  std::string finish();                        // the rest, when the text ended without a stop text
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string pending_;
  bool stopped_ = false;
};

/// How samples are written.
struct SampleForm {
  std::vector<std::string> stops = {};  // see StopFilter
  bool raw = false;                     // the beginning of a character at a text's end, too
  bool json = false;                    // each as a JSON object in a line: prompt, text, why it ended, tokens
  bool ignores_end = false;             // goes on behind the end of a document
};

/// A token as JSON: id, text, its bytes where they are no valid UTF-8, ln p.
std::string token_json(const data::Tokenizer& tokenizer, int id, double log_probability);

/// Writes texts whose tokens come side by side one after the other: the first that has not ended as it comes, up to
/// the last whole character; the others are held back until then. Each is the prompt, what follows up to a stop text,
/// and a line feed; lines of dashes stand between them. JSON is written when its text has ended.
class SampleWriter {
 public:
  using Write = std::function<bool(const std::string&)>;  // false: nobody reads any more

  SampleWriter(std::shared_ptr<const data::Tokenizer> tokenizer, std::string prompt, SampleForm form, Write write);

  void begin(std::size_t count);  // so many texts come next
  /// The next token of text i, and ln p for JSON; false: it has ended, or nobody reads any more. The token end_of_text
  /// is not shown.
  bool feed(std::size_t i, int id, double log_probability = 0);
  void end();  // nothing more comes for any of them
  bool is_read() const { return is_read_; }

 private:
  struct Text {
    data::StreamDecoder decoder;
    StopFilter filter;
    std::string held = {};    // certain, not yet written
    std::string tokens = {};  // JSON
    bool has_ended = false;
  };
  void end(Text& text, const char* why);
  void write(const std::string& text) { is_read_ = is_read_ && write_(text); }
  void release();  // writes what may be written

  std::shared_ptr<const data::Tokenizer> tokenizer_;
  std::string prompt_;
  SampleForm form_;
  Write write_;
  std::vector<Text> texts_;
  std::size_t front_ = 0;  // the first text that is not written to its end
  bool is_first_ = true, is_read_ = true;
};

/// Text for a terminal: control characters other than line feed and tab, C1 and stray bytes too, are shown as \xHH,
/// so that no text can command the terminal.
std::string for_terminal(const std::string& text);

}  // namespace primer::train
