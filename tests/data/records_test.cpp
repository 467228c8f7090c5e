#include "data/text/records.h"

#include <algorithm>
#include <random>

#include "data/bytes/checksum.h"
#include "data/bytes/strict_json.h"
#include "data/examples/encoded_text.h"
#include "data/examples/token_file.h"
#include "data/text/labels.h"
#include "data/text/sides.h"
#include "data/tokenizers/bpe_training.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

const std::vector<std::string> specials{"[CLS]", "[SEP]", "[MASK]"};

using Rows = std::vector<std::vector<std::string>>;

/// The texts of all records of a text that arrives in blocks.
Rows all_records(std::string_view text, const TextFields& fields, std::size_t block = 1000) {
  Rows all;
  Records records(fields);
  const auto see = [&](const std::vector<std::string>& texts) { all.push_back(texts); };
  for (std::size_t i = 0; i < text.size(); i += block) records.feed(text.substr(i, block), see);
  records.finish(see);
  return all;
}

/// A field of CSV that may hold anything.
std::string csv_field(std::string_view field) {
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

/// Below a header, a row for each text, which stands behind a number and a label; blank lines between some.
std::string csv_of(const std::vector<std::string>& texts, const std::string& separator, const std::string& end) {
  std::string csv = "\uFEFF\"id\"" + separator + "label" + separator + "text" + end;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    csv += std::to_string(i) + separator + (i % 2 ? "b" : " a ") + separator + csv_field(texts[i]) + end;
    if (i % 2 == 0 && i + 1 < texts.size()) csv += " \t" + end;
  }
  return csv;
}

/// One line for each text, which stands among other fields; the last one has no line feed.
std::string json_of(const std::vector<std::string>& texts) {
  std::string lines;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    lines += "{\"id\": " + std::to_string(i) + ", \"label\": \"" + (i % 2 ? "b" : " a ") +
             "\", \"text\": " + json_quoted(texts[i]) + ", \"more\": [{\"text\": 1}]}\n";
    if (i % 2 == 0) lines += " \t\r\n";
  }
  return lines.substr(0, lines.rfind('}') + 1);
}

/// What a text becomes: its tokens, their examples, what was counted.
struct Encoded {
  TextFacts facts;
  std::vector<int> tokens;
  std::vector<Example> examples;

  Encoded(const TemporaryFolder& folder, const std::string& text, TextFields fields, const TextReading& reading) {
    Sources sources = collect_sources({folder.put("text", text)});
    sources.fields = std::move(fields);
    facts = survey(sources);
    EncodedText(folder / "tokens", sources, facts, reading).commit(0);
    const TokenFile file(folder / "tokens");
    tokens.resize(file.train().size());
    file.train().read(0, tokens.size(), tokens.data());
    examples.assign(file.train().examples().begin(), file.train().examples().end());
  }

  std::string shown(const Tokenizer& tokenizer) const {  // | behind each example, # before another document
    std::string all;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      if (i == 0 || examples[i].document != examples[i - 1].document) all += "#";
      const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(examples[i].begin);
      all += tokenizer.decode(std::vector<int>(first, first + static_cast<std::ptrdiff_t>(examples[i].tokens))) + "|";
    }
    return all;
  }
};

}  // namespace

TEST_CASE("a JSON line gives its fields in the order of their names, whatever else it has") {
  const std::string text =
      "{\"text\": \"one\", \"label\": \"a\"}\n"
      "\n \t\r\n"
      "  {\"label\":\"b\",\"x\":{\"text\":[\"no\",{\"label\":null}]},\"text\":\"\\u00e4\\n\\ttwo \\ud83d\\ude00\"}  "
      "\r\n"
      "{\"label\": \"\", \"text\": \"\"}";
  for (const std::size_t block : {1u, 7u, 1000u}) {
    CHECK(all_records(text, {{"label", "text"}, 1}, block) ==
          Rows{{"a", "one"}, {}, {}, {"b", "\xC3\xA4\n\ttwo \xF0\x9F\x98\x80"}, {"", ""}});
  }
  CHECK(all_records(text, {{"text"}, 0}).at(0) == std::vector<std::string>{"one"});
  CHECK(all_records("{\"label\":-1.50}\n{\"label\":true}\n{\"label\":12}\n{\"label\":false}", {{"label"}, 1}) ==
        Rows{{"-1.50"}, {"true"}, {"12"}, {"false"}});
}

TEST_CASE("what is wrong with a JSON line is told with its number, in one line") {
  const std::string right = "{\"label\":1,\"text\":\"x\"}\n\n";  // lines 1 and 2
  const std::pair<std::string, std::string> wrong[] = {
      {"{\"label\":1}", "it has no field 'text'"},
      {"{\"label\":1,\"body\":\"\",\"k\\ney\":2}", "it has no field 'text'; it has body, k\\x0Aey"},
      {"{\"label\":1,\"text\":2}", "its field 'text' is no string"},
      {"{\"label\":1,\"text\":[\"x\"]}", "its field 'text' is no string"},
      {"{\"label\":null,\"text\":\"x\"}", "its field 'label' is no string, number, true or false"},
      {"{\"label\":{\"a\":1},\"text\":\"x\"}", "its field 'label' is no string, number, true or false"},
      {"[\"label\",\"text\"]", "it is no JSON object"},
      {"\"text\"", "it is no JSON object"},
      {"{\"label\":1,\"text\":\"x\",\"te\\u0078t\":\"y\"}", "the key \"text\" occurs twice"},
      {"{\"label\":1,\"text\":\"x\"} {}", "it is not valid JSON at byte 24"},
      {"{\"label\":1,\"text\":\"x\"", "it is not valid JSON at byte"},
      {"plain text", "it is not valid JSON at byte"},
      {"{\"label\":1,\"text\":\"\xE4\xBD\"}", "it is not valid JSON at byte"},
      {"{\"label\":1,\"text\":\"\\ud83d\"}", "it is not valid JSON at byte"},
      {"{\"label\":1,\"text\":\"" + std::string(1u << 20, 'x') + "\"}", "it is longer than 1048576 bytes"},
      {"\xEF\xBB\xBF{\"label\":1,\"text\":\"x\"}", "it begins with a byte order mark"},
  };
  for (const auto& [line, why] : wrong) {
    CAPTURE(why);
    const std::string message = refused(Fault::input, [&] {
      all_records(right + line + "\n", {{"label", "text"}, 1});
    });
    CAPTURE(message);
    CHECK(message.starts_with("line 3: " + why));
    CHECK(message.size() < 200);
  }
}

TEST_CASE(
    "a text in JSON lines is surveyed, learned from and encoded as its documents are, with an empty line behind each") {
  const TemporaryFolder folder;
  const std::vector<std::string> texts{"The h\xC3\xA4t.\n\nThe cat.", "a \"quoted\" one", "",
                                       "\xE4\xBD\xA0\xE5\xA5\xBD", "end\n"};
  std::string plain;
  for (const std::string& text : texts) plain += text.empty() ? "" : text + "\n\n";
  Sources sources = collect_sources({folder.put("j.jsonl", json_of(texts))});
  sources.fields.names = {"text"};
  const TextFacts facts = survey(sources), same = survey(collect_sources({folder.put("p.txt", plain)}));
  CHECK(facts.alphabet == same.alphabet);
  CHECK(facts.bytes == plain.size());
  CHECK(facts.symbols == same.symbols);
  CHECK(facts.checksum == crc32c(json_of(texts)));  // of the file, so that a change is noticed
  const auto words = train_bpe(count_words(sources), 270);
  CHECK(words->json() == train_bpe(count_words(plain), 270)->json());
  for (const auto& tokenizer : {make_character_tokenizer(facts.alphabet), make_byte_tokenizer(), words}) {
    const TextReading reading(*tokenizer);
    const Encoded found(folder, json_of(texts), sources.fields, reading), wanted(folder, plain, {}, reading);
    CHECK(found.tokens == wanted.tokens);
    CHECK(found.facts.files[0].tokens == wanted.tokens.size());
    CHECK(tokenizer->decode(found.tokens) == plain);
  }
  sources.fields.names = {"body"};
  CHECK(contains(refused(Fault::input, [&] { survey(sources); }),
                 "j.jsonl': line 1: it has no field 'body'; it has id, label, text, more"));
}

TEST_CASE("a JSON line's field is one document: blank lines in it end sentences, and answers end with their lines") {
  const TemporaryFolder folder;
  const auto tokenizer = make_byte_tokenizer(specials);
  const TextFields fields{{"text"}, 0};
  const std::string text = json_of({"One. Two\n\n  \nthree", "", "Four!\n", "\n\nFive"});
  CHECK(Encoded(folder, text, fields, {*tokenizer, TextForm::sentences}).shown(*tokenizer) ==
        "#One.|Two|three|#Four!|#Five|");
  const TextReading answers(*tokenizer, TextForm::answered_lines, nullptr, "=");
  const Encoded sums(folder, json_of({"1+1=2", "2+2=4\nno\n\n3+3=6", "none"}), fields, answers);
  CHECK(sums.shown(*tokenizer) == "#1+1=|2\n|#2+2=|4\n|#3+3=|6\n|");
  CHECK(sums.facts.left_out == 2);
}

TEST_CASE("labelled JSON lines are examples as label<TAB>text lines are, and their labels are no text") {
  const TemporaryFolder folder;
  const TextFields fields{{"y", "x"}, 1};
  const std::string text =
      "\uFEFF{\"x\":\"of\\n2\",\"y\":2}\n\n{\"x\":\"so\",\"y\":true}\n{\"x\":\"a\\tb\",\"y\":\"2\"}\n";
  Sources sources = collect_sources({folder.put("l.jsonl", text)});
  sources.fields = fields;
  const std::vector<std::string> labels = survey_labels(sources);
  CHECK(labels == std::vector<std::string>{"2", "true"});
  const auto tokenizer = make_character_tokenizer(survey(sources).alphabet, specials);
  CHECK(tokenizer->vocabulary_size() == 8 + 3);  // o f LF 2 s a TAB b, and neither t nor r nor u
  const TextReading reading(*tokenizer, TextForm::labelled_lines, &labels);
  const Encoded found(folder, text, fields, reading);
  CHECK(found.shown(*tokenizer) == "#of\n2|#so|#a\tb|");
  CHECK(found.facts.label_lines[0] == std::vector<std::uint64_t>{2, 1});
  refused(Fault::bug, [] { Records({{"x"}, 1}, "two"); });
  const std::pair<std::string, std::string> wrong[] = {
      {"{\"x\":\"so\",\"y\":\"\"}", "line 2: it has no label"},
      {"{\"x\":\" \\n\",\"y\":2}", "line 2: it has no text"},
      {"{\"x\":\"so\",\"y\":\"\\u001b\"}", "line 2: its label cannot be shown"},
      {"{\"x\":\"so\",\"y\":3}", "line 2: '3' is none of the model's labels"},
  };
  for (const auto& [line, why] : wrong) {
    CHECK(contains(refused(Fault::input, [&] { Encoded(folder, "\n" + line + "\n", fields, reading); }), why));
  }
}

TEST_CASE(
    "the rows of CSV and TSV give the columns of these names: quotes, line ends, separators as RFC 4180 has them") {
  const std::string text =
      "\uFEFFid,text, label \r\n"
      "1,\"one, \"\"two\"\"\",a\r\n"
      "\r\n"
      "2,\"three\n\n four\r\nfive\", b\t\r\n"
      "3,,\"\"\n"
      "4, x\"y \"z\" ,{\n"
      "5,\"\"\"\",c";
  const Rows rows{{"a", "one, \"two\""}, {},         {" b\t", "three\n\n four\r\nfive"}, {"", ""},
                  {"{", " x\"y \"z\" "}, {"c", "\""}};
  for (const std::size_t block : {1u, 2u, 3u, 7u, 1000u})
    CHECK(all_records(text, {{"label", "text"}, 1}, block) == rows);
  const std::pair<std::string, Rows> separators[] = {
      {"text\tmore, or less;\nx, y\t2;3\n", {{"x, y"}}},
      {"more;less,text\n2;3,x;y\n", {{"x;y"}}},
      {"more;text\n2,3;x\ty\n", {{"x\ty"}}},
      {"\"more\t, or less\";text\n2;x,y", {{"x,y"}}},
      {"\"mo;\nre\",text\n2,x\n", {{"x"}}},
      {"text\nx, y; z\tand \"a\"\n\"so\n\"\n", {{"x, y; z\tand \"a\""}, {"so\n"}}},
      {"\n\n\"text\",,\na,b,c\n", {{}, {}, {"a"}}},
      {"text\r\n", {}},
      {"", {}},
  };
  for (const auto& [table, wanted] : separators) CHECK(all_records(table, {{"text"}, 0}) == wanted);
}

TEST_CASE("what is wrong with a row is told with the line in which it begins, or its quote does") {
  const std::string right = "id,label,text\n1,a,\"x\ny\n\"\n\n";  // lines 1 to 5
  const std::pair<std::string, std::string> wrong[] = {
      {right + "2,a\n", "line 6: it has 2 fields, and the header 3; a field with , or a line end"},
      {right + "2,a,\"b\nc\",d\n", "line 6: it has 4 fields, and the header 3"},
      {right + "single\n", "line 6: it has 1 field, and the header 3"},
      {right + "2,a,\"b\"c\n", "line 6: behind the quote that ends field 3 stands more; a quote inside"},
      {right + "2,\"a\n\",\"b\n,\"\"\n", "line 7: a field's quote begins here and does not end"},
      {right + "2,a,\"\n" + std::string(1u << 19, '\n') + std::string(1u << 19, 'x') + "\n\"\n",
       "line 6: a field's quote begins here and does not end, or not within a record of 1048576 bytes"},
      {right + std::string(1u << 20, 'x') + "x", "line 6: it is longer than 1048576 bytes"},
      {"\nid,labels,text\n",
       "line 2: it is no JSON object, and as a header it has no column 'label'; it has id, labels, "
       "text; did you mean labels?"},
      {"plain text", "line 1: it is no JSON object, and as a header it has no column 'label'; it has plain text"},
      {"id,text,label,id\n", "line 1: the column 'id' stands twice in the header"},
      {"text\tlabel\tlabel \n", "line 1: the column 'label' stands twice"},
      {"[\"label\",\"text\"]\n", "line 1: behind the quote that ends field 2 stands more"},
      {"label,text\tmore\n",
       "line 1: it is no JSON object, and as a header it has no column 'label'; it has label,text, "},
  };
  for (const auto& [text, why] : wrong) {
    const std::string message = refused(Fault::input, [&] { all_records(text, {{"label", "text"}, 1}, 100'000); });
    CAPTURE(message);
    CHECK(message.starts_with(why));
    CHECK(message.size() < 200);
  }
  const TemporaryFolder folder;
  Sources sources = collect_sources({folder.put("t.csv", right + "2,,x\n")});
  sources.fields = {{"label", "text"}, 1};
  CHECK(contains(refused(Fault::input, [&] { survey_labels(sources); }), "t.csv': line 6: it has no label"));
}

TEST_CASE("the cuts between blocks change neither the records of a text nor what is wrong with it") {
  std::mt19937 random(7);
  const std::string pieces[] = {"\"", "\"", ",", ";", "\t", "\n", "\r\n", "a", "b", " ", "\xC3\xA4", "{\"a\":\"x\"}"};
  long refusals = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = i % 2 ? "a,b\n" : "\uFEFF";
    for (std::size_t k = random() % 14; k > 0; --k) text += pieces[random() % std::size(pieces)];
    const TextFields fields{{"a"}, 0, i % 5 == 0};
    const auto found = [&](std::size_t block) -> std::pair<Rows, std::string> {
      try {
        return {all_records(text, fields, block), ""};
      } catch (const Error& error) {
        return {{}, error.what()};
      }
    };
    CAPTURE(text);
    const auto whole = found(text.size() + 1);
    refusals += !whole.second.empty();
    for (const std::size_t block : {1u, 2u, 3u, 5u}) CHECK(found(block) == whole);
  }
  CHECK(refusals > 300);
  CHECK(refusals < 2700);
}

TEST_CASE("a text that may be lines is one unless its first line is an object or a header with the name") {
  const TextFields fields{{"text"}, 0, true};
  CHECK(all_records("id,text\n\n1,\"a\nb\"\n", fields) == Rows{{}, {"a\nb"}});
  CHECK(all_records("{\"text\":\"a\"}\n", fields) == Rows{{"a"}});
  for (const char* const first : {"id,texts", "\"Well,\" she said", "\"Well,", "well, texts", "[1]"}) {
    CHECK(all_records("\n" + std::string(first) + "\n\n{\n\"a,b", fields, 1) ==
          Rows{{""}, {first}, {""}, {"{"}, {"\"a,b"}});
  }
  CHECK(contains(refused(Fault::input, [&] { all_records("{\"texts\":\"a\"}", fields); }), "did you mean texts?"));
}

TEST_CASE("CSV, TSV and JSON lines of the same records become the same tokens, in every form and encoding") {
  const TemporaryFolder folder;
  const std::vector<std::string> texts{"One. \"Two\"\n\n  \nthree,\tor = so", "h\xC3\xA4t; = b", "\xE4\xBD\xA0=\r\n",
                                       " Four! = y ", "end = "};
  std::string wide = csv_of(texts, ",", "\r\n"), json = json_of(texts);
  {
    std::string units;  // UTF-16, the lower byte first
    each_symbol(wide, [&](Symbol symbol, int) {
      units += {static_cast<char>(symbol & 255), static_cast<char>(symbol >> 8)};
    });
    wide = units;
  }
  const auto tokenizer = make_byte_tokenizer(specials), pairs = make_byte_tokenizer({"[BOS]", "[EOS]"});
  const std::vector<std::string> labels{"a", "b"};
  const std::pair<TextFields, TextReading> readings[] = {
      {{{"text"}, 0}, *tokenizer},
      {{{"text"}, 0}, {*tokenizer, TextForm::sentences}},
      {{{"text"}, 0}, {*tokenizer, TextForm::answered_lines, nullptr, "="}},
      {{{"label", "text"}, 1}, {*tokenizer, TextForm::labelled_lines, &labels}},
      {{{"text", "label"}, 0}, {*pairs, TextForm::translated_lines}},
  };
  for (const auto& [fields, reading] : readings) {
    const Encoded wanted(folder, json, fields, reading);
    CHECK(!wanted.tokens.empty());
    for (const std::string& text :
         {csv_of(texts, ",", "\n"), csv_of(texts, "\t", "\n"), csv_of(texts, ";", "\r\n"), wide}) {
      const Encoded found(folder, text, fields, reading);
      CHECK(found.tokens == wanted.tokens);
      CHECK(found.shown(*reading.tokenizer) == wanted.shown(*reading.tokenizer));
      CHECK(found.facts.alphabet == wanted.facts.alphabet);
      CHECK(found.facts.left_out == wanted.facts.left_out);
      CHECK(found.facts.label_lines == wanted.facts.label_lines);
    }
  }
}

}  // namespace primer::data
