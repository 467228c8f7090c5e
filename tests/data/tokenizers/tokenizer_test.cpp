#include "data/tokenizers/tokenizer.h"

#include "autograd/random.h"
#include "data/tokenizers/bpe_training.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

/// A character tokenizer for exactly this text.
std::shared_ptr<const Tokenizer> characters_of(std::string_view text, const std::vector<std::string>& specials = {}) {
  const TemporaryFolder folder;
  return make_character_tokenizer(survey(collect_sources({folder.put("text", text)})).alphabet, specials);
}

/// A character tokenizer for every byte string: every code point and every stray byte would be too many, so ASCII, some
/// others, and all stray bytes.
std::shared_ptr<const Tokenizer> wide_characters() {
  std::vector<Symbol> alphabet;
  for (Symbol symbol = 0; symbol < 0x800; ++symbol) alphabet.push_back(symbol);
  for (Symbol byte = 0x80; byte < 0x100; ++byte) alphabet.push_back(first_stray + byte);
  return make_character_tokenizer(alphabet);
}

const std::vector<std::string> difficult = {
    std::string("\xEF\xBB\xBF"
                "BOM\r\nCRLF\r\rCR\n\ttab"),
    "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C\xE3\x80\x82",                          // Chinese
    "\xE3\x81\x93\xE3\x82\x93\xE3\x81\xAB\xE3\x81\xA1\xE3\x81\xAF\xE3\x80\x81\xE4\xB8\x96\xE7\x95\x8C",  // Japanese
    "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9 \xF0\x9F\x87\xA9\xF0\x9F\x87\xAA",                     // emoji
    std::string("NUL \0 and \0\0", 11),
    "\xC0\x80 \xED\xA0\x80\xED\xB0\x80 \xF4\x90\x80\x80 \xFF\xFE \x80\xE4\xBD",  // nothing of it is valid UTF-8
    "e\xCC\x81 and \xC3\xA9",                                                    // the same to the eye, not to us
    "<0xFF> [MASK] \"quoted\\\" <|endoftext|>"};

}  // namespace

TEST_CASE("every text comes back byte for byte, cut into blocks anywhere") {
  for (const std::string& text : difficult) {
    CAPTURE(text);
    for (const auto& tokenizer : {make_byte_tokenizer(), characters_of(text), characters_of(text, {"[MASK]"})}) {
      const std::vector<int> ids = tokenizer->encode(text);
      CHECK(tokenizer->decode(ids) == text);
      for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        std::vector<int> again;
        const auto encoder = tokenizer->encoder();
        encoder->feed(std::string_view(text).substr(0, cut), again);
        encoder->feed(std::string_view(text).substr(cut), again);
        encoder->finish(again);
        CHECK(again == ids);
      }
    }
  }
}

TEST_CASE("every byte string of length 0, 1 and 2 comes back, and random ones") {
  for (const auto& tokenizer : {make_byte_tokenizer(), wide_characters()}) {
    CHECK(tokenizer->decode(tokenizer->encode("")).empty());
    for (int first = 0; first < 256; ++first) {
      const std::string one(1, static_cast<char>(first));
      if (tokenizer->decode(tokenizer->encode(one)) != one) FAIL_CHECK("byte " << first);
      for (int second = 0; second < 256; ++second) {
        const std::string two = one + static_cast<char>(second);
        if (tokenizer->decode(tokenizer->encode(two)) != two) FAIL_CHECK("bytes " << first << ' ' << second);
      }
    }
    const autograd::Random random(1, autograd::hash("test.tokenizer"));
    for (std::uint64_t i = 0, drawn = 0; i < 20'000; ++i) {
      std::string text;
      for (std::uint64_t n = random.below(12, drawn++); n > 0; --n) {
        text += static_cast<char>(random.below(4, drawn++) ? random.below(256, drawn++) : 'a');
      }
      // Three- and four-byte code points are outside the wide alphabet on purpose: only what it covers must come back.
      Unknowns unknown;
      const std::string back = tokenizer->decode(tokenizer->encode(text, &unknown));
      if ((back != text) != (unknown.symbols > 0)) FAIL_CHECK("random text " << i);
      if (tokenizer->kind() != "char") CHECK(unknown.symbols == 0);
    }
  }
}

TEST_CASE("the character vocabulary is the distinct symbols in order, stray bytes last") {
  const auto tokenizer = characters_of(
      "ba\xE4\xBD\xA0\xFF"
      "ab\n\x80",
      {"[MASK]"});
  CHECK(tokenizer->kind() == "char");
  CHECK(tokenizer->vocabulary_size() == 7);
  CHECK(tokenizer->encode("\nab\xE4\xBD\xA0\x80\xFF") == std::vector<int>{0, 1, 2, 3, 4, 5});
  CHECK(tokenizer->token_text(3) == "\xE4\xBD\xA0");
  CHECK(tokenizer->token_text(5) == "\xFF");
  CHECK(tokenizer->special("[MASK]") == 6);
  CHECK(tokenizer->special("[PAD]") == -1);
  CHECK(tokenizer->token_text(6) == "[MASK]");
}

TEST_CASE("byte ids are the bytes, and the mask comes after them") {
  const auto tokenizer = make_byte_tokenizer({"[MASK]"});
  CHECK(tokenizer->kind() == "byte");
  CHECK(tokenizer->vocabulary_size() == 257);
  CHECK(tokenizer->special("[MASK]") == 256);
  CHECK(tokenizer->encode(std::string("\0a\xFF", 3)) == std::vector<int>{0, 97, 255});
  CHECK(tokenizer->encode("[MASK]").size() == 6);
}

TEST_CASE("a new vocabulary of any kind has the specials it is given as its last ids, in their order") {
  const std::vector<std::string> specials{"[SEP]", "[CLS]", "[MASK]", "<|endoftext|>"};
  const std::string text = "abab abab [CLS] ";
  for (const auto& tokenizer :
       {make_byte_tokenizer(specials), characters_of(text, specials), train_bpe(count_words(text), 300, specials)}) {
    const int ordinary = tokenizer->vocabulary_size() - 4;
    for (int i = 0; i < 4; ++i) {
      const std::string& name = specials[static_cast<std::size_t>(i)];
      CHECK(tokenizer->special(name) == ordinary + i);
      CHECK(tokenizer->token_text(ordinary + i) == name);
    }
    const auto back = parse_tokenizer(tokenizer->json(), "t.json");
    CHECK(back->specials() == tokenizer->specials());
    CHECK(back->encode(text) == tokenizer->encode(text));
    for (const int id : tokenizer->encode(text)) CHECK(id < ordinary);
  }
}

TEST_CASE("no tokenizer is written that could not be read back") {
  std::vector<std::string> specials;
  for (int i = 0; i < 1000; ++i) specials.push_back("<" + std::to_string(i) + ">");
  CHECK(parse_tokenizer(make_byte_tokenizer(specials)->json(), "t.json")->vocabulary_size() == 1256);
  specials.push_back("one too many");
  CHECK(contains(refused(Fault::input, [&] { make_byte_tokenizer(specials)->json(); }), "1001 special tokens"));
}

TEST_CASE("an id outside the vocabulary is refused") {
  const auto tokenizer = make_byte_tokenizer();
  for (const int id : {-1, 256, 1 << 30}) {
    CHECK(contains(refused(Fault::usage, [&] { tokenizer->decode({{id}}); }), "0 to 255"));
  }
}

TEST_CASE("vocabularies and specials that make no sense are refused") {
  refused(Fault::input, [] { make_character_tokenizer({}); });
  refused(Fault::input, [] { make_character_tokenizer({'a', 'b', 'a'}); });
  refused(Fault::input, [] { make_character_tokenizer(std::vector<Symbol>((1u << 20) + 1, 'a')); });
  for (const std::string name : {"", "a", "\xE4\xBD\xA0", "<0xFF>", "a\nb", "ab\xFF"}) {
    refused(Fault::usage, [&] { make_byte_tokenizer({name}); });
  }
  refused(Fault::usage, [] { make_byte_tokenizer({"[MASK]", "[MASK]"}); });
}

TEST_CASE("a stream of tokens never cuts a code point, and loses nothing") {
  const std::string text = difficult[3] + difficult[5] + difficult[1];
  const auto tokenizer = make_byte_tokenizer();
  StreamDecoder decoder(tokenizer);
  std::string out;
  for (const int id : tokenizer->encode(text)) {
    const std::string piece = decoder.feed(id);
    // A piece that ended inside a code point would have a stray lead byte that the whole text has not.
    each_symbol(piece, [&](Symbol symbol, int) { out += is_stray(symbol) ? "" : symbol_bytes(symbol); });
  }
  std::string expected;
  each_symbol(text, [&](Symbol symbol, int) { expected += is_stray(symbol) ? "" : symbol_bytes(symbol); });
  CHECK(out == expected);

  StreamDecoder half(tokenizer);
  CHECK(half.feed(0xE4).empty());
  CHECK(half.feed(0xBD).empty());
  CHECK(half.feed(0xA0) == "\xE4\xBD\xA0");
  CHECK(half.feed(0xE4).empty());
  CHECK(half.feed('a') ==
        "\xE4"
        "a");
  CHECK(half.feed(0xF0).empty());
  CHECK(half.finish() == "\xF0");
  CHECK(half.finish().empty());
}

TEST_CASE("tokenizer.json gives the same tokenizer, and the same file again") {
  const TemporaryFolder folder;
  std::vector<std::shared_ptr<const Tokenizer>> all = {make_byte_tokenizer(), make_byte_tokenizer({"[MASK]", "[PAD]"}),
                                                       wide_characters()};
  for (const std::string& text : difficult) all.push_back(characters_of(text, {"[MASK]"}));
  for (const auto& tokenizer : all) {
    const std::string path = folder.put("tokenizer.json", tokenizer->json());
    const auto back = load_tokenizer(path);
    CHECK(back->json() == tokenizer->json());
    CHECK(back->kind() == tokenizer->kind());
    CHECK(back->specials() == tokenizer->specials());
    REQUIRE(back->vocabulary_size() == tokenizer->vocabulary_size());
    for (int id = 0; id < back->vocabulary_size(); ++id) CHECK(back->token_text(id) == tokenizer->token_text(id));
  }
}

TEST_CASE("tokenizer.json has the form that Hugging Face's tokenizers have") {
  const std::string json = characters_of("ab\n\xFF", {"[MASK]"})->json();
  CHECK(contains(json, R"("model":{"type":"BPE")"));
  CHECK(contains(json, R"("decoder":{"type":"Fuse"})"));
  CHECK(contains(json, R"("pre_tokenizer":null)"));
  CHECK(contains(json, "{\n\"\\n\":0,\n\"a\":1,\n\"b\":2,\n\"<0xFF>\":3}"));
  CHECK(contains(json, R"("id":4,"content":"[MASK]")"));
  CHECK(contains(json, R"("merges":[])"));
  const std::string bytes = make_byte_tokenizer()->json();
  CHECK(contains(bytes, "\"\xC4\x80\":0,"));   // byte 00 is U+0100
  CHECK(contains(bytes, "\"\xC4\x8A\":10,"));  // line feed is U+010A
  CHECK(contains(bytes, "\"\xC4\xA0\":32,"));  // space is U+0120
  CHECK(contains(bytes, "\"!\":33,"));
  CHECK(contains(bytes, "\"\xC4\xA1\":127,"));
  CHECK(contains(bytes, "\"\xC5\x83\":173,"));  // AD is U+0143
  CHECK(contains(bytes, "\"\xC3\xBF\":255"));
}

TEST_CASE("a tokenizer.json that is damaged, foreign or hostile is refused") {
  const std::string good = characters_of("ab\n\xFF", {"[MASK]"})->json();
  const auto swapped = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    CAPTURE(text);
    return refused(Fault::input, [&] { parse_tokenizer(text, "t.json"); });
  };
  REQUIRE(parse_tokenizer(good, "t.json")->vocabulary_size() == 5);
  CHECK(contains(swapped("\"a\":1", "\"a\":2"), "two tokens have the id 2"));
  CHECK(contains(swapped("\"<0xFF>\":3", "\"<0xFF>\":7"), "gap"));
  CHECK(contains(swapped("\"a\":1", "\"b\":1"), "twice"));
  CHECK(contains(swapped("\"a\":1", "\"\\u0062\":1"), "twice"));
  CHECK(contains(swapped("\"a\":1", "\"ac\":1"), "neither one character"));
  CHECK(contains(swapped("<0xFF>", "<0xff>"), "neither one character"));
  CHECK(contains(swapped("<0xFF>", "<0x7F>"), "neither one character"));
  CHECK(contains(swapped("<0xFF>", "<0x-1>"), "neither one character"));
  swapped("\"a\":1", "\"\":1");
  swapped("\"a\":1", "\"a\":-1");
  swapped("\"a\":1", "\"a\":1.0");
  swapped("\"a\":1", "\"a\":18446744073709551616");
  swapped("\"a\":1", "\"a\":\"1\"");
  swapped("\"a\":1", "\"a\":[1]");
  swapped("\"id\":4", "\"id\":3");
  swapped("\"id\":4", "\"id\":5");
  swapped("\"id\":4,", "");
  swapped("[MASK]", "a");
  swapped("\"special\":true", "\"special\":false");
  swapped("\"lstrip\":false", "\"lstrip\":true");
  swapped("\"lstrip\":false", "\"other\":false");
  CHECK(contains(swapped("\"merges\":[]", "\"merges\":[\"a b\"]"), "merges"));
  CHECK(contains(swapped("\"type\":\"BPE\"", "\"type\":\"WordPiece\""), "WordPiece"));
  CHECK(contains(swapped("\"version\":\"1.0\"", "\"version\":\"1.0\",\"extra\":1"), "extra"));
  CHECK(contains(swapped("\"merges\":[]", "\"x\":{\"y\":1}"), "model.x"));
  for (const char* text : {"", "{}", "[]", "null", "7", "{\"model\":{}}", "{\"model\":[]}", "{\"added_tokens\":[1]}"}) {
    CAPTURE(text);
    refused(Fault::input, [&] { parse_tokenizer(text, "t.json"); });
  }
  refused(Fault::input, [&] { parse_tokenizer(std::string(1'000'000, '['), "t.json"); });
  for (std::size_t length = 0; length + 2 < good.size(); ++length) {
    refused(Fault::input, [&] { parse_tokenizer(good.substr(0, length), "t.json"); });
  }
  CHECK(contains(refused(Fault::input, [] { load_tokenizer("/nonexistent/t.json"); }), "no such file"));

  std::string bytes = make_byte_tokenizer()->json();
  bytes.replace(bytes.find("\"!\":33"), 6, "\"!\":34");
  refused(Fault::input, [&] { parse_tokenizer(bytes, "t.json"); });
}

TEST_CASE("a tokenizer of a kind that is not read is refused by the name of the kind") {
  const auto refusal = [](std::string json, const std::string& from, const std::string& to) {
    const auto at = json.find(from);
    REQUIRE(at != std::string::npos);
    return refused(Fault::input, [&] { parse_tokenizer(json.replace(at, from.size(), to), "t.json"); });
  };
  const std::string bytes = make_byte_tokenizer()->json();
  const std::string pieces = train_bpe(count_words("abab abab"), 257, {})->json();
  const std::string characters = make_character_tokenizer({'a', 'b'})->json();
  const auto type = [](const std::string& name) { return R"({"type":")" + name + R"("})"; };
  for (const std::string& json : {characters, bytes, pieces}) {
    CHECK(contains(refusal(json, "\"normalizer\":null", "\"normalizer\":" + type("Lowercase")),
                   R"(its normalizer is "Lowercase", none was expected)"));
    CHECK(contains(refusal(json, "\"decoder\":{", R"("decoder":{"replacement":"_","type":"Metaspace"},"rest":{)"),
                   R"(its decoder is "Metaspace", )"));
    CHECK(contains(refusal(json, "\"decoder\":{", R"("decoder":null,"rest":{)"), "its decoder is none, "));
    CHECK(contains(refusal(json, "\"model\":{\"type\":\"BPE\"", "\"model\":{\"type\":\"WordLevel\""),
                   R"(its model is "WordLevel"; "BPE" and "WordPiece" are read)"));
  }
  CHECK(contains(refusal(characters, "\"pre_tokenizer\":null", "\"pre_tokenizer\":" + type("Whitespace")),
                 R"(its pre_tokenizer is "Whitespace")"));
  CHECK(contains(refusal(pieces, "\"pre_tokenizer\":{", "\"pre_tokenizer\":" + type("Sequence") + ",\"rest\":{"),
                 R"(its pre_tokenizer is "Sequence", "ByteLevel" with use_regex was expected)"));
  const std::string unigram = R"({"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-1.5]]}})";
  CHECK(contains(refusal(unigram, "a", "a"), R"(its model is "Unigram"; "BPE" and "WordPiece" are read)"));
}

TEST_CASE("a foreign copy of a tokenizer that leaves settings out is taken") {
  const auto tokenizer = parse_tokenizer(R"({"added_tokens":[],"pre_tokenizer":null,"decoder":{"type":"Fuse"},)"
                                         R"("model":{"type":"BPE","vocab":{"b":0,"a":1},"merges":[]}})",
                                         "t.json");
  CHECK(tokenizer->encode("ab") == std::vector<int>{1, 0});
}

}  // namespace primer::data
