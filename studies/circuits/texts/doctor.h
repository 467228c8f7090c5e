// Documents about people, who are called by title and name wherever a sentence begins, and about things that are kept
// in mind or at bay. Half of the names belong to one title for good, the others go with any, anew in each document.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/examples/examples.h"

namespace primer::studies {

struct Doctor {
  static constexpr long length = 64;             // T
  static constexpr int titles = 4, names = 200;  // names 0 ... 99 belong to title n % 4
  static constexpr int verbs = 6, objects = 4, nouns = 10, ways = 6,
                       goals = 5;                         // of each kind of word, in this order below
  static constexpr int title = 1, name = title + titles;  // the first token of a kind; 0 is the full stop
  static constexpr int verb = name + names, keep = verb, object = verb + verbs, noun = object + objects;
  static constexpr int mind = noun, bay = noun + 1, way = noun + nouns, goal = way + ways;
  static constexpr int we = goal + goals, in = we + 1, at = we + 2, vocabulary = we + 3;

  static bool belongs(int n) { return n < names / 2; }
  /// A name that belongs to a title is seen with it alone; of the 100 others each title is seen with all but five.
  static bool is_seen(int of_title, int n) { return belongs(n) ? n % titles == of_title : n % 20 != of_title; }
  static const std::string& word(int token);

  /// Training: sentences about any of three people, "Doctor Ashford went home .", and a third of them
  /// "we VERB OBJECT in|at NOUN .", until the text is full. After keep, "in" is followed by mind and "at" by bay; after
  /// other verbs both by any noun. Names and nouns are learned; the other words follow by chance, or always. A pure
  /// function of (seed, step).
  static data::Batch documents(std::uint64_t seed, long step, long sequences);

  /// Who is asked for by title: somebody whose name belongs to it, or goes with any and was seen with it, or not.
  enum class Asked { own, any, unseen };

  /// One sentence about each of three people of this kind, in any order, then the first one's title: the name is the
  /// only target. Swapped, the first and the second have each other's title, and all else is as it was.
  static data::Batch questions(Asked asked, std::uint64_t seed, long sequences, bool swapped = false);

  /// Documents that end with "we VERB OBJECT in|at": what keep would have behind it is the only target.
  static data::Batch idioms(int of_verb, int preposition, std::uint64_t seed, long sequences);
};

}  // namespace primer::studies
