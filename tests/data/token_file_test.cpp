#include "data/examples/token_file.h"

#include <cmath>
#include <cstring>

#include "data/bytes/checksum.h"
#include "data/examples/encoded_text.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

std::vector<int> all_of(const TokenSequence& tokens) {
  std::vector<int> out(tokens.size());
  tokens.read(0, out.size(), out.data());
  return out;
}

/// Encodes and divides a text into the file `path`.
void build(const std::string& path, const Sources& sources, TextFacts facts, const TextReading& reading,
           double validation_fraction, std::uint64_t seed = 0) {
  EncodedText(path, sources, facts, reading).commit(validation_fraction, seed);
}

std::vector<int> concatenated(std::vector<int> a, const std::vector<int>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// A tokenizer that cannot tell in advance how many tokens a text has: two bytes become one token.
class PairTokenizer final : public Tokenizer {
 public:
  explicit PairTokenizer(std::optional<std::uint64_t> count = {})
      : Tokenizer({"aa", "ab", "ba", "bb", "a", "b"}, Specials{}), count_(count) {}
  std::string_view kind() const override { return "pair"; }
  std::optional<std::uint64_t> count(const FileFacts&) const override { return count_; }
  std::string json() const override { return "{}"; }
  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<PairEncoder>(); }

 private:
  class PairEncoder final : public Encoder {
   public:
    void feed(std::string_view block, std::vector<int>& ids) override {
      for (const char c : block) {
        if (first_ == 0) first_ = c;
        else ids.push_back((first_ - 'a') * 2 + (c - 'a')), first_ = 0;
      }
    }
    void finish(std::vector<int>& ids) override {
      if (first_ != 0) ids.push_back(4 + first_ - 'a');
    }

   private:
    char first_ = 0;
  };

  std::optional<std::uint64_t> count_;
};

}  // namespace

TEST_CASE("the training share is the floor that the fraction means") {
  CHECK(training_share(1'115'394, 0.1) == 1'003'854);
  CHECK(training_share(10, 0.1) == 9);
  CHECK(training_share(10, 0.9) == 1);
  CHECK(training_share(1000, 0.3) == 700);
  CHECK(training_share(9, 0.1) == 8);
  CHECK(training_share(1, 0.1) == 0);
  CHECK(training_share(0, 0.1) == 0);
  CHECK(training_share(7, 0) == 7);
  for (std::uint64_t n = 0; n < 2000; ++n) CHECK(training_share(n, 0.05) == n * 95 / 100);
  for (const double fraction : {-0.1, 1.0, 2.0, std::nan("")}) {
    refused(Fault::usage, [&] { training_share(10, fraction); });
  }
}

TEST_CASE("the last part of every file is for validation, all the rest for training, in the order of the files") {
  const TemporaryFolder folder;
  const std::string one = "0123456789abcdefghijk", two = "\xE4\xBD\xA0\xE5\xA5\xBD!\n\xFF", three = "z";
  const Sources sources = collect_sources({folder.put("1", one), folder.put("2", two), folder.put("3", three)});
  const TextFacts facts = survey(sources);
  const auto tokenizer = make_character_tokenizer(facts.alphabet);
  build(folder / "tokens", sources, facts, *tokenizer, 0.2);
  const TokenFile file(folder / "tokens");
  file.verify();
  CHECK(file.facts().text_checksum == crc32c(one + two + three));
  CHECK(file.facts().tokenizer_checksum == crc32c(tokenizer->json()));
  CHECK(file.train_size() == 16 + 4);
  CHECK(file.validation_size() == 5 + 1 + 1);
  CHECK(tokenizer->decode(all_of(file.train())) == one.substr(0, 16) + two.substr(0, 8));
  CHECK(tokenizer->decode(all_of(file.validation())) == one.substr(16) + "\xFF" + "z");
  CHECK(file.train_bytes() == 24);
  CHECK(file.validation_bytes() == 7);
  CHECK(file.facts().vocabulary == static_cast<std::uint64_t>(tokenizer->vocabulary_size()));
  CHECK(names_in(folder.path()) == std::vector<std::string>{"1", "2", "3", "tokens"});
}

TEST_CASE("tokens of one, two and four bytes come back from anywhere") {
  const TemporaryFolder folder;
  for (const Symbol symbols : {Symbol{256}, Symbol{257}, Symbol{65'536}, Symbol{65'537}}) {
    std::vector<Symbol> alphabet;
    std::string text;
    for (Symbol symbol = 0; alphabet.size() < symbols; ++symbol) {
      if (symbol >= 0xD800 && symbol < 0xE000) continue;
      alphabet.push_back(symbol);
      append_symbol(text, symbol);
    }
    const Sources sources = collect_sources({folder.put("text", text)});
    const TextFacts facts = survey(sources);
    REQUIRE(facts.alphabet == alphabet);
    build(folder / "tokens", sources, facts, *make_character_tokenizer(alphabet), 0.25);
    const TokenFile file(folder / "tokens");
    file.verify();
    CHECK(file.facts().width == (symbols == 256 ? 1 : symbols <= 65'536 ? 2 : 4));
    const std::vector<int> ids = concatenated(all_of(file.train()), all_of(file.validation()));
    REQUIRE(ids.size() == symbols);
    for (Symbol id = 0; id < symbols; ++id) {
      if (ids[id] != static_cast<int>(id)) FAIL("token " << id << " came back as " << ids[id]);
    }
    int some[5];
    file.train().read(100, 5, some);
    for (int i = 0; i < 5; ++i) CHECK(some[i] == 100 + i);
    file.train().read(file.train_size(), 0, some);
    refused(Fault::bug, [&] { file.train().read(file.train_size() - 4, 5, some); });
    refused(Fault::bug, [&] { file.validation().read(~std::uint64_t{0}, 2, some); });
  }
}

TEST_CASE("a text of many blocks is the same tokens") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; text.size() < 3'500'000; ++i) text += "\xE4\xBD\xA0" + std::to_string(i) + '\n';
  const Sources sources = collect_sources({folder.put("text", text)});
  const TextFacts facts = survey(sources);
  for (const auto& tokenizer : {make_byte_tokenizer({"[MASK]"}), make_character_tokenizer(facts.alphabet)}) {
    build(folder / "tokens", sources, facts, *tokenizer, 0.1);
    const TokenFile file(folder / "tokens");
    file.verify();
    CHECK(concatenated(all_of(file.train()), all_of(file.validation())) == tokenizer->encode(text));
    CHECK(file.train_bytes() + file.validation_bytes() == text.size());
  }
}

TEST_CASE("a tokenizer that cannot count in advance is given a pass for it") {
  const TemporaryFolder folder;
  const Sources sources = collect_sources({folder.put("1", "abbab"), folder.put("2", "bbbb")});
  const PairTokenizer tokenizer;
  build(folder / "tokens", sources, survey(sources), tokenizer, 0.4);
  const TokenFile file(folder / "tokens");
  CHECK(all_of(file.train()) == std::vector<int>{1, 3});          // ab | bb
  CHECK(all_of(file.validation()) == std::vector<int>{2, 5, 3});  // ba b | bb
}

TEST_CASE("a tokenizer that counts wrongly is found out") {
  const TemporaryFolder folder;
  const Sources sources = collect_sources({folder.put("1", "abbab")});
  const TextFacts facts = survey(sources);
  build(folder / "tokens", sources, facts, PairTokenizer(3), 0.4);
  for (const std::uint64_t count : {0u, 2u, 4u}) {
    refused(Fault::bug, [&] { build(folder / "other", sources, facts, PairTokenizer(count), 0.4); });
  }
}

TEST_CASE("a text that changed after the survey, or does not fit the vocabulary, makes no token file") {
  const TemporaryFolder folder;
  const std::string path = folder.put("text", "hello world");
  const Sources sources = collect_sources({path});
  const TextFacts facts = survey(sources);
  const auto tokenizer = make_character_tokenizer(facts.alphabet);
  SUBCASE("no symbol of the vocabulary") {
    const auto small = make_character_tokenizer({'x', 'y'});
    CHECK(contains(refused(Fault::input, [&] { build(folder / "tokens", sources, facts, *small, 0.1); }), path));
  }
  SUBCASE("longer") {
    folder.put("text", "hello world, hello");
    refused(Fault::input, [&] { build(folder / "tokens", sources, facts, *tokenizer, 0.1); });
  }
  SUBCASE("other bytes, and a clock that did not notice") {
    folder.put("text", "world hello");
    const Sources fresh = collect_sources({path});
    CHECK(contains(refused(Fault::input, [&] { build(folder / "tokens", fresh, facts, *tokenizer, 0.1); }), "changed"));
  }
  SUBCASE("another number of symbols in as many bytes") {
    folder.put("text", "h\xE4\xBD\xA0lo world");
    const Sources fresh = collect_sources({path});
    CHECK(contains(refused(Fault::input, [&] { build(folder / "tokens", fresh, facts, *make_byte_tokenizer(), 0.1); }),
                   "changed"));
    CHECK(contains(refused(Fault::input,
                           [&] {
                             build(folder / "tokens", fresh, facts, *make_character_tokenizer(survey(fresh).alphabet),
                                   0.1);
                           }),
                   "changed"));
  }
  CHECK(names_in(folder.path()) == std::vector<std::string>{"text"});
}

TEST_CASE("a token file cut, extended or changed anywhere is refused") {
  const TemporaryFolder folder;
  const Sources sources = collect_sources({folder.put("text", "some text, and some more of it")});
  const TextFacts facts = survey(sources);
  build(folder / "tokens", sources, facts, *make_character_tokenizer(facts.alphabet), 0.1);
  const std::string whole = read_file(folder / "tokens", 10'000);
  REQUIRE(whole.size() == 128 + 30 + 2 * 24);  // the header, the tokens, a record for each part
  const auto open = [&](const std::string& bytes) {
    const std::string path = folder.put("bad", bytes);
    refused(Fault::input, [&] { TokenFile(path).verify(); });
  };
  for (std::size_t length = 0; length < whole.size(); ++length) open(whole.substr(0, length));
  open(whole + 'x');
  for (std::size_t byte = 0; byte < whole.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = whole;
      bad[byte] = static_cast<char>(bad[byte] ^ 1 << bit);
      open(bad);
    }
  }
}

TEST_CASE("a token above the vocabulary, or a file cut while it is open, is an error and not a wrong number") {
  const TemporaryFolder folder;
  const Sources sources = collect_sources({folder.put("text", std::string(100, 'a'))});
  const TextFacts facts = survey(sources);
  build(folder / "tokens", sources, facts, *make_character_tokenizer(facts.alphabet), 0);
  std::string bytes = read_file(folder / "tokens", 10'000);
  const TokenFile cut(folder / "tokens");
  std::filesystem::resize_file(folder / "tokens", 150);
  CHECK(contains(refused(Fault::input, [&] { all_of(cut.train()); }), "cut short"));

  bytes[130] = 1;
  const TokenFile wrong(folder.put("wrong", bytes));
  CHECK(contains(refused(Fault::input, [&] { all_of(wrong.train()); }), "token 1"));
}

TEST_CASE("no text leaves room for a validation part of nothing") {
  const TemporaryFolder folder;
  const Sources sources = collect_sources({folder.put("text", "a")});
  const TextFacts facts = survey(sources);
  build(folder / "tokens", sources, facts, *make_byte_tokenizer(), 0.1);
  const TokenFile file(folder / "tokens");
  file.verify();
  CHECK(file.train_size() == 0);
  CHECK(file.validation_size() == 1);
}

}  // namespace primer::data
