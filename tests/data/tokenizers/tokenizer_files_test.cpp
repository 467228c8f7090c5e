#include "data/tokenizers/tokenizer_files.h"

#include "data/tokenizers/bpe_training.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

/// GPT-2's two files for the bytes and some merges.
struct TwoFiles {
  std::string vocabulary, merges = "#version: 0.2\n";
};

TwoFiles two_files() {
  const auto tokenizer = train_bpe(count_words("abab abab abab"), 259, {"<|endoftext|>"});  // ab, abab, then " abab"
  const std::string json = tokenizer->json();
  const std::size_t begin = json.find("\"vocab\":") + 8;
  return {json.substr(begin, json.find('}', json.find("<|endoftext|>\":")) + 1 - begin),
          "#version: 0.2\na b\nab ab\n\xC4\xA0 abab\n"};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("GPT-2's two files give its tokenizer, under both of their names, from a folder too") {
  const TwoFiles files = two_files();
  for (const auto& [vocabulary, merges] :
       {std::pair{"vocab.json", "merges.txt"}, std::pair{"encoder.json", "vocab.bpe"}}) {
    const TemporaryFolder folder;
    folder.put(vocabulary, files.vocabulary);
    folder.put(merges, files.merges);
    for (const std::string& path : {folder.path(), folder / vocabulary, folder / merges}) {
      const auto tokenizer = open_tokenizer(path);
      CHECK(tokenizer->kind() == "bpe");
      CHECK(tokenizer->vocabulary_size() == 260);
      CHECK(tokenizer->special("<|endoftext|>") == 259);
      CHECK(tokenizer->encode("abab abab") == std::vector<int>{257, 258});
      CHECK(parse_tokenizer(tokenizer->json(), "again")->json() == tokenizer->json());
    }
    std::filesystem::remove(folder / merges);
    CHECK(contains(refused(Fault::input, [&] { open_tokenizer(folder / vocabulary); }), "no such file"));
    CHECK(contains(refused(Fault::input, [&] { open_tokenizer(folder.path()); }), "holds no tokenizer"));
  }
}

TEST_CASE("a folder's tokenizer.json comes first, and a vocab.txt is WordPiece") {
  const TemporaryFolder folder;
  folder.put("vocab.txt", "[UNK]\na\n");
  CHECK(open_tokenizer(folder.path())->kind() == "wordpiece");
  CHECK(open_tokenizer(folder / "vocab.txt")->kind() == "wordpiece");
  folder.put("tokenizer.json", make_byte_tokenizer()->json());
  CHECK(open_tokenizer(folder.path())->kind() == "byte");
  CHECK(contains(refused(Fault::input, [&] { open_tokenizer(folder / "other.json"); }), "no such file"));
}

TEST_CASE("vocabularies and merges that are damaged, foreign or hostile are refused, naming the file and the place") {
  const TwoFiles good = two_files();
  const auto parse = [](const TwoFiles& files) {
    return parse_vocabulary_and_merges(files.vocabulary, files.merges, "vocab.json", "merges.txt");
  };
  REQUIRE(parse(good)->vocabulary_size() == 260);
  const auto with_merges = [&](const std::string& merges) {
    return refused(Fault::input, [&] { parse({good.vocabulary, merges}); });
  };
  CHECK(contains(with_merges("a b\nab\n"), "'merges.txt'"));
  CHECK(contains(with_merges("a b\nab\n"), "line 2"));
  for (const char* line : {"a b c", "a  b", " a", "a ", "#version: 0.2\n#version: 0.2"}) {
    CAPTURE(line);
    with_merges(line);
  }
  CHECK(contains(with_merges("a b\na zz\n"), "the merge 2 names \"zz\""));
  CHECK(contains(with_merges("b a\n"), "the merge 1 makes \"ba\""));
  CHECK(contains(with_merges("a b\na b\n"), "the merges 1 and 2 are the same"));
  CHECK(contains(with_merges("<|endoftext|> a\n"), "<|endoftext|>"));
  CHECK(parse({good.vocabulary, ""})->encode("ab").size() == 2);
  CHECK(parse({good.vocabulary, "a b\r\n\r\nab ab"})->encode("abab").size() == 1);

  const auto with_vocabulary = [&](const std::string& vocabulary) {
    return refused(Fault::input, [&] { parse({vocabulary, good.merges}); });
  };
  const std::string& whole = good.vocabulary;
  CHECK(contains(with_vocabulary(replaced(whole, "\"ab\":256", "\"ab\":255")), "two tokens have the id 255"));
  CHECK(contains(with_vocabulary(replaced(whole, "\"ab\":256", "\"ab\":300")), "gap"));
  CHECK(contains(with_vocabulary(replaced(whole, "\"ab\":256", "\"ab\":99999999999")), "gap"));
  CHECK(contains(with_vocabulary(replaced(whole, "\"ab\":256", "\"ab\":-1")), "not a whole number"));
  CHECK(contains(with_vocabulary(replaced(whole, "\"ab\":256", "\"abab\":256")), "twice"));
  CHECK(contains(with_vocabulary(replaced(whole, "\"!\":0", "\"!!\":0")), "the byte \"!\" has no token"));
  CHECK(contains(with_vocabulary(replaced(whole, "\"!\":0", "\"\xE4\xB8\xAD\":0")), "byte alphabet"));
  for (const char* text : {"", "{}", "[]", "7", "{\"a\":{}}", "{\"a\":\"0\"}", "\xFF"}) {
    CAPTURE(text);
    with_vocabulary(text);
  }
  for (std::size_t length = 0; length < whole.size(); length += 7) with_vocabulary(whole.substr(0, length));
  with_vocabulary(std::string(1'000'000, '['));
}

TEST_CASE("a vocab.txt that is damaged is refused, naming the line") {
  const auto refusal = [](const std::string& text) {
    return refused(Fault::input, [&] { parse_wordpiece_vocabulary(text, "vocab.txt"); });
  };
  CHECK(contains(refusal("[UNK]\na\n\nb\n"), "line 3 is empty"));
  CHECK(contains(refusal("[UNK]\na\nb\na\n"), "the WordPiece tokens 1 and 3 are the same: \"a\""));
  CHECK(contains(refusal("a\nb\n"), "[UNK]"));
  CHECK(contains(refusal("[UNK]\n\xE4\n##\xB8\xAD\n"), "the WordPiece token 1, \"\\xE4\", is not UTF-8"));
  CHECK(contains(refusal(""), "[UNK]"));
  CHECK(contains(refusal("[UNK]\n" + std::string(2000, 'x')), "2000 bytes"));
  CHECK(contains(refusal("[UNK]\n" + std::string(100'000, 'x')), "line 2 is too long"));
  CHECK(parse_wordpiece_vocabulary("[UNK] \r\na\t\r\n", "vocab.txt")->encode("a") == std::vector<int>{1});
}

TEST_CASE("a BPE tokenizer.json is read as others write it, and refused where it means something else") {
  const std::string good = train_bpe(count_words("abab abab abab"), 259, {"[MASK]"})->json();
  const auto changed = [&](const std::string& from, const std::string& to) { return replaced(good, from, to); };
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"a b\",\n\"ab ab\"", "[\"a\",\"b\"],[\"ab\", \"ab\"]"},
           {"\"continuing_subword_prefix\":null", "\"continuing_subword_prefix\":\"\""},
           {"\"type\":\"BPE\",", ""},
           {"\"normalized\":false", "\"normalized\":true"},
           {",\"use_regex\":true},\n\"post", "},\n\"post"},
           {"\"unk_token\":null", "\"unk_token\":\"[MASK]\""},
           {",\n\"[MASK]\":259", ""}}) {
    CAPTURE(to);
    CHECK(parse_tokenizer(changed(from, to), "t.json")->json() == good);
  }
  const auto refusal = [&](const std::string& from, const std::string& to) {
    const std::string text = changed(from, to);
    return refused(Fault::input, [&] { parse_tokenizer(text, "t.json"); });
  };
  CHECK(contains(refusal("\"add_prefix_space\":false", "\"add_prefix_space\":true"), "add_prefix_space"));
  CHECK(contains(refusal("\"dropout\":null", "\"dropout\":0.1"), "dropout"));
  CHECK(contains(refusal("\"ignore_merges\":false", "\"ignore_merges\":true"), "ignore_merges"));
  CHECK(contains(refusal("\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}"), "normalizer"));
  CHECK(contains(refusal("\"use_regex\":true},\n\"post", "\"use_regex\":false},\n\"post"), "merges"));
  CHECK(contains(refusal("\"id\":259,\"content\":\"[MASK]\"", "\"id\":3,\"content\":\"[MASK]\""), "has the id 3"));
  CHECK(contains(refusal("\"id\":259,\"content\":\"[MASK]\"", "\"id\":261,\"content\":\"[MASK]\""), "has the id 261"));
  CHECK(contains(refusal("\"a b\",\n", "\"a b\",\n\"a b\",\n"), "are the same"));
  CHECK(contains(refusal("\"a b\"", "\"a c\""), "makes \"ac\""));
  CHECK(contains(refusal("\"a b\"", "[\"a\"]"), "fewer than two"));
  CHECK(contains(refusal("\"a b\"", "[\"a\",\"b\",\"c\"]"), "neither"));
  CHECK(contains(refusal("\"a b\"", "7"), "neither"));
  for (std::size_t length = 0; length + 2 < good.size(); length += 5) {
    refused(Fault::input, [&] { parse_tokenizer(good.substr(0, length), "t.json"); });
  }
}

}  // namespace primer::data
