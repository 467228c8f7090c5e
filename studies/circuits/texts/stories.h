// Stories of people who decide to go to places, enter and leave them, and a question: how often was X at P? Entering
// counts. Deciding to go does not, and leaving ends a visit that was counted when it began; the order of sentences says
// nothing.
//
// Counts of words say nothing either. Four pairs of sentences are about X and P, entering, and about another person y,
// another verb v, another place q, drawn for each pair; each is cut in one of four ways:
//
//   X enters P, y v q    counts        y enters P, X v q
//   X v P, y enters q                  X enters q, y v P
//
// The words are the same whichever way, so a bag of words has the same distribution for every answer: with answers
// drawn evenly no reader of it is right more than one time in five. The rest of the sentences are any that do not
// count.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/random.h"
#include "data/examples/examples.h"

namespace primer::studies {

struct Stories {
  static constexpr int people = 6, verbs = 3, places = 6, answers = 5, pairs = answers - 1;
  static constexpr int first_person = 0, first_verb = first_person + people, enters = first_verb;
  static constexpr int first_place = first_verb + verbs, first_answer = first_place + places;
  static constexpr int first_question = first_answer + answers, vocabulary = first_question + people * places;
  static constexpr long question = 1, sentence = 3;  // tokens: one for each X and P; person verb place
  static constexpr long length(long sentences) { return question + sentence * sentences; }

  /// Question and story, [length(sentences)], sentences >= 2 pairs; a pure function of all that is given. The
  /// words of different answers are the same, but for their order.
  static std::vector<int> story(const autograd::Random& random, std::uint64_t index, long sentences, int answer,
                                bool plain = false);

  /// How often was X at P?
  static constexpr int ask(int person, int place) {
    return first_question + (person - first_person) * places + place - first_place;
  }

  /// Whether sentence i of a story, as `story` gives it, counts.
  static bool counts(const int* story, long i) {
    const int* words = story + question + i * sentence;
    return words[1] == enters && ask(words[0], words[2]) == story[0];
  }

  /// B stories, a pure function of (seed, step); answers are even. The answer is the target of the question, or of the
  /// last word for who reads in one direction.
  static data::Batch batch(std::uint64_t seed, long step, long sequences, long sentences, bool at_end = false);

  /// Stories to learn from. Every second one is plain, and `more` further questions, of a person and a place of
  /// some sentence, stand before it: so that one story has many answers to learn from. A count that
  /// is no answer is no target.
  static data::Batch training(std::uint64_t seed, long step, long sequences, long sentences, long more,
                              bool at_end = false);

  static std::string word(int token);
};

}  // namespace primer::studies
