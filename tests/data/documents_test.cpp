// The documents of a stream, each of which ends with a token of its own.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "data/bytes/strict_json.h"
#include "data/examples/encoded_text.h"
#include "data/examples/examples.h"
#include "data/examples/token_file.h"
#include "data/examples/windows.h"
#include "data/tokenizers/bpe_training.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

const std::vector<std::string> specials{end_of_text};

std::string shown(const TokenSequence& tokens, const Tokenizer& tokenizer) {  // | for the end of a document
  std::vector<int> ids(tokens.size());
  tokens.read(0, ids.size(), ids.data());
  std::string text;
  for (const int id : ids) text += id == tokenizer.special(end_of_text) ? "|" : tokenizer.token_text(id);
  return text;
}

TextReading reading_of(const Tokenizer& tokenizer, Parting parting) {
  TextReading reading(tokenizer);
  reading.end = parting == Parting::none ? -1 : tokenizer.special(end_of_text);
  reading.by_blank_lines = parting == Parting::blank_lines;
  return reading;
}

/// A text of this tokenizer's tokens, that arrives in blocks of at most `most` bytes.
std::string encoded(std::string_view text, const Tokenizer& tokenizer, Parting parting, std::size_t most = 1'000,
                    StreamCutter cutter = {}, std::uint64_t* documents = nullptr) {
  std::mt19937 random(1);
  const TextReading reading = reading_of(tokenizer, parting);
  const auto encoder = reading.encoder({}, std::move(cutter));
  EncodedBlock out;
  while (!text.empty()) {
    const std::size_t length = std::min<std::size_t>(1 + random() % most, text.size());
    encoder->feed(text.substr(0, length), out);
    text.remove_prefix(length);
  }
  encoder->finish(out);
  if (documents) *documents = out.documents;
  std::string all;
  for (std::size_t i = 0, end = 0; i <= out.tokens.size(); ++i) {
    for (; end < out.ends.size() && out.ends[end].at == i; ++end) all += "#" + std::to_string(out.ends[end].part);
    if (i == out.tokens.size()) break;
    all += out.tokens[i] == reading.end ? "|" : tokenizer.token_text(out.tokens[i]);
  }
  return all;
}

}  // namespace

TEST_CASE("each file ends with a token that is no byte of text, whichever part its end is of") {
  const TemporaryFolder folder;
  const Sources sources =
      collect_sources({folder.put("1", "0123456789"), folder.put("2", "abcdefghij\n"), folder.put("3", " \n")});
  const auto tokenizer = make_byte_tokenizer(specials);
  for (const Parting parting : {Parting::none, Parting::each}) {
    TextFacts facts = survey(sources);
    EncodedText(folder / "tokens", sources, facts, reading_of(*tokenizer, parting)).commit(0.3);
    const TokenFile file(folder / "tokens");
    const bool is_parted = parting == Parting::each;
    CHECK(facts.documents == (is_parted ? 2 : 0));  // a file that says nothing is none
    CHECK(facts.files[0].tokens == (is_parted ? 11 : 10));
    CHECK(shown(file.train(), *tokenizer) == (is_parted ? "0123456abcdefgh " : "0123456abcdefg "));
    CHECK(shown(file.validation(), *tokenizer) == (is_parted ? "789|ij\n|\n" : "789hij\n\n"));
    CHECK(file.train_bytes() + file.validation_bytes() == 23);
  }
}

TEST_CASE("blank lines end a document and belong to it, where something stands before and behind them") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const auto blocks = [&](std::string_view text) { return encoded(text, *tokenizer, Parting::blank_lines); };
  CHECK(blocks("a\n\nb") == "a\n\n|b|#0");
  CHECK(blocks("\n\na\nb\n\n\n\nc\n\n") == "\n\na\nb\n\n\n\n|c\n\n|#0");
  CHECK(blocks("a\r\n\r\nb\r\n") == "a\r\n\r\n|b\r\n|#0");
  CHECK(blocks("a\n \t\nb\n c") == "a\n \t\n|b\n c|#0");
  CHECK(blocks("a\n\n  \n  b") == "a\n\n|  \n  b|#0");
  CHECK(blocks(" \n\n ") == " \n\n #0");
  CHECK(encoded("a\n\nb", *tokenizer, Parting::each) == "a\n\nb|#0");
  CHECK(encoded("a\n\nb", *tokenizer, Parting::none) == "a\n\nb#0");
  // The end of a document is of the part that its last byte is of.
  CHECK(encoded("a\n\nb\n\nc", *tokenizer, Parting::blank_lines, 1, {{1}, 1}) == "a\n#0\n|b\n\n|c|#1");
  CHECK(encoded("a\n\nb\n\nc", *tokenizer, Parting::blank_lines, 1, {{2}, 1}) == "a\n\n|#0b\n\n|c|#1");
}

TEST_CASE("however a text of documents arrives its tokens are the same, and without their ends they are the text") {
  std::mt19937 random(7);
  for (int n = 0; n < 60; ++n) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += random() % 3 ? "\n \r\t"[random() % 4] : "ab \n\n"[random() % 5];
    const auto tokenizer = n % 2 ? make_byte_tokenizer(specials) : train_bpe(count_words(text), 270, specials);
    const StreamCutter cutter({static_cast<std::uint64_t>(40 + n), 200}, 9);
    std::uint64_t documents = 0;
    const std::string whole = encoded(text, *tokenizer, Parting::blank_lines, 1'000, cutter, &documents);
    for (const std::size_t most : {1, 2, 7})
      CHECK(encoded(text, *tokenizer, Parting::blank_lines, most, cutter) == whole);
    std::string without;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (whole[i] == '#') ++i;
      else if (whole[i] != '|') without += whole[i];
    }
    CHECK(without == text);
    CHECK(std::count(whole.begin(), whole.end(), '|') == static_cast<long>(documents));
    CHECK(whole.find("\n|\n") == std::string::npos);
  }
}

TEST_CASE("JSON lines are the documents of a text whose blank lines part them, divided or not") {
  const TemporaryFolder folder;
  std::string lines, plain;
  for (int i = 0; i < 200; ++i) {
    const std::string text = i == 50 ? "" : "line " + std::to_string(i * i) + (i % 3 ? "\nand more" : ".");
    lines += "{\"text\": " + json_quoted(text) + "}\n";
    plain += text.empty() ? "" : text + "\n\n";
  }
  Sources json = collect_sources({folder.put("j", lines)}), text = collect_sources({folder.put("t", plain)});
  json.fields.names = {"text"};
  const auto tokenizer = train_bpe(count_words(json), 300, specials);
  const StreamSplit split(survey(text), Split::spread, 0.2, 1);
  for (const StreamSplit* const by : {static_cast<const StreamSplit*>(nullptr), &split}) {
    const auto parts = [&](const Sources& sources, Parting parting) {
      TextFacts facts = survey(sources);
      EncodedText(folder / "tokens", sources, facts, reading_of(*tokenizer, parting), by).commit(0.2);
      CHECK(facts.documents == 199);
      const TokenFile file(folder / "tokens");
      CHECK(file.train_bytes() + file.validation_bytes() == plain.size());
      return shown(file.train(), *tokenizer) + "<>" + shown(file.validation(), *tokenizer);
    };
    CHECK(parts(json, Parting::each) == parts(text, Parting::blank_lines));
    CHECK(parts(json, Parting::blank_lines) == parts(text, Parting::blank_lines));
  }
}

TEST_CASE("documents apart are a run each, whose end is its last token; a run that lies in both parts is cut") {
  const TemporaryFolder folder;
  const auto tokenizer = make_byte_tokenizer(specials);
  const Sources sources =
      collect_sources({folder.put("1", "ab\n\ncde\n\nf"), folder.put("2", "gh\n\n"), folder.put("3", "i")});
  TextReading reading = reading_of(*tokenizer, Parting::blank_lines);
  reading.apart = true;
  const auto runs = [&](const TokenSequence& tokens) {
    std::string all;
    const std::string text = shown(tokens, *tokenizer);
    for (const Example& run : tokens.examples())
      all += std::to_string(run.document) + text.substr(run.begin, run.tokens) + "/";
    return all;
  };
  TextFacts facts = survey(sources);
  EncodedText(folder / "tokens", sources, facts, reading).commit(0.5);
  CHECK(facts.files[0].parts == 3);
  {
    const TokenFile file(folder / "tokens");
    CHECK(runs(file.train()) == "0ab\n\n|/1c/3gh/4i/");
    CHECK(runs(file.validation()) == "1de\n\n|/2f|/3\n\n|/4|/");
  }
  const StreamSplit split(survey(sources), Split::spread, 0.3, 2);
  EncodedText(folder / "tokens", sources, facts, reading, &split).commit(0.3);
  const TokenFile file(folder / "tokens");
  const std::string both = runs(file.train()) + runs(file.validation());
  CHECK(std::count(both.begin(), both.end(), '|') == 5);
  CHECK(file.validation_size() > 0);
  CHECK(file.validation_bytes() + file.train_bytes() == 10 + 4 + 1);
}

TEST_CASE("windows of documents hold one document each, and make each of its tokens a target once an epoch") {
  constexpr int end = 99;
  std::vector<int> ids;
  std::vector<Example> runs;
  for (std::uint32_t document = 0; document < 40; ++document) {
    const std::uint64_t length = document == 7 ? 0 : 1 + document * 17 % 23;
    runs.push_back({ids.size(), length, -1, document});
    for (std::uint64_t i = 0; i < length; ++i) ids.push_back(static_cast<int>(100 * document + i));
  }
  const TokenVector tokens(ids, runs);
  DocumentWindows windows(tokens, 8, 3, end);
  std::set<std::vector<int>> cuts;
  for (std::uint64_t epoch = 0; epoch < 4; ++epoch) {
    const Purpose purpose = epoch == 3 ? Purpose::evaluation : Purpose::training;
    windows.begin(purpose, epoch);
    std::vector<int> targets, lengths;
    for (std::uint64_t window = 0; window < windows.count(); ++window) {
      std::vector<int> row_tokens(8, 0), row_targets(8, -1);
      ExampleRow row{row_tokens, row_targets, {}};
      const long length = windows.write(window, row);
      CHECK(length == windows.length(window));
      lengths.push_back(static_cast<int>(length));
      const int before = row_targets[0] % 100 == 0 ? end : row_targets[0] - 1;
      for (long i = 0; i < length; ++i) {
        CHECK(row_tokens[static_cast<std::size_t>(i)] ==
              (i == 0 ? before : row_targets[static_cast<std::size_t>(i - 1)]));
        CHECK(row_targets[static_cast<std::size_t>(i)] / 100 == row_targets[0] / 100);
        targets.push_back(row_targets[static_cast<std::size_t>(i)]);
      }
      if (row_targets[0] % 100 == 0 && purpose == Purpose::evaluation) {
        const auto whole = runs[static_cast<std::size_t>(row_targets[0] / 100)].tokens;
        CHECK(static_cast<std::uint64_t>(length) == std::min<std::uint64_t>(8, whole));
      }
    }
    CHECK(targets == ids);
    cuts.insert(lengths);
  }
  CHECK(cuts.size() == 4);  // long documents are cut anew
  refused(Fault::input, [] { DocumentWindows(TokenVector({}, {{0, 0, -1, 0}}), 8, 3, end); });
}

}  // namespace primer::data
