#include "data/text/json_lines.h"

#include <algorithm>

#include "data/bytes/checksum.h"
#include "data/bytes/strict_json.h"
#include "data/examples/encoded_text.h"
#include "data/examples/token_file.h"
#include "data/text/labels.h"
#include "data/tokenizers/bpe_training.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

const std::vector<std::string> specials{"[CLS]", "[SEP]", "[MASK]"};

/// The fields of all lines of a text that arrives in blocks.
std::vector<std::vector<std::string>> all_fields(const std::string& text, const JsonFields& fields,
                                                 std::size_t block = 1000) {
  std::vector<std::vector<std::string>> all;
  LineCutter lines;
  const auto see = [&](std::string_view line) { all.push_back(fields_of(line, fields, lines)); };
  for (std::size_t i = 0; i < text.size(); i += block) lines.feed(std::string_view(text).substr(i, block), see);
  lines.finish(see);
  return all;
}

/// One line for each text, which stands among other fields; the last one has no line feed.
std::string json_of(const std::vector<std::string>& texts) {
  std::string lines;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    lines +=
        "{\"id\": " + std::to_string(i) + ", \"text\": " + json_quoted(texts[i]) + ", \"more\": [{\"text\": 1}]}\n";
    if (i % 2 == 0) lines += " \t\r\n";
  }
  return lines.substr(0, lines.rfind('}') + 1);
}

/// What a text becomes: its tokens, their examples, what was counted.
struct Encoded {
  TextFacts facts;
  std::vector<int> tokens;
  std::vector<Example> examples;

  Encoded(const TemporaryFolder& folder, const std::string& text, JsonFields fields, const TextReading& reading) {
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
  using Lines = std::vector<std::vector<std::string>>;
  const std::string text =
      "{\"text\": \"one\", \"label\": \"a\"}\n"
      "\n \t\r\n"
      "  {\"label\":\"b\",\"x\":{\"text\":[\"no\",{\"label\":null}]},\"text\":\"\\u00e4\\n\\ttwo \\ud83d\\ude00\"}  "
      "\r\n"
      "{\"label\": \"\", \"text\": \"\"}";
  for (const std::size_t block : {1u, 7u, 1000u}) {
    CHECK(all_fields(text, {{"label", "text"}, 1}, block) ==
          Lines{{"a", "one"}, {}, {}, {"b", "\xC3\xA4\n\ttwo \xF0\x9F\x98\x80"}, {"", ""}});
  }
  CHECK(all_fields(text, {{"text"}, 0}).at(0) == std::vector<std::string>{"one"});
  CHECK(all_fields("{\"label\":-1.50}\n{\"label\":true}\n{\"label\":12}\n{\"label\":false}", {{"label"}, 1}) ==
        Lines{{"-1.50"}, {"true"}, {"12"}, {"false"}});
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
    const std::string message = refused(Fault::input, [&] { all_fields(right + line + "\n", {{"label", "text"}, 1}); });
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
                 "j.jsonl': line 1: it has no field 'body'; it has id, text, more"));
}

TEST_CASE("a JSON line's field is one document: blank lines in it end sentences, and answers end with their lines") {
  const TemporaryFolder folder;
  const auto tokenizer = make_byte_tokenizer(specials);
  const JsonFields fields{{"text"}, 0};
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
  const JsonFields fields{{"y", "x"}, 1};
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
  refused(Fault::bug, [] { parts_of("{\"x\":\"so\"}", {{"x"}, 1}, "", LineCutter()); });
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

}  // namespace primer::data
