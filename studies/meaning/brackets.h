// Strings of brackets of several kinds that are opened and closed in order: the structure of a sentence, and nothing
// else. Chomsky & Schützenberger 1963: all context-free languages are such strings with a filter and other names.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/examples/examples.h"

namespace primer::studies {

struct Brackets {
  int kinds = 2, deepest = 6;
  long length = 48;                           // brackets behind the mark; T is one more
  static constexpr int mark = 0, open = 1;    // open + k
  int close() const { return open + kinds; }  // close() + k
  int vocabulary() const { return open + 2 * kinds; }

  /// B strings of this length, none deeper than that, a pure function of (seed, step). Where both may follow, a bracket
  /// is opened or closed with probability 1/2; its kind is drawn. What is asked is the kind of every closing bracket:
  /// targets stand before these only.
  data::Batch batch(std::uint64_t seed, long step, long sequences) const;

  /// Of every token of a sequence the place of the bracket that it closes; -1: it closes none.
  std::vector<long> matches(std::span<const int> tokens) const;
};

}  // namespace primer::studies
