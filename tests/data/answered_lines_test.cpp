#include <set>

#include "data/examples/encoded_text.h"
#include "data/examples/line_pairs.h"
#include "data/examples/token_file.h"
#include "data/tokenizers/bpe_training.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

struct Shown {
  std::string text;  // > before an answer, | behind it
  std::uint64_t left_out = 0, overlapped = 0;
};

Shown shown(const Tokenizer& tokenizer, std::string_view marker, const std::string& text, std::size_t block = 1) {
  const auto encoder = TextReading(tokenizer, TextForm::answered_lines, nullptr, marker).encoder();
  EncodedBlock out;
  for (std::size_t i = 0; i < text.size(); i += block) encoder->feed(text.substr(i, block), out);
  encoder->finish(out);
  Shown all{{}, out.left_out, out.overlapped};
  std::size_t at = 0;
  for (const EncodedBlock::End& end : out.ends) {
    for (; at < end.at; ++at) all.text += tokenizer.token_text(out.tokens[at]);
    all.text += end.begins_document ? ">" : "|";
  }
  CHECK(at == out.tokens.size());
  return all;
}

/// What an example shows: the tokens that are read, and below each its target, - where none counts.
std::pair<std::string, std::string> example_of(const AnsweredLines& lines, std::uint64_t index) {
  std::vector<int> tokens(static_cast<std::size_t>(lines.context()), 0), targets(tokens.size(), -1);
  ExampleRow row{tokens, targets, {}};
  const long length = lines.write(index, row);
  CHECK(length == lines.length(index));
  std::string read, learned;
  for (std::size_t i = 0; i < static_cast<std::size_t>(length); ++i) {
    read += static_cast<char>(tokens[i]);
    learned += targets[i] < 0 ? '-' : static_cast<char>(targets[i]);
  }
  for (std::size_t i = static_cast<std::size_t>(length); i < targets.size(); ++i) CHECK(targets[i] == -1);
  return {read, learned};
}

}  // namespace

TEST_CASE("an answer is what stands behind the first marker, with the line's end") {
  const auto tokenizer = make_byte_tokenizer();
  for (const std::size_t block : {1u, 3u, 1000u}) {
    const Shown all = shown(*tokenizer, "A:", "Q A: yes\nA:A: no\r\n\n \t\nno marker\nwhat A:\nlast A:end", block);
    CHECK(all.text == "Q A:> yes\n|A:>A: no\n|what A:>\n|last A:>end|");
    CHECK(all.left_out == 1);  // blank lines are no lines
    CHECK(all.overlapped == 0);
  }
  CHECK(shown(*tokenizer, "A:", "last A:").left_out == 1);  // nothing follows it, not even a line's end
  CHECK(shown(*tokenizer, "→", "zwei → two\n").text == "zwei →> two\n|");
}

TEST_CASE("a token with the marker's end and the answer's beginning is not of the answer, and is counted") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "Who goes? A: nobody\n";
  const auto tokenizer = train_bpe(count_words(text), 300);
  const std::vector<int> ids = tokenizer->encode(" nobody");
  REQUIRE(ids.size() == 1);  // one token, with its blank
  const Shown without = shown(*tokenizer, "A:", text);
  CHECK(without.text.substr(0, 22) == "Who goes? A:> nobody\n|");
  CHECK(without.overlapped == 0);
  const Shown with = shown(*tokenizer, "A: ", text);
  CHECK(with.text.substr(0, 22) == "Who goes? A: nobody>\n|");
  CHECK(with.overlapped == 100);
  CHECK(shown(*tokenizer, "A: n", text).text.substr(0, 22) == "Who goes? A: nobody>\n|");
}

TEST_CASE("lines with answers are drawn for validation whole, and come back as they stood in the text") {
  const TemporaryFolder folder;
  const auto tokenizer = make_byte_tokenizer();
  std::string text;
  std::set<std::string> lines;
  for (int i = 0; i < 200; ++i) {
    const std::string line = std::string(static_cast<std::size_t>(i % 7), 'q') + "=" + std::to_string(i) + "\n";
    text += line + (i % 50 == 0 ? "none\n" : "");
    lines.insert(line);
  }
  const Sources sources = collect_sources({folder.put("1", text), folder.put("2", "q=second file")});
  lines.insert("q=second file");
  TextFacts facts = survey(sources);
  const TextReading reading(*tokenizer, TextForm::answered_lines, nullptr, "=");
  EncodedText(folder / "tokens", sources, facts, reading).commit(0.1, 5);
  CHECK(facts.files[0].parts == 200);
  CHECK(facts.files[1].parts == 1);
  CHECK(facts.answer_tokens == 10 * 2 + 90 * 3 + 100 * 4 + 11);
  CHECK(facts.left_out == 4);
  const TokenFile file(folder / "tokens");
  file.verify();
  CHECK(file.facts().form == TextForm::answered_lines);
  CHECK(documents_in(file.train().examples()) == 181);
  CHECK(documents_in(file.validation().examples()) == 20);
  for (const TokenSequence* const part : {&file.train(), &file.validation()}) {
    const AnsweredLines examples(*part, 64);
    CHECK(examples.cut() == 0);
    for (std::uint64_t i = 0; i < examples.count(); ++i) {
      const auto [read, learned] = example_of(examples, i);
      const std::string line = read + learned.back();
      CHECK(lines.erase(line) == 1);
      const std::size_t answer = line.find('=') + 1;
      CHECK(learned == std::string(answer - 1, '-') + line.substr(answer));
    }
  }
  CHECK(lines.empty());
}

TEST_CASE("a line that is longer than the context loses its end, and its answer where that begins behind") {
  const std::vector<int> tokens{'q', 'u', '=', 'a', 'n', 's', 'q', '=', 'x'};
  const TokenVector sequence(tokens, {{0, 3, -1, 0}, {3, 3, -1, 0}, {6, 2, -1, 1}, {8, 1, -1, 1}});
  const auto shows = [&](long context, std::uint64_t line) {
    return example_of(AnsweredLines(sequence, context), line);
  };
  CHECK(shows(5, 0) == std::pair<std::string, std::string>("qu=an", "--ans"));
  CHECK(shows(5, 1) == std::pair<std::string, std::string>("q=", "-x"));
  CHECK(shows(3, 0) == std::pair<std::string, std::string>("qu=", "--a"));
  CHECK(shows(2, 0) == std::pair<std::string, std::string>("qu", "--"));
  CHECK(AnsweredLines(sequence, 5).cut() == 0);
  CHECK(AnsweredLines(sequence, 4).cut() == 1);
  CHECK(contains(refused(Fault::input, [&] { AnsweredLines(sequence, 1); }), "no answer begins within the context"));
}

TEST_CASE("what cannot be lines with answers is refused") {
  const TemporaryFolder folder;
  const auto tokenizer = make_byte_tokenizer();
  const Sources sources = collect_sources({folder.put("text", "one: 1\ntwo: 2\n")});
  const auto encode = [&](std::string_view marker) {
    TextFacts facts = survey(sources);
    EncodedText(folder / "tokens", sources, facts, {*tokenizer, TextForm::answered_lines, nullptr, marker}).commit(0);
  };
  CHECK(contains(refused(Fault::input, [&] { encode("=>"); }), "'=>' stands in no line"));
  encode(":");
  const auto pairs = [&](const std::vector<Example>& runs) {
    const TokenVector tokens(std::vector<int>(20, 'x'), runs);
    AnsweredLines(tokens, 8);
  };
  CHECK_NOTHROW(pairs({{0, 2, -1, 0}, {2, 1, -1, 0}}));
  CHECK(contains(refused(Fault::input, [&] { pairs({}); }), "no line with an answer"));
  for (const auto& runs : {std::vector<Example>{{0, 2, -1, 0}},
                           {{0, 2, -1, 0}, {2, 1, -1, 1}},
                           {{0, 0, -1, 0}, {0, 1, -1, 0}},
                           {{0, 2, -1, 0}, {2, 0, -1, 0}}}) {
    CHECK(contains(refused(Fault::input, [&] { pairs(runs); }), "not of lines with an answer"));
  }
}

}  // namespace primer::data
