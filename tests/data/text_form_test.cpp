#include "data/examples/text_form.h"

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>
#include <utility>

#include "data/examples/encoded_text.h"
#include "data/examples/labelled_examples.h"
#include "data/examples/token_file.h"
#include "data/text/labels.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

const std::vector<std::string> specials{"[CLS]", "[SEP]", "[MASK]"};

/// A text's examples, shown: # before a document, < > around a label, | behind each.
std::string shown(const TextReading& reading, const std::string& text, std::size_t block = 1) {
  const auto encoder = reading.encoder();
  EncodedBlock out;
  for (std::size_t i = 0; i < text.size(); i += block) encoder->feed(text.substr(i, block), out);
  encoder->finish(out);
  std::string all;
  std::size_t at = 0;
  for (const EncodedBlock::End& end : out.ends) {
    if (end.begins_document) all += "#";
    if (end.label >= 0) all += "<" + std::to_string(end.label) + ">";
    for (; at < end.at; ++at) all += reading.tokenizer->token_text(out.tokens[at]);
    all += "|";
  }
  CHECK(at == out.tokens.size());
  return all;
}

/// Lines as a sequence: how many x and which label each has; the first token is the line's number.
TokenVector lines_of(int count, const std::function<std::pair<int, int>(int)>& each) {
  std::vector<int> tokens;
  std::vector<Example> examples;
  for (int i = 0; i < count; ++i) {
    const auto [first, more] = each(i);
    examples.push_back({tokens.size(), static_cast<std::uint64_t>(1 + more), i % 2, static_cast<std::uint32_t>(i)});
    tokens.push_back(first);
    tokens.insert(tokens.end(), static_cast<std::size_t>(more), 'x');
  }
  return TokenVector(tokens, examples);
}

}  // namespace

TEST_CASE("sentences end with their line or with a mark and a blank, documents with a blank line") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const TextReading reading(*tokenizer, TextForm::sentences);
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"\n \n\t\n", ""},
      {"one", "#one|"},
      {"one\ntwo\n", "#one|two|"},
      {"one\n\ntwo", "#one|#two|"},
      {"one\n  \n\n\ntwo\n", "#one|#two|"},
      {"One. Two! Three? 3.14 e.g.this", "#One.|Two!|Three?|3.14 e.g.this|"},
      {"\"Is it?\" (It is.) So", "#\"Is it?\"|(It is.)|So|"},
      {"  led and trailed  \r\n\r\nnext\r\n", "#led and trailed|#next|"},
      {"你好。再见！吗？好", "#你好。|再见！|吗？|好|"},
  };
  for (const auto& [text, expected] : cases) {
    for (const std::size_t block : {1u, 2u, 7u, 1000u}) CHECK(shown(reading, text, block) == expected);
  }
  const std::string endless(200'000, 'x');  // a sentence that does not end is cut, so that memory is bounded
  const std::string cut = shown(reading, endless, 4096);
  CHECK(std::count(cut.begin(), cut.end(), '|') == 4);
}

TEST_CASE("a labelled line is an example, and its label is no token") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const std::vector<std::string> labels{"bad", "good"};
  const TextReading reading(*tokenizer, TextForm::labelled_lines, &labels);
  for (const std::size_t block : {1u, 5u, 1000u}) {
    CHECK(shown(reading, "good\tfine\nbad\ta\tb\r\ngood\tlast", block) == "#<1>fine|#<0>a\tb|#<1>last|");
    // A byte order mark, blanks around a label and empty lines are none of either.
    CHECK(shown(reading, "\uFEFFgood\tfine\n\n \r\n bad \ta\n\n", block) == "#<1>fine|#<0>a|");
  }
  // A model of an earlier version may have labels that differ by blanks alone.
  const std::vector<std::string> older{" bad", "bad", "good "};
  CHECK(shown({*tokenizer, TextForm::labelled_lines, &older}, "bad\tx\n bad\ty\ngood\tz\n  bad\tw\n") ==
        "#<1>x|#<0>y|#<2>z|#<1>w|");
  const std::pair<std::string, std::string> wrong[] = {
      {"good\tx\nno tab\n", "line 2: it has no tab"}, {" \tx\n", "line 1: it has no label"},
      {"\tx\n", "line 1: it has no label"},           {"good\t\n", "line 1: it has no text"},
      {"good\t \r\n", "line 1: it has no text"},      {"ugly\tx\n", "'ugly' is none of the model's labels"},
  };
  for (const auto& [text, why] : wrong) {
    CHECK(contains(refused(Fault::input, [&] { shown(reading, text); }), why));
  }
  const auto plain = make_byte_tokenizer();
  CHECK(contains(
      refused(Fault::input, [&] { LabelledExamples(lines_of(2, [](int) { return std::pair(1, 1); }), 9, *plain); }),
      "[CLS]"));
}

TEST_CASE("labels are surveyed in order, and fewer than two are refused") {
  const TemporaryFolder folder;
  const auto survey_of = [&](const std::string& text) {
    return survey_labels(collect_sources({folder.put("l.tsv", text)}));
  };
  CHECK(survey_of("b\tx\na\ty\nb\tz\n") == std::vector<std::string>{"a", "b"});
  CHECK(survey_of("\uFEFFb\tx\n a\ty\n\nb \tz\na\tw\n") == std::vector<std::string>{"a", "b"});
  CHECK(survey_of("\u0628\u06CC\u200C\u0637\tx\nb\tz\n").back() == "\u0628\u06CC\u200C\u0637");  // Persian
  CHECK(contains(refused(Fault::input, [&] { survey_of("b\tx\n\u200C\ty\n"); }), "cannot be shown"));
  CHECK(contains(refused(Fault::input, [&] { survey_of("b\tx\nb\ty\n"); }), "only one label, 'b'"));
  CHECK(contains(refused(Fault::input, [&] { survey_of("b\tx\nc y\n"); }), "l.tsv': line 2: it has no tab"));
  CHECK(contains(refused(Fault::input, [&] { survey_of("b\tx\na\x1b\ty\n"); }), "cannot be shown"));
}

TEST_CASE("labelled lines are drawn for validation label by label, from the seed, and every line is an example once") {
  const TemporaryFolder folder;
  using Line = std::tuple<int, long, int>;  // label, length, letter
  std::string text;
  std::multiset<Line> all;
  for (int i = 0; i < 97; ++i) {  // sorted by their labels, and "few" has three lines
    const int label = i < 40 ? 0 : i < 43 ? 1 : 2;
    text += std::vector<std::string>{"bad\t", "few\t", "good\t"}[static_cast<std::size_t>(label)] +
            std::string(1 + i % 11, 'a' + i % 26) + "\n";
    all.emplace(label, std::min(9L, static_cast<long>(3 + i % 11)), 'a' + i % 26);
  }
  const Sources sources = collect_sources({folder.put("l.tsv", text)});
  TextFacts facts = survey(sources);
  const auto tokenizer = make_byte_tokenizer(specials);
  const std::vector<std::string> labels = survey_labels(sources);
  const TextReading reading(*tokenizer, TextForm::labelled_lines, &labels);
  EncodedText({}, sources, facts, reading);
  CHECK(facts.files[0].tokens == with_marks(TextForm::labelled_lines, 573, 97, 97));
  CHECK(facts.files[0].parts == 97);
  CHECK(facts.label_lines[0] == std::vector<std::uint64_t>{40, 3, 54});
  CHECK(facts.line_lengths[3] == 9);  // [CLS], one letter, [SEP]
  const auto lines_of = [&](const TokenSequence& tokens, std::multiset<Line>& lines) {
    std::vector<long> counts(3, 0);
    if (tokens.size() == 0) return counts;
    LabelledExamples examples(tokens, 9, *tokenizer);
    std::uint64_t cut = 0;
    for (std::uint64_t i = 0; i < examples.count(); ++i) {
      std::vector<int> ids(9, 0), targets(9, -1);
      ExampleRow row{ids, targets, {}};
      const long length = examples.write(i, row);
      CHECK(ids[0] == tokenizer->special("[CLS]"));
      CHECK(ids[static_cast<std::size_t>(length - 1)] == tokenizer->special("[SEP]"));
      for (long k = 1; k < length - 1; ++k) CHECK(ids[static_cast<std::size_t>(k)] == ids[1]);
      lines.emplace(row.label, length, ids[1]);
      ++counts[static_cast<std::size_t>(row.label)];
      cut += length == 9;
    }
    CHECK(examples.cut() <= cut);
    CHECK(examples.cut() + 9 >= cut);  // some fill the context exactly
    return counts;
  };
  std::set<std::multiset<Line>> drawn;
  for (const auto& [fraction, held_back] : std::vector<std::pair<double, std::vector<long>>>{
           {0.0, {0, 0, 0}}, {0.1, {4, 1, 5}}, {0.5, {20, 2, 27}}, {0.9, {36, 2, 49}}}) {
    CAPTURE(fraction);
    for (const std::uint64_t seed : {1, 1, 2}) {
      EncodedText(folder / "tokens", sources, facts, reading).commit(fraction, seed);
      const TokenFile file(folder / "tokens");
      CHECK(file.length(file.train()) + file.length(file.validation()) == *facts.files[0].tokens);
      std::multiset<Line> validation, both;
      CHECK(lines_of(file.validation(), validation) == held_back);
      drawn.insert(validation);
      both = validation;
      lines_of(file.train(), both);
      CHECK(both == all);
    }
  }
  CHECK(drawn.size() == 1 + 2 * 3);  // the seed decides, and nothing else
}

TEST_CASE("examples of unequal lengths come in batches of about equal ones, each once an epoch") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const TokenVector sequence = lines_of(3000, [](int i) { return std::pair(i % 251, i * 7919 % 61); });
  TrainingBatches batches(std::make_unique<LabelledExamples>(sequence, 64, *tokenizer), 1);
  Batch batch;
  std::vector<std::vector<int>> firsts;
  for (int epoch = 0; epoch < 2; ++epoch) {
    long real = 0, places = 0;
    std::multiset<std::pair<int, int>> seen;  // the first token and the length
    std::vector<int> first;
    for (int i = 0; i < 300; ++i) {
      batches.next(10, batch);
      places += static_cast<long>(batch.tokens.size());
      for (std::size_t row = 0; row < 10; ++row) {
        real += batch.lengths[row];
        seen.emplace(batch.tokens[row * static_cast<std::size_t>(batch.length) + 1], batch.lengths[row]);
        first.push_back(batch.lengths[row]);
      }
    }
    std::multiset<std::pair<int, int>> all;
    for (int i = 0; i < 3000; ++i) all.emplace(i % 251, 3 + i * 7919 % 61);
    CHECK(seen == all);
    CHECK(static_cast<double>(real) > 0.8 * static_cast<double>(places));  // unsorted it would be about a half
    firsts.push_back(first);
  }
  CHECK(batches.cursor() == Cursor{1, 3000});
  CHECK(firsts[0] != firsts[1]);
}

TEST_CASE("an evaluation takes examples in their order, so that the first batches stand for all") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const TokenVector sequence = lines_of(40, [](int i) { return std::pair('a' + i % 26, (39 - i) % 20); });
  EvaluationBatches batches(std::make_unique<LabelledExamples>(sequence, 64, *tokenizer));
  Batch batch;
  int next = 0;
  while (batches.next(6, batch)) {
    CHECK(batch.length == *std::max_element(batch.lengths.begin(), batch.lengths.end()));
    for (std::size_t row = 0; row < batch.lengths.size(); ++row, ++next) {
      CHECK(batch.tokens[row * static_cast<std::size_t>(batch.length) + 1] == 'a' + next % 26);
      CHECK(batch.lengths[row] == 3 + (39 - next) % 20);
    }
  }
  CHECK(next == 40);
}

TEST_CASE("an evaluation takes no more memory than its examples need, whatever context and batch are") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const TokenVector sequence = lines_of(20, [](int) { return std::pair('a', 0); });
  EvaluationBatches batches(std::make_unique<LabelledExamples>(sequence, 1 << 20, *tokenizer));
  Batch batch;
  long lines = 0;
  for (; batches.next(1 << 20, batch); lines += batch.sequences) {
    CHECK(batch.length == 3);
    CHECK(batch.tokens.capacity() < 1 << 20);
  }
  CHECK(lines == 20);
}

}  // namespace primer::data
