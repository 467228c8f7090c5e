// The tokenizers that take more than facts about the text.
#include <array>

#include "data/text/sides.h"
#include "data/tokenizers/bpe_training.h"
#include "data/tokenizers/tokenizer_files.h"
#include "train/plan/plan.h"

namespace primer::train {

namespace {

// Those that are learned from.
data::Sources without_held_back(data::Sources sources) {
  std::erase_if(sources.files, [](const data::Source& source) { return source.held_back; });
  return sources;
}

// A run's folder may have one for either side.
std::string place_of_sources(const std::string& path) {
  const std::string own = path + "/source_tokenizer.json";
  return data::kind_of(own, true) == data::FileKind::regular ? own : path;
}

// Sources and targets have a vocabulary each.
std::shared_ptr<const data::Tokenizer> make_both(const Config& wishes, const data::Sources& sources) {
  const auto specials = wishes.objective->specials();
  const std::array<std::string, 2> words{wishes.source_tokenizer, target_tokenizer(wishes)};
  std::array<std::shared_ptr<const data::Tokenizer>, 2> made;
  std::array<std::vector<data::Symbol>, 2> alphabets;
  std::array<data::WordCounts, 2> counts;
  const auto is_of = [&](auto kind) { return kind(words[0]) || kind(words[1]); };
  if (is_of([](const auto& word) { return word == "char"; })) alphabets = data::alphabets_of_sides(sources);
  if (is_of([](const auto& word) { return bpe_size(word) > 0; }))
    counts = data::count_words_of_sides(without_held_back(sources));
  for (std::size_t side = 0; side < 2; ++side) {
    const std::string& word = words[side];
    made[side] = word == "byte"       ? data::make_byte_tokenizer(specials)
                 : word == "char"     ? data::make_character_tokenizer(alphabets[side], specials)
                 : bpe_size(word) > 0 ? data::train_bpe(std::move(counts[side]), bpe_size(word), specials)
                                      : data::open_tokenizer(side == 0 ? place_of_sources(word) : word);
  }
  return data::make_pair_tokenizer(made[0], made[1]);
}

}  // namespace

std::shared_ptr<const data::Tokenizer> make_tokenizer(const Config& wishes, const data::Sources& sources) {
  if (parts_sides(wishes)) return make_both(wishes, sources);
  const bool made_by_plan = wishes.tokenizer == "char" || wishes.tokenizer == "byte";
  if (made_by_plan || fitted(wishes, &Config::tokenizer)) return nullptr;
  const int size = bpe_size(wishes.tokenizer);
  if (size == 0) return data::open_tokenizer(wishes.tokenizer);
  const data::Sources learned = without_held_back(sources);
  if (!wishes.objective->translates())
    return data::train_bpe(data::count_words(learned), size, wishes.objective->specials());
  auto [counts, targets] = data::count_words_of_sides(learned);
  counts.add(targets);
  return data::train_bpe(std::move(counts), size, wishes.objective->specials());
}

}  // namespace primer::train
