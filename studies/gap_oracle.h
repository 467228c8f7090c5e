// The best possible answers to BERT's two pretraining tasks on the language of the study of the gap, by Bayes' rule.
//
// What is modelled. A pair [CLS] A [SEP] B [SEP] is made of documents (gap_corpus.h): A has a theme t, evenly drawn; B
// has the same one with probability p (it continues A), else one drawn anew; a sentence draws a template, then its
// words. Then `chosen` of the words are chosen for masking, every set of so many words being equally likely, as
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
// e(v) is 0 or 1/n, where n words are alike. A factor that all themes and templates share changes no posterior, and the
// code has n e(v) + z (n e(v) + n/q) in its place, so that the product of many sentences stays above zero.
// A template is the product over its places, a sentence s the mean over templates, S_s(t), a chunk the product over its
// sentences, A(t) = prod S_s(t); and the text as it is shown has the probability
//     [z^r]  mean over t of A(t) (p B(t) + (1 - p) mean over u of B(u)).
// The first term's share is the probability that B continues A. A hidden word has the posterior of its theme and
// template, then the even distribution of that letter's range. There is no approximation in any of it.
#pragma once

#include <span>
#include <vector>

#include "studies/gap_corpus.h"
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

/// A pair with what was asked of a model, and how it answered.
struct AnsweredPair {
  ShownPair shown;
  std::vector<int> hidden;  // the words that [MASK] hides, of A, then of B
  double nats = 0;          // what the model lost on them, their sum
  double right = 0;         // how many of them it found
  double next_right = 0;    // 1: it told whether B continues A
};

/// A model beside the oracle, on the same pairs. Errors are those over pairs, whose words depend on each other; that of
/// a ratio counts its denominator's too.
struct GapScore {
  long pairs = 0, hidden = 0;
  Estimate loss, best_loss, excess;            // of hidden words, nats: of the model, of the oracle, their difference
  Estimate share_right;                        // hidden words that the model finds, of those that the oracle expects to
  Estimate next_accuracy, next_best_accuracy;  // of whether B continues A: of the model, and what the oracle expects
};

/// Scores pairs of which some hide a word. None does: Fault::usage.
GapScore score(const GapOracle& oracle, std::span<const AnsweredPair> pairs);

/// The highest accuracy of telling whether B continues A when p = 1/2 and nothing is hidden: the theme is certain then,
/// another document shares it with probability 1 / themes, and there the answer "continues" is wrong. So it is
/// 1 - 1 / (2 themes), 31/32 for 8 topics. Hiding words only lowers it; and lengths that are more likely for one of the
/// answers change nothing, as long as none is `themes` times as likely for strangers.
double next_sentence_ceiling(const GapLanguage& language);

}  // namespace primer::studies
