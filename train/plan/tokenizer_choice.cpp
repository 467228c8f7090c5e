// Which tokenizer a text gets, and those that take more than facts about it.
#include <algorithm>
#include <array>
#include <cmath>

#include "autograd/random.h"
#include "data/examples/encoded_text.h"
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

// How many bytes of each file pieces are learned from: those before its validation part, for pieces learned from that
// would make its loss in bits a byte lower than that of an unseen text. (Lines are drawn once they are encoded.)
std::vector<std::uint64_t> bytes_to_learn(const Config& wishes, const data::TextFacts& facts) {
  const data::TextForm form = wishes.objective->form(wishes);
  const bool is_cut =
      (form == data::TextForm::stream || form == data::TextForm::sentences) && wishes.validation.empty();
  std::vector<std::uint64_t> bytes;
  for (const data::FileFacts& file : facts.files)
    bytes.push_back(file.held_back ? 0 : is_cut ? data::training_share(file.bytes, wishes.val_fraction) : file.bytes);
  return bytes;
}

// A run's folder may have one for either side.
std::string place_of_sources(const std::string& path) {
  const std::string own = path + "/source_tokenizer.json";
  return data::kind_of(own, true) == data::FileKind::regular ? own : path;
}

// Sources and targets have a vocabulary each.
std::shared_ptr<const data::Tokenizer> make_both(const Config& wishes, const data::Sources& sources,
                                                 const data::TextFacts& facts) {
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
    made[side] = word == "byte" || word == "char" ? symbol_tokenizer(word, alphabets[side], wishes, facts)
                 : bpe_size(word) > 0             ? data::train_bpe(std::move(counts[side]), bpe_size(word), specials)
                                                  : data::open_tokenizer(side == 0 ? place_of_sources(word) : word);
  }
  return data::make_pair_tokenizer(made[0], made[1]);
}

}  // namespace

bool answers_exactly(const Config& config) { return config.objective->translates() || !config.answer_after.empty(); }

static void choose_word(Config& wishes, const data::TextFacts& facts) {
  if (!fitted(wishes, &Config::tokenizer) || parts_sides(wishes)) return;
  constexpr std::size_t most_characters = 512;  // distinct symbols; above, a token is a byte
  constexpr double worth_pieces = 3'000;        // bytes of text
  constexpr int least = 300, most = 4'000;      // tokens
  double bytes = 0;
  for (const data::FileFacts& file : facts.files) bytes += file.held_back ? 0 : static_cast<double>(file.bytes);
  if (answers_exactly(wishes) || (bytes < worth_pieces && wishes.objective->writes())) {
    wishes.tokenizer = facts.alphabet.size() <= most_characters ? "char" : "byte";
  } else {
    const double size = std::min<double>(256 + std::min(bytes / 20, 6 * std::sqrt(bytes)), most);
    wishes.tokenizer = "bpe:" + std::to_string(std::max(static_cast<int>(size) / 100 * 100, least));
  }
}

void choose_tokenizer(Config& wishes, const data::TextFacts& facts) {
  choose_word(wishes, facts);
  const bool are_characters = target_tokenizer(wishes) == "char" || wishes.source_tokenizer == "char";
  if (fitted(wishes, &Config::unknown_symbol)) wishes.unknown_symbol = are_characters;
  if (wishes.unknown_symbol && !are_characters) {
    throw autograd::Error(autograd::Fault::usage, "--unknown-symbol goes with --tokenizer char, and " +
                                                      wishes.tokenizer + " was chosen, which reads any text");
  }
}

std::vector<data::Symbol> left_for_unknown(const Config& wishes, const data::TextFacts& facts) {
  if (!wishes.unknown_symbol) return {};
  std::vector<data::Symbol> drawn = facts.rare;
  const autograd::Random random(static_cast<std::uint64_t>(wishes.seed), autograd::hash("data.unknown"), 0);
  std::ranges::sort(drawn, {}, [&](data::Symbol symbol) { return std::pair(random.word(symbol), symbol); });
  drawn.resize(std::min((drawn.size() + 7) / 8, facts.alphabet.size() - 1));
  return drawn;
}

std::shared_ptr<const data::Tokenizer> symbol_tokenizer(const std::string& word, std::vector<data::Symbol> alphabet,
                                                        const Config& wishes, const data::TextFacts& facts) {
  std::vector<std::string> specials = wishes.objective->specials();
  if (word == "byte") return data::make_byte_tokenizer(specials);
  if (wishes.unknown_symbol) specials.emplace_back(data::unknown_name);
  const std::vector<data::Symbol> unknown = left_for_unknown(wishes, facts);
  if (alphabet.size() > unknown.size())
    std::erase_if(alphabet, [&](data::Symbol symbol) { return std::ranges::find(unknown, symbol) != unknown.end(); });
  return data::make_character_tokenizer(std::move(alphabet), specials);
}

std::shared_ptr<const data::Tokenizer> make_tokenizer(const Config& wishes, const data::Sources& sources,
                                                      const data::TextFacts& facts) {
  if (parts_sides(wishes)) return make_both(wishes, sources, facts);
  if (wishes.tokenizer == "char" || wishes.tokenizer == "byte") return nullptr;
  const int size = bpe_size(wishes.tokenizer);
  if (size == 0) return data::open_tokenizer(wishes.tokenizer);
  if (!wishes.objective->translates()) {
    return data::train_bpe(data::count_words(sources, bytes_to_learn(wishes, facts)), size,
                           wishes.objective->specials());
  }
  auto [counts, targets] = data::count_words_of_sides(without_held_back(sources));
  counts.add(targets);
  return data::train_bpe(std::move(counts), size, wishes.objective->specials());
}

}  // namespace primer::train
