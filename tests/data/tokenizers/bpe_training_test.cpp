#include "data/tokenizers/bpe_training.h"

#include <map>

#include "autograd/random.h"
#include "data/tokenizers/byte_level.h"
#include "data/tokenizers/pieces.h"
#include "tests/data/fixture.h"
#include "tests/threads.h"

namespace primer::data {

namespace {

/// Learns by counting all pairs of all pieces anew for every merge; tokens are their bytes.
std::vector<std::string> textbook(std::string_view text, std::size_t size) {
  std::vector<std::vector<int>> pieces;
  std::vector<std::string> tokens;
  std::array<int, 256> ids{};
  for (const unsigned char byte : byte_level_order()) {
    ids[byte] = static_cast<int>(tokens.size());
    tokens.emplace_back(1, static_cast<char>(byte));
  }
  PieceCutter cutter;
  while (const std::size_t length = cutter.cut(text, true)) {
    pieces.emplace_back();
    for (const char c : text.substr(0, length)) pieces.back().push_back(ids[static_cast<unsigned char>(c)]);
    text.remove_prefix(length);
  }
  while (tokens.size() < size) {
    std::map<std::pair<int, int>, int> counts;
    for (const auto& piece : pieces) {
      for (std::size_t i = 0; i + 1 < piece.size(); ++i) ++counts[{piece[i], piece[i + 1]}];
    }
    std::pair<int, int> best;
    int most = 1;
    for (const auto& [pair, count] : counts) {
      if (count > most) best = pair, most = count;
    }
    if (most == 1) break;
    for (auto& piece : pieces) {
      for (std::size_t i = 0; i + 1 < piece.size(); ++i) {
        if (piece[i] != best.first || piece[i + 1] != best.second) continue;
        piece[i] = static_cast<int>(tokens.size());
        piece.erase(piece.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
    tokens.push_back(tokens[static_cast<std::size_t>(best.first)] + tokens[static_cast<std::size_t>(best.second)]);
  }
  return tokens;
}

std::vector<std::string> tokens_of(const Tokenizer& tokenizer) {
  std::vector<std::string> tokens;
  for (int id = 0; id < tokenizer.vocabulary_size(); ++id) tokens.push_back(tokenizer.token_text(id));
  return tokens;
}

/// Words of a few letters, drawn so that some are common.
std::string text_of(std::uint64_t seed, std::size_t words) {
  const autograd::Random random(seed, autograd::hash("test.bpe.training"));
  std::string text;
  for (std::size_t w = 0; w < words; ++w) {
    const std::uint64_t kind = std::min(random.below(60, 2 * w), random.below(60, 2 * w + 1));
    for (std::uint64_t i = 0; i < 1 + kind % 7; ++i) {
      text += static_cast<char>('a' + random.below(4, (kind << 40) + i));
    }
    text += w % 9 == 8 ? "\n" : " ";
  }
  return text;
}

}  // namespace

TEST_CASE("what is learned is what counting anew for every merge learns") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const std::string text = text_of(seed, 400) + std::string(30 + seed, 'a') + "\xE4\xBD\xA0\xE4\xBD\xA0";
    const auto tokenizer = train_bpe(count_words(text), 330);
    CHECK(tokens_of(*tokenizer) == textbook(text, 330));
  }
}

TEST_CASE("a text with too few pairs gives fewer tokens, and specials come on top") {
  CHECK(tokens_of(*train_bpe(count_words("abab abab"), 300, {"[MASK]"})) == [] {
    std::vector<std::string> expected;
    for (const unsigned char byte : byte_level_order()) expected.emplace_back(1, static_cast<char>(byte));
    // ab occurs four times, then abab twice; " abab" occurs once only.
    for (const char* token : {"ab", "abab", "[MASK]"}) expected.emplace_back(token);
    return expected;
  }());
  CHECK(train_bpe(count_words(""), 300)->vocabulary_size() == 256);
  CHECK(train_bpe(count_words(std::string(100'000, 'a')), 300)->vocabulary_size() == 266);  // the longest has 1024
  for (const int size : {-1, 0, 256, 1'000'001}) {
    refused(Fault::usage, [&] { train_bpe(count_words("a"), size); });
  }
  refused(Fault::usage, [] { train_bpe(count_words("a"), 300, {"[MASK]", "[MASK]"}); });
  for (const char* piece : {"abab",
                            "\xC4\xA0"
                            "abab"}) {  // as files spell it: U+0120 for the space
    CHECK(contains(refused(Fault::usage, [&] { train_bpe(count_words("abab abab abab"), 300, {piece}); }), piece));
  }
}

TEST_CASE("pieces are counted alike from files and from memory, by any number of threads") {
  const TemporaryFolder folder;
  std::string text;
  // Longer than what is read at once and than what a thread takes at a time, with places where no cut is safe.
  for (std::uint64_t i = 0; text.size() < 2'500'000; ++i) {
    text += text_of(i % 50, 300) + (i % 3 == 0   ? "  \n\n "
                                    : i % 3 == 1 ? "\xE3\x80\x80 x\xE3\x80\x80\n"
                                                 : "\xFF\xE3 \xE3");
  }
  std::map<std::string, std::uint64_t> expected;
  PieceCutter cutter;
  for (std::string_view rest = text; const std::size_t length = cutter.cut(rest, true); rest.remove_prefix(length)) {
    ++expected[std::string(rest.substr(0, length))];
  }
  const Sources sources = collect_sources({folder.put("text", text)});
  for (const int threads : {1, 2}) {
    const test::Threads limit(threads);
    for (const WordCounts& counts : {count_words(text), count_words(sources)}) {
      std::map<std::string, std::uint64_t> found;
      for (const auto& word : counts.words()) found[std::string(counts.text(word))] = word.count;
      CHECK((found == expected));
    }
    CHECK(train_bpe(count_words(sources), 300)->json() == train_bpe(count_words(text), 300)->json());
  }
}

TEST_CASE("where distinct pieces are too many, the rarest are dropped") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    const std::string number(1, static_cast<char>('a' + i / 26 % 26));
    text += number + static_cast<char>('a' + i % 26) + static_cast<char>('a' + i / 676) + "q kept ";
  }
  const WordCounts counts = count_words(collect_sources({folder.put("text", text)}), {}, 4000);
  CHECK(counts.bytes() <= 2000);
  REQUIRE(counts.words().size() == 1);
  CHECK(counts.text(counts.words()[0]) == " kept");
  CHECK(counts.words()[0].count == 3000);
}

}  // namespace primer::data
