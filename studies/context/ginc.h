// Texts of hidden Markov models that share their words, GINC: Xie et al. 2021, An Explanation of In-context Learning as
// Implicit Bayesian Inference, whose entities are values here, and properties slots, as in the authors' code. A hidden
// state is a value v and a slot s; they move on apart,
//
//   p(v', s' | v, s, theta) = A(v, v') B_theta(s, s'),   token = table(v, s),
//
// with A and the table the same for all concepts theta. Slot 0 is the delimiter, token 0, whatever the value. Both
// matrices are mixtures of as many permutations P_j as they have rows N,
//
//   M = (1 - u) sum of w_j P_j + u / N,   w = softmax((U - 1/2) / 0.1),   B = M,   A = 0.1 M + 0.9 I.
//
// The part u is not the authors'. A prompt has steps that no document need have, from the end of an example to the
// delimiter and from there to the next example; with u > 0 every concept gives them a probability above 0, so that a
// posterior over concepts is defined for every prompt. The larger u is, the less a step tells of its concept.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/circuits/linear_algebra.h"

namespace primer::studies {

/// A concept theta.
struct Concept {
  train::Matrix slots;  // B, [S, S]
  train::Matrix start;  // p(v, s) of the first token, [V, S]: softmax((U - 1/2) / 10)
};

/// Examples of one concept, each k tokens that begin in the same slot with any value and a delimiter behind them; then
/// the question, such an example without its last token.
struct Prompt {
  std::vector<int> tokens;  // [examples (k + 1) + k - 1]
  long examples, k;
  std::size_t theta;  // the question's concept, of the family
  int label;          // argmax of p(y | x, theta, the slot where examples begin), x the question

  /// The question behind the last n examples: [n (k + 1) + k - 1]. What is asked is the same for every n.
  std::span<const int> with(long n) const;
};

struct GincShape {
  long values = 2, slots = 8;  // V, S
  int vocabulary = 24;         // tokens, the delimiter among them; not all need occur
  std::size_t concepts = 10;   // the first half is trained on, the others are unseen
  double uniform = 0.3;        // u
};

/// A table, A and concepts, drawn from a seed.
struct Ginc {
  GincShape shape;
  std::vector<int> table;  // [V, S]
  train::Matrix values;    // A, [V, V]
  std::vector<Concept> concepts;

  explicit Ginc(std::uint64_t seed, const GincShape& shape = {});

  using Family = std::span<const Concept>;
  Family trained() const { return Family(concepts).first(concepts.size() / 2); }
  Family unseen() const { return Family(concepts).subspan(concepts.size() / 2); }

  /// A text of one concept, each as likely: [length], a pure function of (seed, index).
  std::vector<int> document(Family family, std::uint64_t seed, std::uint64_t index, long length) const;

  /// A pure function of (seed, index). `misled`: the examples are those of the next concept of the family.
  Prompt prompt(Family family, std::uint64_t seed, std::uint64_t index, long examples, long k,
                bool misled = false) const;
};

/// Who knows a family of concepts, and holds each for as likely before a text: exact Bayesian prediction. A text's
/// probability for each concept comes from the forward algorithm, Rabiner 1989, section III.A; with it
///
///   p(theta | x_1 ... x_t) = p(x_1 ... x_t | theta) / sum over concepts,
///   p(x_t+1 | x_1 ... x_t) = sum over concepts of p(theta | x_1 ... x_t) p(x_t+1 | x_1 ... x_t, theta).
///
/// Both arguments live as long as it does. One that does not infer keeps p(theta) = 1 / concepts in the posterior's
/// place when it predicts: what each concept says of the text, without learning which it is.
class Reader {
 public:
  Reader(const Ginc& ginc, Ginc::Family family, bool infers = true);

  /// Fault::usage for a token that no concept allows there.
  void read(int token);

  const std::vector<double>& log_likelihoods() const { return log_likelihoods_; }  // ln p(x_1 ... x_t | theta)
  std::vector<double> posterior() const;                                           // [concepts]
  std::vector<double> next() const;                                                // p(x_t+1 | x_1 ... x_t), [tokens]

 private:
  const Ginc& ginc_;
  Ginc::Family family_;
  bool infers_;
  std::vector<train::Matrix> ahead_;  // p(v, s of t + 1 | x_1 ... x_t, theta), [V, S] for each concept
  std::vector<double> log_likelihoods_;
};

}  // namespace primer::studies
