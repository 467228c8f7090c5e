// Texts of words in two relations. Nouns that are *similar* take each other's place in the same frames and are never
// side by side; a noun and an adjective that are *associated* stand side by side, and the adjective has no frames. Both
// relations tell the topic: a noun surely, an adjective to a quarter. Only against an adjective that tells as much of
// the topic, that of another noun of the category, is association kept apart from it.
//
// Ten categories of four nouns, ten adjectives, three frame words for each category. A text has a topic, which is a
// category, and is a mark and then clauses
//
//   [adjective] noun frame frame ,
//
// of a noun of the topic four times in five, else of any category; never the same noun in two clauses one behind the
// other. Its adjective stands before it every second time; its frames are of its category. An adjective goes with four
// nouns of four categories, a noun with one adjective. So all nouns are equally frequent, and all adjectives.
#pragma once

#include <cstdint>
#include <vector>

#include "data/examples/examples.h"
#include "train/circuits/linear_algebra.h"

namespace primer::studies {

struct Company {
  static constexpr int categories = 10, members = 4, frames = 3;
  static constexpr int mark = 0, comma = 1, first_noun = 2, nouns = categories * members;
  static constexpr int first_adjective = first_noun + nouns, adjectives = categories;
  static constexpr int first_frame = first_adjective + adjectives;
  static constexpr int vocabulary = first_frame + categories * frames;
  static constexpr long length = 48;  // T

  static int category(int noun) { return (noun - first_noun) / members; }
  static int adjective_of(int noun) {
    return first_adjective + (category(noun) + 3 * ((noun - first_noun) % members)) % adjectives;
  }
  static bool is_noun(int word) { return word >= first_noun && word < first_adjective; }

  /// What a word is to the target, a noun. A mate's adjective is that of another noun of the same category: it tells as
  /// much of the topic as the target's own.
  enum class Relation { similar, associated, mates_adjective, unrelated_noun, unrelated_adjective };
  static Relation relation(int prime, int target);

  /// As above; every noun of any category, so that similar ones meet in a text no more often than others; and with the
  /// words in another order, each text's or those of all texts of the batch.
  enum class Kind { topics, no_topics, shuffled_within, shuffled_over_all };
  static constexpr int kinds = 4;

  /// B texts, a pure function of (seed, step); every word is a target of the one before it.
  static data::Batch batch(std::uint64_t seed, long step, long sequences, Kind kind = Kind::topics);
};

/// How often word b stands right behind word a in the batch: [V, V].
train::Matrix neighbours(const data::Batch& batch, long vocabulary);

/// How alike the company of words is: the cosine of their rows of max(0, ln(n(a, b) N / n(a) n(b))), over the words
/// before and behind them. Bullinaria & Levy 2007. [V, V]; a word that stands nowhere is like none.
train::Matrix likeness(const train::Matrix& neighbours);

/// The weights of y on a and b in the least squares fit of all three made to mean 0 and variance 1: of equal sizes, a
/// and b not proportional.
struct Weights {
  double a, b;
};
Weights regressed(const std::vector<double>& y, const std::vector<double>& a, const std::vector<double>& b);

}  // namespace primer::studies
