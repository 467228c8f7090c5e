// Sentences with words of two senses, and how far a model's vector of such a word tells which one is meant.
//
// A sentence is a mark and fillers, and among them a word w, behind it what continues w, and one cue: a word of a
// topic, G places before w, or G places behind what continues it. A sense of w belongs to a topic, and has six words of
// its own that may continue it. So with p(w's sense) = 1/2 before the cue is read, and H the entropy of the
// continuation,
//
//   H(. | w, sense) = ln 6,    H(. | w) = ln 12,    and their difference, the worth of the sense, is ln 2.
//
// A vector that is w's alone cannot do better than the second. Everything else of a sentence is drawn evenly.
#pragma once

#include <cstdint>
#include <vector>

#include "data/examples/examples.h"
#include "nn/model.h"
#include "train/circuits/linear_algebra.h"

namespace primer::studies {

struct Senses {
  static constexpr int topics = 8, cues = 12, fillers = 20, words = 20, continuations = 6;
  static constexpr int mark = 0, hidden = 1, first_cue = 2, first_filler = first_cue + topics * cues;
  static constexpr int first_word = first_filler + fillers, first_continuation = first_word + words;
  static constexpr int vocabulary = first_continuation + words * 2 * continuations;
  static constexpr long farthest = 16;                  // G, the most places between
  static constexpr long place = farthest + 2;           // of w, always
  static constexpr long length = place + 3 + farthest;  // T

  static int topic(int word, int sense) { return (word + sense * (1 + word / topics)) % topics; }
  static int first_of(int word, int sense) { return first_continuation + (2 * word + sense) * continuations; }

  /// What is asked for: -1 leaves it to chance. `half`: only the first or last six cues of a topic.
  struct Kind {
    int after = -1;  // the cue stands behind
    long gap = -1;   // G
    int half = -1;
  };

  /// Where the continuation is asked for: at w, which it follows; at w, and `hidden` stands in its place, for who reads
  /// in both directions; or there, at the gap.
  enum class Asked { next, hidden_next, gap };

  /// Sentences step B ... step B + B - 1, a pure function of (seed, index); word and sense of sentence i are w = i mod
  /// 20 and i / 20 mod 2.
  static data::Batch batch(std::uint64_t seed, long step, long sequences, const Kind& kind, Asked asked = Asked::next);
  static int word_of(long i) { return static_cast<int>(i % words); }
  static int sense_of(long i) { return static_cast<int>(i / words % 2); }
};

/// What a model makes of w in each sentence of a batch, its last hidden row there: [B, C].
train::Matrix vectors_of_words(const nn::Model<float>& model, const data::Batch& batch);

/// Vectors of sentences 0 ... B - 1, which are read off: a logistic regression for each word learns its sense from `a`
/// and is asked of `b`. Right or not, or 1/2 where it says neither; [B of b]. Of equal sizes, multiples of 40.
std::vector<double> sense_probed(const train::Matrix& a, const train::Matrix& b);

/// How far vectors of one word lie apart, 1 - cosine, after the mean of all words is taken away: means over pairs of
/// sentences of two senses, of one, and over words. B is a multiple of 40, 80 or more.
struct Apart {
  double between, within;
};
Apart senses_apart(train::Matrix vectors);

}  // namespace primer::studies
