#include <set>

#include "data/bytes/strict_json.h"
#include "data/examples/encoded_text.h"
#include "data/examples/line_pairs.h"
#include "data/examples/token_file.h"
#include "data/text/parallel.h"
#include "data/text/sides.h"
#include "data/tokenizers/word_counts.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

const std::vector<std::string> marks{"[BOS]", "[EOS]"};

/// What a text gives: source>target| for each line, and what is left out.
std::string shown(const std::string& text, std::uint64_t left_out, std::uint64_t overlapped, std::size_t block = 1) {
  const auto tokenizer = make_byte_tokenizer(marks);
  const auto encoder = TextReading(*tokenizer, TextForm::translated_lines).encoder();
  EncodedBlock out;
  for (std::size_t i = 0; i < text.size(); i += block) encoder->feed(text.substr(i, block), out);
  encoder->finish(out);
  CHECK(out.left_out == left_out);
  CHECK(out.overlapped == overlapped);
  std::string all;
  std::size_t at = 0;
  for (const EncodedBlock::End& end : out.ends) {
    for (; at < end.at; ++at) all += tokenizer->token_text(out.tokens[at]);
    all += end.begins_document ? ">" : "|";
  }
  return all;
}

/// An example of a batch, a letter a token: source / what the decoder reads / what it learns; _ is [BOS], . [EOS].
std::string row_of(const Batch& batch, long row) {
  const auto letters = [&](const std::vector<int>& all, long width, long length) {
    std::string text;
    for (long i = 0; i < length; ++i) {
      const int id = all[static_cast<std::size_t>(row * width + i)];
      text += id == 256 ? '_' : id == 257 ? '.' : id < 0 ? '-' : static_cast<char>(id);
    }
    return text;
  };
  const auto b = static_cast<std::size_t>(row);
  return letters(batch.sources, batch.source_length, batch.source_lengths[b]) + " / " +
         letters(batch.tokens, batch.length, batch.lengths[b]) + " / " +
         letters(batch.targets, batch.length, batch.lengths[b]);
}

/// Two lines, "abc" to "xy" and "d" to "vwz".
TokenVector two_lines() {
  const std::vector<int> letters{'a', 'b', 'c', 'x', 'y', 'd', 'v', 'w', 'z'};
  return TokenVector(letters, {{0, 3, -1, 0}, {3, 2, -1, 0}, {5, 1, -1, 1}, {6, 3, -1, 1}});
}

}  // namespace

TEST_CASE("a line's sides stand around its first tab; what has no two sides is left out") {
  for (const std::size_t block : {1u, 5u, 1000u}) {
    CHECK(shown("go\tgeh\r\n\n \t \nHi.\tHallo.\tCC-BY 2.0\nleft\t\n\tright\nlast\tletzte", 2, 1, block) ==
          "go>geh|Hi.>Hallo.|last>letzte|");
  }
  CHECK(shown("a\tb\tc\nd\t\tleft out\n", 1, 1) == "a>b|");  // what is left out is told once
  CHECK(contains(refused(Fault::input, [] { shown("a\tb\nno tab\n", 0, 0); }), "line 2: it has no tab"));
}

TEST_CASE("a source is read with [EOS], and a target is learned from [BOS] on with [EOS]") {
  const auto tokenizer = make_byte_tokenizer(marks);
  const TokenVector tokens = two_lines();
  EvaluationBatches batches(std::make_unique<TranslatedLines>(tokens, 8, *tokenizer));
  Batch batch;
  REQUIRE(batches.next(8, batch));
  CHECK(row_of(batch, 0) == "abc. / _xy / xy.");
  CHECK(row_of(batch, 1) == "d. / _vwz / vwz.");
  CHECK(batch.length == 4);  // of the longest, of each side
  CHECK(batch.source_length == 4);
  CHECK(batch.tokens == std::vector<int>{256, 'x', 'y', 0, 256, 'v', 'w', 'z'});
  CHECK(batch.targets == std::vector<int>{'x', 'y', 257, -1, 'v', 'w', 'z', 257});
  CHECK(batch.sources == std::vector<int>{'a', 'b', 'c', 257, 'd', 257, 0, 0});
  CHECK(batch.target_count() == 7);
  CHECK_FALSE(batches.next(8, batch));
}

TEST_CASE("a side that is longer than the context loses its end: a source keeps its mark") {
  const auto tokenizer = make_byte_tokenizer(marks);
  const TokenVector tokens = two_lines();
  const auto shows = [&](long context) {
    TranslatedLines lines(tokens, context, *tokenizer);
    const std::uint64_t cut = lines.cut();
    EvaluationBatches batches(std::make_unique<TranslatedLines>(lines));
    Batch batch;
    REQUIRE(batches.next(2, batch));
    return row_of(batch, 0) + ", " + row_of(batch, 1) + ", " + std::to_string(cut);
  };
  CHECK(shows(4) == "abc. / _xy / xy., d. / _vwz / vwz., 0");
  CHECK(shows(3) == "ab. / _xy / xy., d. / _vw / vwz, 2");
  CHECK(shows(2) == "a. / _x / xy, d. / _v / vw, 2");
}

TEST_CASE("sides with a tokenizer each: a file's ids tell them apart, and each is read with its own") {
  const auto letters = [](std::string_view all) {
    std::vector<Symbol> alphabet;
    for (const char c : all) alphabet.push_back(static_cast<Symbol>(c));
    return make_character_tokenizer(alphabet, marks);
  };
  const auto sources = letters("abc"), targets = letters("wxyz");
  const auto both = make_pair_tokenizer(sources, targets);
  CHECK(&both->of_sources() == sources.get());
  CHECK(both->json() == targets->json());
  CHECK(both->encode("xz") == std::vector<int>{1, 3});
  CHECK(both->tokens_of_both() == 5 + 6);
  CHECK(both->checksum() != targets->checksum());
  CHECK(both->checksum() != make_pair_tokenizer(targets, targets)->checksum());

  const TemporaryFolder folder;
  const Sources text = collect_sources({folder.put("text", "abc\txy\nc\twz\n")});
  TextFacts facts = survey(text);
  EncodedText(folder / "tokens", text, facts, {*both, TextForm::translated_lines}).commit(0);
  const TokenFile file(folder / "tokens");
  file.verify();
  CHECK(file.facts().vocabulary == 11);
  CHECK(file.facts().train_bytes == 8);
  std::vector<int> ids(8);
  file.train().read(0, 8, ids.data());
  CHECK(ids == std::vector<int>{6, 7, 8, 1, 2, 8, 0, 3});

  EvaluationBatches batches(std::make_unique<TranslatedLines>(file.train(), 8, *both));
  Batch batch;
  REQUIRE(batches.next(2, batch));
  CHECK(batch.sources == std::vector<int>{0, 1, 2, 4, 2, 4, 0, 0});  // [EOS] is 4 of the sources, 5 of the targets
  CHECK(batch.tokens == std::vector<int>{4, 1, 2, 4, 0, 3});
  CHECK(batch.targets == std::vector<int>{1, 2, 5, 0, 3, 5});

  EvaluationBatches other(
      std::make_unique<TranslatedLines>(file.train(), 8, *make_pair_tokenizer(sources, letters("wxyzuv"))));
  CHECK(contains(refused(Fault::checkpoint, [&] { other.next(2, batch); }), "a source has a token of the targets"));
  const auto encode = [&](const char* line) {
    EncodedBlock out;
    TextReading(*both, TextForm::translated_lines).encoder()->feed(line, out);
    CHECK(out.unknown.symbols == 1);
    return out.unknown.first;
  };
  CHECK(encode("abc\txa\n") == "the symbol \"a\" (U+0061)");  // in the target
  CHECK(encode("ab\tx\nax\tx\n") == "the symbol \"x\" (U+0078)");
}

TEST_CASE("what the sides of a text hold is found without what parts them, however the text is spelt") {
  const TemporaryFolder folder;
  const std::string lines = "go on\tgeh\n \tunread\nunread\t\n\nno\tnein zu\tunread\n";
  std::string returns = lines, json;
  for (std::size_t at = 0; (at = returns.find('\n', at)) != std::string::npos; at += 2) returns.replace(at, 1, "\r\n");
  for (const auto& [source, target] : {std::pair("go on", "geh"), {" ", "unread"}, {"no", "nein zu"}})
    json += "{\"s\": " + json_quoted(source) + ", \"t\": " + json_quoted(target) + "}\n";
  for (const std::string& text : {lines, returns, json}) {
    Sources sources = collect_sources({folder.put("text", text)});
    if (text == json) sources.fields.names = {"s", "t"};
    const auto alphabets = alphabets_of_sides(sources);
    const auto spelt = [](const std::vector<Symbol>& alphabet) {
      return std::string(alphabet.begin(), alphabet.end());
    };
    CHECK(spelt(alphabets[0]) == " gno");
    CHECK(spelt(alphabets[1]) == " eghinuz");
    const auto words = count_words_of_sides(sources);
    const auto all = [](const WordCounts& counts) {
      std::string list;
      for (const auto& word : counts.words()) list += std::string(counts.text(word)) + std::to_string(word.count) + "|";
      return list;
    };
    CHECK(all(words[0]) == "go1| on1|no1|");
    CHECK(all(words[1]) == "geh1|nein1| zu1|");
  }
  const std::string breaks =
      "{\"s\": \"a\\tb\", \"t\": \"c\\r\\nd\"}\n";  // are spaces in a side, as in what is translated
  Sources spelt = collect_sources({folder.put("breaks", breaks)});
  spelt.fields.names = {"s", "t"};
  CHECK(alphabets_of_sides(spelt)[0] == std::vector<Symbol>{' ', 'a', 'b'});
  CHECK(alphabets_of_sides(spelt)[1] == std::vector<Symbol>{' ', 'c', 'd'});
  const Sources none = collect_sources({folder.put("none", "a\t\n\tb\n")});
  CHECK(contains(refused(Fault::input, [&] { alphabets_of_sides(none); }), "no line has two sides"));
}

TEST_CASE("batches of training hold whole lines, each once an epoch, and are as wide as they must be") {
  const auto tokenizer = make_byte_tokenizer(marks);
  const TemporaryFolder folder;
  std::string text;
  std::multiset<std::string> lines;
  for (int i = 0; i < 300; ++i) {
    const std::string source(static_cast<std::size_t>(i % 17 + 1), static_cast<char>('a' + i % 26));
    const std::string target(static_cast<std::size_t>(i % 5 + 1), static_cast<char>('A' + i % 26));
    text += source + "\t" + target + "\n";
    lines.insert(source + ". / _" + target + " / " + target + ".");
  }
  const Sources sources = collect_sources({folder.put("text", text)});
  TextFacts facts = survey(sources);
  EncodedText(folder / "tokens", sources, facts, {*tokenizer, TextForm::translated_lines}).commit(0.1, 3);
  CHECK(facts.files[0].parts == 300);
  CHECK(facts.line_lengths[18] == 17);  // seventeen letters and a mark
  const TokenFile file(folder / "tokens");
  file.verify();
  CHECK(file.facts().form == TextForm::translated_lines);
  CHECK(file.train().examples().size() == 540);
  CHECK(file.validation().examples().size() == 60);
  CHECK(file.length(file.validation()) == file.validation_size() + 60);
  TrainingBatches batches(std::make_unique<TranslatedLines>(file.train(), 32, *tokenizer), 7);
  Batch batch;
  for (int step = 0; step < 30; ++step) {
    batches.next(9, batch);
    CHECK(batch.source_length == *std::ranges::max_element(batch.source_lengths));
    CHECK(batch.length == *std::ranges::max_element(batch.lengths));
    for (long row = 0; row < 9; ++row) {
      const auto found = lines.find(row_of(batch, row));
      REQUIRE(found != lines.end());
      lines.erase(found);
    }
  }
  CHECK(lines.size() == 30);  // those that are held back
}

TEST_CASE("parallel files become one text, line by line") {
  const TemporaryFolder folder;
  const std::string one = folder.put("one", "a\tb\r\n\nlast"), two = folder.put("two", "A\nB\nlast line\n");
  const Source joined = join_parallel(one, two, folder / "spool");
  TextReader reader(joined);
  CHECK(reader.next() == "a b\tA\n\tB\nlast\tlast line\n");
  CHECK(joined.name() == "'" + one + "' beside '" + two + "'");

  const std::string message =
      refused(Fault::input, [&] { join_parallel(one, folder.put("more", "1\n2\n3\n4\n5"), folder / "other"); });
  CHECK(contains(message, "has 3 lines and '"));
  CHECK(contains(message, "' 5; of parallel files"));
  CHECK(kind_of(folder / "other", false) == FileKind::missing);
  refused(Fault::input, [&] { join_parallel(one, folder / "none", folder / "other"); });
  CHECK(contains(refused(Fault::input, [&] { join_parallel(folder.put("e", ""), folder.put("f", ""), folder / "o"); }),
                 "the text is empty"));
}

TEST_CASE("tokens that are no lines of two sides, and a tokenizer without marks, are refused") {
  const auto tokenizer = make_byte_tokenizer(marks), plain = make_byte_tokenizer();
  const TokenVector odd({'a', 'b'}, {{0, 2, -1, 0}}), none(std::vector<int>{});
  CHECK(contains(refused(Fault::input, [&] { TranslatedLines(odd, 8, *tokenizer); }), "not of lines with a trans"));
  CHECK(contains(refused(Fault::input, [&] { TranslatedLines(none, 8, *tokenizer); }), "no line with a translation"));
  const TokenVector lines = two_lines();
  CHECK(contains(refused(Fault::input, [&] { TranslatedLines(lines, 8, *plain); }), "no [BOS]"));
  const TemporaryFolder folder;
  const Sources sources = collect_sources({folder.put("text", "a\t\n\tb\n")});
  TextFacts facts = survey(sources);
  const auto count = [&] { EncodedText({}, sources, facts, {*tokenizer, TextForm::translated_lines}); };
  CHECK(contains(refused(Fault::input, count), "no line has two sides"));
}

}  // namespace primer::data
