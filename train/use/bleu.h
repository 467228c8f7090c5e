// How close translations come to references, in numbers that can be compared with published ones: BLEU and chrF of a
// corpus, equal to those of sacrebleu 2 with its defaults and one reference a line.
// Post: A Call for Clarity in Reporting BLEU Scores (2018).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/words.h"

namespace primer::train {

/// What BLEU takes as words. `western` is that of NIST's mteval-v13a: marks are words of their own, but not a point or
/// comma between digits, an apostrophe, or a hyphen that no digit precedes. `chinese` takes each Chinese character
/// alone besides.
enum class BleuTokenizer : std::uint8_t { western, chinese };
constexpr auto words(BleuTokenizer) { return autograd::word_list("13a", "zh"); }

/// The words of a line in UTF-8.
std::vector<std::string> bleu_words(std::string_view line, BleuTokenizer tokenizer);

/// BLEU of a corpus. Papineni et al.: BLEU: a Method for Automatic Evaluation of Machine Translation (2002).
struct Bleu {
  static constexpr std::size_t longest = 4;  // words of an n-gram

  double score = 0;                          // 0 ... 100
  std::array<double, longest> precisions{};  // 0 ... 100, of n-grams of 1 ... 4 words
  double brevity_penalty = 0;                // 0 ... 1
  std::uint64_t words = 0;                   // of the hypotheses
  std::uint64_t reference_words = 0;

  /// The lengths' ratio; 0 where the references have no word.
  double ratio() const {
    return reference_words == 0 ? 0 : static_cast<double>(words) / static_cast<double>(reference_words);
  }
};

/// BLEU of hypotheses [lines] with references [lines], in UTF-8. Another number of references, or no line:
/// Fault::usage.
Bleu corpus_bleu(std::span<const std::string> hypotheses, std::span<const std::string> references,
                 BleuTokenizer tokenizer = BleuTokenizer::western);

/// How the score was made, as sacrebleu says it, but for its version: to be told with the score.
std::string bleu_signature(BleuTokenizer tokenizer);

/// chrF2 of hypotheses [lines] with references [lines], in UTF-8: 0 ... 100. Errors as above.
/// Popovic: chrF: character n-gram F-score for automatic MT evaluation (2015).
double corpus_chrf(std::span<const std::string> hypotheses, std::span<const std::string> references);

inline constexpr std::string_view chrf_signature = "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no";

}  // namespace primer::train
