// Texts of sums of two-digit numbers, digit by digit: "48+76=124;". Some pairs of numbers are kept from training.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/examples/examples.h"

namespace primer::studies {

struct Sums {
  /// Tokens: the digits 0 ... 9, then these. A sequence is a mark and 6 sums of 10 tokens; answers have three digits.
  static constexpr int plus = 10, equals = 11, end = 12, mark = 13, vocabulary = 14;
  static constexpr long each = 10, sums = 6, length = 1 + sums * each, digits = 3;
  static constexpr long first_answer = 5;  // the place in a sum whose next token is the answer's first digit

  enum class Kind {
    repeated,   // three sums, then the same in another order
    misquoted,  // three with a wrong answer, then the same with the same wrong answers
    corrected,  // three with a wrong answer, then the same with the right ones
    fresh,      // six, and none twice
    arbitrary   // the same, but each pair of numbers has an answer of its own, by no rule
  };

  /// A tenth of the pairs, both ways round, is kept from training; 48 + 76 is among them.
  static bool is_kept(int a, int b);

  /// Sums of pairs of 10 ... 99 that are all kept from training, or all not; a pure function of (seed, step). Three
  /// that are repeated differ in the digits at every place, so that each tells which sum it is. Targets are the answers
  /// of the last three sums. In training also of the first three if none is repeated, and else all else of the last
  /// three that was there before, from the second digit on.
  static data::Batch batch(std::uint64_t seed, long step, long sequences, Kind kind, bool kept, bool training = false);

  /// Where in the sequence x [length] a sum with these two numbers began before sum `i` did; -1 if there was none.
  static long earlier(const int* x, long i);

  /// The share of the kept sums with the commonest answer: a guess that reads nothing is right no more often.
  static double blind_guess();
};

}  // namespace primer::studies
