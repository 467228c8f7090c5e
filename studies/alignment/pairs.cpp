#include "studies/alignment/pairs.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "studies/lab/fit.h"

namespace primer::studies {

namespace {

constexpr int first = PairTask::first_word;

std::string letter(int id) { return id < first ? "|" : std::string(1, static_cast<char>('a' + id - first)); }

Pair draw_reversal(Draws& draws) {
  Pair pair;
  const long n = 4 + draws.below(17L);
  for (long i = 0; i < n; ++i) {
    pair.source.push_back(first + draws.below(20));
    pair.from.push_back(n - 1 - i);
  }
  pair.target.assign(pair.source.rbegin(), pair.source.rend());
  return pair;
}

// ---- sentences: ids of a source, class by class; determiners come last, and have no word in the target --------------
enum Class { noun, verb, adjective, preposition, determiner };
constexpr std::array sizes{40, 20, 15, 5, 4};
constexpr std::array letters{'n', 'v', 'a', 'p', 'd'};

constexpr int first_of(int kind) { return std::accumulate(sizes.begin(), sizes.begin() + kind, first); }
constexpr int translated = first_of(determiner) - first;  // words that the target has, too

int class_of(int id) {
  int kind = noun;
  while (id >= first_of(kind) + sizes[kind]) ++kind;
  return kind;
}

/// The word of the target, id - first, for one of the source; and back.
struct Lexicon {
  std::array<int, translated> there, back;

  Lexicon() {
    std::iota(there.begin(), there.end(), 0);
    Draws("lexicon", 0).shuffle(std::span<int>(there), there.size());
    for (int i = 0; i < translated; ++i) back[there[i]] = i;
  }
};
const Lexicon& lexicon() {
  static const Lexicon made;
  return made;
}

int source_of(int target_word) { return first + lexicon().back[target_word - first]; }

std::string word(int id) {
  if (id < first) return "|";
  const int kind = class_of(id);
  return letters[kind] + std::to_string(id - first_of(kind));
}

std::string translated_word(int id) {
  std::string word_of_source = id < first ? "|" : word(source_of(id));
  word_of_source[0] = static_cast<char>(std::toupper(word_of_source[0]));
  return word_of_source;
}

Pair draw_sentence(Draws& draws) {
  Pair pair;
  const auto say = [&](Class kind) {  // and where
    pair.source.push_back(first_of(kind) + draws.below(sizes[kind]));
    return static_cast<long>(pair.source.size()) - 1;
  };
  const auto noun_phrase = [&] {
    say(determiner);
    const long adjective_at = draws.below(2) == 0 ? say(adjective) : -1;
    pair.from.push_back(say(noun));
    if (adjective_at >= 0) pair.from.push_back(adjective_at);
  };
  noun_phrase();
  const long verb_at = say(verb);
  noun_phrase();
  if (draws.below(2) == 0) {
    const long preposition_at = say(preposition);
    noun_phrase();
    pair.from.push_back(preposition_at);
  }
  pair.from.push_back(verb_at);
  for (const long place : pair.from) pair.target.push_back(first + lexicon().there[pair.source[place] - first]);
  return pair;
}

}  // namespace

const PairTask reversal{first + 20, first + 20, 21, draw_reversal, letter, letter};
const PairTask sentences{
    first_of(determiner) + sizes[determiner], first + translated, 12, draw_sentence, word, translated_word};

bool is_content(int target_word) { return target_word >= first && class_of(source_of(target_word)) < preposition; }

bool is_verb(int target_word) { return target_word >= first && class_of(source_of(target_word)) == verb; }

bool is_kept(const Pair& pair) {
  std::uint64_t h = 0;
  for (const int id : pair.target) h = autograd::mix(h + static_cast<std::uint64_t>(id) + 1);
  return h % 10 == 0;
}

std::vector<Pair> pairs_of(const PairTask& task, std::uint64_t seed, long step, long count, bool kept) {
  Draws draws(kept ? "kept pairs" : "pairs", seed, step);
  std::vector<Pair> pairs;
  while (static_cast<long>(pairs.size()) < count) {
    Pair pair = task.draw(draws);
    if (is_kept(pair) == kept) pairs.push_back(std::move(pair));
  }
  return pairs;
}

data::Batch batch_of(std::span<const Pair> pairs) {
  std::size_t S = 0, T = 0;
  for (const Pair& pair : pairs) S = std::max(S, pair.source.size() + 1), T = std::max(T, pair.target.size() + 1);
  data::Batch batch = empty_batch(static_cast<long>(pairs.size()), static_cast<long>(T));
  batch.padded = true;
  batch.source_length = static_cast<long>(S);
  batch.sources.assign(pairs.size() * S, 0);
  for (std::size_t b = 0; b < pairs.size(); ++b) {
    const auto &source = pairs[b].source, &target = pairs[b].target;
    std::ranges::copy(source, batch.sources.begin() + static_cast<long>(b * S));
    batch.sources[b * S + source.size()] = PairTask::marks.end;
    batch.source_lengths.push_back(static_cast<int>(source.size()) + 1);
    batch.lengths[b] = static_cast<int>(target.size()) + 1;
    batch.tokens[b * T] = PairTask::marks.begin;
    std::ranges::copy(target, batch.tokens.begin() + static_cast<long>(b * T) + 1);
    std::ranges::copy(target, batch.targets.begin() + static_cast<long>(b * T));
    batch.targets[b * T + target.size()] = PairTask::marks.end;
  }
  return batch;
}

}  // namespace primer::studies
