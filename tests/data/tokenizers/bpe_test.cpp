#include "autograd/random.h"
#include "data/tokenizers/bpe_encoder.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "data/tokenizers/bpe_training.h"
#include "data/tokenizers/byte_level.h"
#include "data/tokenizers/tokenizer_contents.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

using autograd::Random;

/// The 256 bytes, each its own id, and merges.
BpeVocabulary bytes_and(const std::vector<std::pair<std::string, std::string>>& merges) {
  BpeVocabulary vocabulary;
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary.tokens.emplace_back(1, static_cast<char>(static_cast<unsigned char>(byte)));
  }
  const auto id = [&](const std::string& token) {
    const auto found = std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), token);
    return static_cast<int>(found - vocabulary.tokens.begin());
  };
  for (const auto& [left, right] : merges) {
    if (id(left + right) == static_cast<int>(vocabulary.tokens.size())) vocabulary.tokens.push_back(left + right);
  }
  for (const auto& [left, right] : merges) vocabulary.merges.push_back({id(left), id(right), -1});
  return vocabulary;
}

/// Byte pair encoding of one piece as encoder.py of GPT-2 has it: look for the pair of the lowest rank, merge it.
std::vector<int> textbook(const BpeVocabulary& vocabulary, std::string_view piece) {
  std::vector<std::string> parts;
  for (const char c : piece) parts.emplace_back(1, c);
  const auto& tokens = vocabulary.tokens;
  while (true) {
    std::size_t best = vocabulary.merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      for (std::size_t rank = 0; rank < best; ++rank) {
        const Merge& merge = vocabulary.merges[rank];
        if (tokens[static_cast<std::size_t>(merge.left)] == parts[i] &&
            tokens[static_cast<std::size_t>(merge.right)] == parts[i + 1]) {
          best = rank, at = i;
        }
      }
    }
    if (best == vocabulary.merges.size()) break;
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
  std::vector<int> ids;
  for (const std::string& part : parts) {
    ids.push_back(static_cast<int>(std::find(tokens.begin(), tokens.end(), part) - tokens.begin()));
  }
  return ids;
}

/// Strings of the first `symbols` letters.
std::string letters(const Random& random, std::uint64_t from, std::size_t length, unsigned symbols) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += static_cast<char>('a' + random.below(symbols, from + i));
  return text;
}

std::vector<int> in_blocks(const Tokenizer& tokenizer, std::string_view text, std::size_t block) {
  std::vector<int> ids;
  const auto encoder = tokenizer.encoder();
  for (std::size_t i = 0; i < text.size(); i += block) encoder->feed(text.substr(i, block), ids);
  encoder->finish(ids);
  return ids;
}

/// The tokens of a text, each piece merged as a whole.
std::vector<int> at_once(const Tokenizer& tokenizer, std::string_view text) {
  BpeVocabulary vocabulary;
  std::vector<std::uint32_t> lengths;
  std::array<int, 256> bytes{};
  const auto contents = read_tokenizer_json(tokenizer.json());
  vocabulary = spelt_vocabulary(names_by_id(contents.vocabulary), contents.merges, {});
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& token = vocabulary.tokens[id];
    lengths.push_back(static_cast<std::uint32_t>(token.size()));
    if (token.size() == 1) bytes[static_cast<unsigned char>(token[0])] = static_cast<int>(id);
  }
  for (Merge& merge : vocabulary.merges) {
    const std::string made = vocabulary.tokens[static_cast<std::size_t>(merge.left)] +
                             vocabulary.tokens[static_cast<std::size_t>(merge.right)];
    merge.product = static_cast<int>(std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), made) -
                                     vocabulary.tokens.begin());
  }
  const MergeTable table(vocabulary.merges, lengths, bytes);
  CHECK(table.is_ordered());
  CHECK(BpeEncoder::window_bytes(table) < text.size());
  Merger merger(table, lengths);
  std::vector<int> ids;
  PieceCutter cutter;
  while (const std::size_t length = cutter.cut(text, true)) {
    merger.encode(text.substr(0, length), ids);
    text.remove_prefix(length);
  }
  return ids;
}

}  // namespace

TEST_CASE("the merge of the lowest rank comes first, and the leftmost of its places") {
  const auto tokenizer = make_bpe_tokenizer(bytes_and({{"b", "c"}, {"a", "b"}, {"a", "bc"}, {"a", "a"}, {"aa", "aa"}}));
  const auto ids = [&](const char* text) { return tokenizer->encode(text); };
  CHECK(ids("abc") == std::vector<int>{258});  // b c, then a bc: not a b
  CHECK(ids("ab") == std::vector<int>{257});
  CHECK(ids("aaa") == std::vector<int>{259, 'a'});
  CHECK(ids("aaaaa") == std::vector<int>{260, 'a'});
  CHECK(ids("cba") == std::vector<int>{'c', 'b', 'a'});
  CHECK(tokenizer->decode(ids("xabcaaa\xFF")) == "xabcaaa\xFF");
}

TEST_CASE("any merges and any piece give what the textbook's search gives") {
  const Random random(5, autograd::hash("test.bpe"));
  for (std::uint64_t round = 0; round < 150; ++round) {
    const std::uint64_t from = round * 100'000;
    // Merges of tokens that are there already, in an order that is their own in one round and shuffled in the next, so
    // that a pair may arise that should have been merged before.
    std::vector<std::string> made{"a", "b", "c"};
    std::vector<std::pair<std::string, std::string>> merges;
    for (std::uint64_t i = 0; i < 30; ++i) {
      const auto draw = [&](std::uint64_t k) { return made[random.below(made.size(), from + 2 * i + k)]; };
      const std::pair<std::string, std::string> merge{draw(0), draw(1)};
      if (std::find(merges.begin(), merges.end(), merge) != merges.end()) continue;
      merges.push_back(merge);
      made.push_back(merge.first + merge.second);
    }
    if (round % 2 == 1) {
      for (std::size_t i = merges.size(); i > 1; --i)
        std::swap(merges[i - 1], merges[random.below(i, from + 1000 + i)]);
    }
    const auto tokenizer = make_bpe_tokenizer(bytes_and(merges));
    BpeVocabulary vocabulary = bytes_and(merges);
    for (std::uint64_t i = 0; i < 10; ++i) {
      const std::string piece = letters(random, from + 2000 + 100 * i, 1 + 4 * i, 3);
      CAPTURE(piece);
      CHECK(tokenizer->encode(piece) == textbook(vocabulary, piece));
    }
  }
}

TEST_CASE("a piece of any length is encoded as it comes, as it would be in one") {
  const Random random(6, autograd::hash("test.bpe.long"));
  std::string runs;
  for (std::uint64_t i = 0; runs.size() < 600'000; ++i) {
    runs.append(1 + random.below(40, 2 * i), static_cast<char>('a' + random.below(2, 2 * i + 1)));
  }
  const std::vector<std::string> texts{std::string(900'000, 'a'), std::string(700'001, ' ') + "x", runs,
                                       letters(random, 1u << 30, 600'000, 3)};
  for (const std::string& text : texts) {
    CAPTURE(text.substr(0, 20));
    // From a long run of one symbol tokens would be learned that are too long for the windows to be met here.
    const std::size_t learned = text.starts_with(std::string(200, text[0])) ? 200 : 20'000;
    const auto tokenizer = train_bpe(count_words(std::string_view(text).substr(0, learned)), 400);
    const std::vector<int> ids = tokenizer->encode(text);
    CHECK(tokenizer->decode(ids) == text);
    CHECK(ids == at_once(*tokenizer, text));
    CHECK(in_blocks(*tokenizer, text, 100'000) == ids);
    CHECK(in_blocks(*tokenizer, text, 4099) == ids);
  }
}

TEST_CASE("a piece whose tokens depend on what comes far behind them waits for it") {
  // In a chain of bytes the last pair is merged first, so that which pairs are merged before it depends on where the
  // chain ends: 62 bytes away, though no token has more than two.
  std::string chain;
  for (int byte = 0x80; byte <= 0xBE; ++byte) chain += static_cast<char>(static_cast<unsigned char>(byte));
  std::vector<std::pair<std::string, std::string>> merges;
  for (std::size_t i = chain.size() - 1; i > 0; --i) merges.emplace_back(chain.substr(i - 1, 1), chain.substr(i, 1));
  const auto tokenizer = make_bpe_tokenizer(bytes_and(merges));
  std::string text;
  while (text.size() < 1'300'000) text += chain;
  const std::vector<int> ids = at_once(*tokenizer, text);
  CHECK(tokenizer->encode(text) == ids);
  for (const std::size_t block : {1000, 4099, 100'001}) CHECK(in_blocks(*tokenizer, text, block) == ids);
}

TEST_CASE("what a vocabulary lacks or has twice is refused") {
  const auto refusal = [](auto change) {
    BpeVocabulary vocabulary = bytes_and({{"a", "b"}, {"ab", "c"}});
    change(vocabulary);
    return refused(Fault::input, [&] { make_bpe_tokenizer(std::move(vocabulary)); });
  };
  CHECK(contains(refusal([](auto& v) { v.tokens[65] = "AA"; }), "the byte \"A\" has no token"));
  CHECK(contains(refusal([](auto& v) { v.tokens[257] = "ab"; }), "the tokens 256 and 257 are the same"));
  CHECK(contains(refusal([](auto& v) { v.tokens[256] = "ac"; }), "the merge 1 makes \"ab\", which is not a token"));
  CHECK(contains(refusal([](auto& v) { v.merges.push_back(v.merges[0]); }), "the merges 1 and 3 are the same"));
  CHECK(contains(refusal([](auto& v) { v.tokens.push_back(""); }), "has 0 bytes"));
  CHECK(contains(refusal([](auto& v) { v.tokens.push_back(std::string(1025, 'x')); }), "has 1025 bytes"));
  CHECK(contains(refusal([](auto& v) { v.specials.emplace("[X]", 5); }), "the byte \"\\x05\" has no token"));
}

TEST_CASE("names of special tokens are plain text to encode, and tokens to encode_with_specials") {
  BpeVocabulary vocabulary = bytes_and({{"<", "|"}});
  vocabulary.tokens.insert(vocabulary.tokens.end(), 3, "");
  vocabulary.specials = {{"<|end|>", 257}, {"[MASK]", 258}, {"[MASK]s", 259}};
  const auto tokenizer = make_bpe_tokenizer(std::move(vocabulary));
  CHECK(tokenizer->special("[MASK]") == 258);
  CHECK(tokenizer->encode("a<|end|>").front() == 'a');
  CHECK(tokenizer->encode("a<|end|>")[1] == 256);
  CHECK(tokenizer->encode_with_specials("a<|end|>[MASK] b[MASK]sz") ==
        std::vector<int>{'a', 257, 258, ' ', 'b', 259, 'z'});
  CHECK(tokenizer->encode_with_specials("").empty());
  const auto back = parse_tokenizer(tokenizer->json(), "t.json");
  CHECK(back->json() == tokenizer->json());
  CHECK(back->specials() == tokenizer->specials());
}

TEST_CASE("the byte alphabet is GPT-2's") {
  CHECK(byte_level_name(std::string("\0\n \x7F\x80\xA0\xAD!", 8)) ==
        "\xC4\x80\xC4\x8A\xC4\xA0\xC4\xA1\xC4\xA2\xC5\x82\xC5\x83!");
  CHECK(byte_level_order()[0] == '!');
  CHECK(byte_level_order()[198] == '\n');
  CHECK(byte_level_order()[220] == ' ');
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(static_cast<unsigned char>(byte)));
    CHECK(byte_level_bytes(byte_level_name(one)) == one);
  }
  CHECK(!byte_level_bytes("a b"));
  CHECK(!byte_level_bytes("\xC5\x84"));
  CHECK(!byte_level_bytes("\xFF"));
}

}  // namespace primer::data
