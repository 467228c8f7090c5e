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

using autograd::Error;
using autograd::Fault;

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

void choose_division(Config& wishes, const data::Sources& sources) {
  const bool is_stream = wishes.objective->form(wishes) == data::TextForm::stream;
  if (!is_stream) wishes.split = data::Split::tail;
  if (!is_stream || !wishes.objective->writes()) wishes.documents = data::Parting::none;
  if (!is_stream) return;
  if (wishes.validation.empty() && fitted(wishes, &Config::split)) wishes.split = data::Split::spread;
  const auto files = std::ranges::count(sources.files, false, &data::Source::held_back);
  if (wishes.objective->writes() && fitted(wishes, &Config::documents) && (files > 1 || !wishes.field.empty()))
    wishes.documents = data::Parting::each;
}

void choose_documents(Plan& plan) {
  Config& config = plan.config;
  if (config.documents == data::Parting::none && config.separate_documents)
    throw Error(
        Fault::usage,
        "--separate-documents goes with --objective lm on several files, CSV, JSON lines, or --documents blank-lines");
  if (config.documents == data::Parting::none || plan.tokenizer->special(data::end_of_text) >= 0) return;
  const std::string lacks = "the tokenizer has no " + std::string(data::end_of_text);
  if (!fitted(config, &Config::documents) || config.separate_documents) {
    throw Error(Fault::input, lacks + ", with which --documents " + std::string(autograd::name(config.documents)) +
                                  " ends each of them; take --documents none, or another --tokenizer");
  }
  config.documents = data::Parting::none;
  plan.notes.push_back(lacks + ": a document runs on to the next one");
}

// Pieces of words are learned from what is not held back: learned from that too they would make its loss in bits a byte
// lower than that of an unseen text. (Lines are drawn once they are encoded.)
data::StreamSplit split_of(const Config& config, const data::TextFacts& facts) {
  const data::TextForm form = config.objective->form(config);
  const bool is_cut =
      (form == data::TextForm::stream || form == data::TextForm::sentences) && config.validation.empty();
  return {facts, config.split, is_cut ? config.val_fraction : 0, static_cast<std::uint64_t>(config.seed)};
}

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
    throw Error(Fault::usage, "--unknown-symbol goes with --tokenizer char, and " + wishes.tokenizer +
                                  " was chosen, which reads any text");
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
  std::vector<std::string> specials = specials_of(wishes);
  if (word == "byte") return data::make_byte_tokenizer(specials);
  if (wishes.unknown_symbol) specials.emplace_back(data::unknown_name);
  std::vector<data::Symbol> unknown = left_for_unknown(wishes, facts);
  std::ranges::sort(unknown);
  if (alphabet.size() > unknown.size())
    std::erase_if(alphabet, [&](data::Symbol symbol) { return std::ranges::binary_search(unknown, symbol); });
  return data::make_character_tokenizer(std::move(alphabet), specials);
}

std::shared_ptr<const data::Tokenizer> make_tokenizer(const Config& wishes, const data::Sources& sources,
                                                      const data::TextFacts& facts) {
  if (parts_sides(wishes)) return make_both(wishes, sources, facts);
  if (wishes.tokenizer == "char" || wishes.tokenizer == "byte") return nullptr;
  const int size = bpe_size(wishes.tokenizer);
  if (size == 0) return data::open_tokenizer(wishes.tokenizer);
  if (!wishes.objective->translates()) {
    return data::train_bpe(data::count_words(sources, split_of(wishes, facts)), size, specials_of(wishes));
  }
  auto [counts, targets] = data::count_words_of_sides(without_held_back(sources));
  counts.add(targets);
  return data::train_bpe(std::move(counts), size, wishes.objective->specials());
}

}  // namespace primer::train
