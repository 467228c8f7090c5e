// Stories of a person who decides to go to places, enters and leaves them, and questions: how often was X at P?
// Entering counts. Deciding to go does not, and leaving ends a visit that was counted when it began; so the order of
// the sentences says nothing.
//
// In a paired story counts of words say nothing either. It has pairs of sentences with the words enters, P, another
// verb v and another place q, drawn for each pair, which are put together in one of two ways:
//
//   X enters P, X v q   counts          X v P, X enters q   does not
//
// The words are the same either way: of four pairs, and with answers 0 to 4 drawn evenly, no reader of a bag of words
// is right more than once in five.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/random.h"
#include "data/examples/examples.h"

namespace primer::studies {

struct Stories {
  static constexpr int people = 6, verbs = 3, places = 5, answers = 5, pairs = answers - 1;
  static constexpr int first_person = 0, enters = first_person + people, how_often = enters + verbs;
  static constexpr int first_place = how_often + 1, first_answer = first_place + places;
  static constexpr int vocabulary = first_answer + answers;
  static constexpr long sentence = 3, questions = 2;  // tokens: person verb place; X how_often P
  static constexpr long length(long sentences) { return sentence * (questions + sentences); }

  /// Two questions and a story, [length(sentences)]; a pure function of all that is given. The first question has this
  /// answer, or what there is room for: at most one sentence each, paired one pair each. The second one is of another
  /// place; of a story that is not paired its answers are drawn evenly, too, as far as there is room.
  static std::vector<int> story(const autograd::Random& random, std::uint64_t index, long sentences, int answer,
                                bool paired);

  /// Whether sentence i of a story counts for question q, as `story` gives them.
  static bool counts(const int* story, long i, long q = 0);

  /// B stories of even answers, a pure function of (seed, step), paired or none. The first answer is the target of the
  /// place that is asked for, or of the last word for who reads in one direction.
  static data::Batch batch(std::uint64_t seed, long step, long sequences, long sentences, bool paired,
                           bool at_end = false);

  /// To learn from: every second story is paired, and both questions have a target where 4 or fewer sentences count;
  /// with at_end, the first one.
  static data::Batch training(std::uint64_t seed, long step, long sequences, long sentences, bool at_end = false);

  static std::string word(int token);
};

}  // namespace primer::studies
