// Pairs of a source and a target, where it is known which word of the source each word of the target is made of: what
// an encoder-decoder is to learn, and what it should look at.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/examples/examples.h"
#include "studies/circuits/texts/draws.h"
#include "train/use/translate.h"

namespace primer::studies {

/// Ids without marks.
struct Pair {
  std::vector<int> source, target;
  std::vector<long> from;  // the source's place that each word of the target is made of; -1: of none, or several
  int form = 0;            // in which of its task's forms the source is written
};

/// A kind of pairs. Source and target have ids of their own, of which the first two are the marks.
struct PairTask {
  long source_words, target_words;  // V of either, with the marks
  long longest;                     // of a source or target, with one mark
  Pair (*draw)(Draws&);
  std::string (*source_word)(int id);
  std::string (*target_word)(int id);

  static constexpr train::Marks marks{0, 1};
  static constexpr int first_word = 2;
};

/// Strings of 4 to 20 of 20 letters, and their reversal.
extern const PairTask reversal;

/// A miniature of translation. Sources are S -> NP V NP [P NP], NP -> Det [Adj] N, each part in brackets with
/// probability 1/2, of 40 nouns, 20 verbs, 15 adjectives, 5 prepositions and 4 determiners: 5 to 11 words. Targets have
/// the verb at the end, a preposition behind its noun, an adjective behind its noun, no determiners, and for each other
/// word one of their own, by a table without order: N [Adj] N [Adj] [N [Adj] P] V.
extern const PairTask sentences;

/// Of `sentences`' targets: true for nouns, verbs and adjectives; for verbs alone; for all.
bool is_content(int target_word);
bool is_verb(int target_word);
inline bool every_word(int) { return true; }

/// A tenth of all targets is kept for tests, by a fixed hash of their ids: no training sees one of them.
bool is_kept(const Pair& pair);

/// Pairs to learn from, or kept ones, a pure function of (seed, step).
std::vector<Pair> pairs_of(const PairTask& task, std::uint64_t seed, long step, long count, bool kept);

/// Pairs side by side: sources with their end mark; what is read of targets begins with a mark, what is asked ends with
/// one. Padded at the end.
data::Batch batch_of(std::span<const Pair> pairs);

}  // namespace primer::studies
