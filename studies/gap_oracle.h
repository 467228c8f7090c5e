// The best possible answers to BERT's two pretraining tasks on the language of the study of the gap, by Bayes' rule.
//
// What is modelled. A pair [CLS] A [SEP] B [SEP] is made as GapCorpus::pair does: A has a theme t, evenly drawn; B has
// the same one with probability p (it continues A), else one drawn anew; a sentence draws a template, then its words.
// Then `chosen` of the words are chosen for masking, every set of so many words being equally likely, as
// data::Masking::apply does: a chosen word becomes [MASK] with probability 0.8, one of q tokens drawn evenly with 0.1
// (any but [MASK], [CLS] and [SEP], itself included), and stays with 0.1. The oracle knows all this, the words and
// tokens shown, and how many were chosen, which the length tells; it does not know which of the visible words were
// chosen.
//
// How. Say h words show [MASK]. Then r = chosen - h of the visible ones were chosen too. Where the shown token is v and
// the word was x, a visible place contributes [x = v] if it was not chosen and (0.1 [x = v] + 0.1 / q) if it was. Let a
// power of z count the chosen visible words, without the factor 0.1^r that all terms have. With e(v) the probability of
// v under a letter of a template and a theme, the place is the polynomial
//     e(v) + z (e(v) + 1/q),          and 1 where [MASK] is shown.
// A template is the product over its places, a sentence s the mean over templates, S_s(t), a chunk the product over its
// sentences, A(t) = prod S_s(t); and the text as it is shown has the probability
//     [z^r]  mean over t of A(t) (p B(t) + (1 - p) mean over u of B(u)).
// The first term's share is the probability that B continues A. A hidden word has the posterior of its theme and
// template, then the even distribution of that letter's range. There is no approximation in any of it.
#pragma once

#include <span>
#include <vector>

#include "studies/gap_language.h"
#include "studies/lab/estimate.h"

namespace primer::studies {

/// What a model is shown of a pair, [CLS] and [SEP] left out. Chunks are whole sentences.
struct ShownPair {
  static constexpr int hidden = -1;   // [MASK] is shown
  static constexpr int foreign = -2;  // a token is shown that is no word of the language
  std::vector<int> a, b;              // words, hidden or foreign
  int chosen = 0;                     // words that were chosen for masking: the hidden ones and r more
  double continues = 0.5;             // p: the probability that B continues A, when only their lengths are known
};

/// What the oracle makes of it.
struct Belief {
  double continues = 0;                     // the probability that B continues A
  std::vector<std::vector<double>> hidden;  // the probabilities of each word, [hidden of A, then of B][words]
};

class GapOracle {
 public:
  /// `replacements` is q: how many tokens a random replacement is drawn from. At least 1, else Fault::usage.
  GapOracle(GapLanguage language, int replacements);

  /// Chunks that are empty or no whole sentences, a word outside the language, fewer words chosen than hidden or more
  /// than there are, p outside [0, 1], or a pair that cannot come about in this way: Fault::usage.
  Belief belief(const ShownPair& pair) const;

 private:
  GapLanguage language_;
  double replacement_;  // 1 / q
};

/// A pair with what was asked of it.
struct AnsweredPair {
  ShownPair shown;
  std::vector<int> hidden;  // the words that [MASK] hides, of A, then of B
  bool continues = false;
  double nats = 0;  // what a model lost on the hidden words, their sum
};

/// How the oracle does on pairs. `loss` and `entropy` estimate one number, the least loss that a model can have on
/// hidden words; `accuracy` and `expected_accuracy` the highest accuracy; entropy and expectations with less noise.
struct OracleScore {
  Estimate loss, entropy;                          // of hidden words, nats
  Estimate excess;                                 // of the model's loss over the oracle's, on the same hidden words
  Estimate accuracy, expected_accuracy;            // of hidden words
  Estimate next_accuracy, next_expected_accuracy;  // of whether B continues A
};

/// Scores pairs of which some hide a word. None does: Fault::usage.
OracleScore score(const GapOracle& oracle, std::span<const AnsweredPair> pairs);

/// The highest accuracy of telling whether B continues A when p = 1/2 and nothing is hidden: the theme is certain then,
/// another document shares it with probability 1 / themes, and there the answer "continues" is wrong. So it is
/// 1 - 1 / (2 themes), 31/32 for 8 topics. Hiding words only lowers it; and lengths that are more likely for one of the
/// answers change nothing, as long as none is `themes` times as likely for strangers.
double next_sentence_ceiling(const GapLanguage& language);

}  // namespace primer::studies
