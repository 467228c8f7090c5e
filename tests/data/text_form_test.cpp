#include "data/examples/text_form.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "data/examples/labelled_examples.h"
#include "data/examples/token_file.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

const std::vector<std::string> specials{"[CLS]", "[SEP]", "[MASK]"};

/// A text's tokens, shown: [SEP] as |, [CLS] as #, a label as its number in angle brackets.
std::string shown(const TextReading& reading, const std::string& text, std::size_t block = 1) {
  const auto encoder = reading.encoder();
  std::vector<int> ids;
  for (std::size_t i = 0; i < text.size(); i += block) encoder->feed(text.substr(i, block), ids);
  encoder->finish(ids);
  std::string out;
  const int V = reading.tokenizer->vocabulary_size();
  for (const int id : ids) {
    if (id >= V) out += "<" + std::to_string(id - V) + ">";
    else if (id == reading.tokenizer->special("[SEP]")) out += "|";
    else if (id == reading.tokenizer->special("[CLS]")) out += "#";
    else out += reading.tokenizer->token_text(id);
  }
  return out;
}

}  // namespace

TEST_CASE("sentences end with their line or with a mark and a blank, documents with a blank line") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const TextReading reading(*tokenizer, TextForm::sentences);
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"\n \n\t\n", ""},
      {"one", "one|#"},
      {"one\ntwo\n", "one|two|#"},
      {"one\n\ntwo", "one|#two|#"},
      {"one\n  \n\n\ntwo\n", "one|#two|#"},
      {"One. Two! Three? 3.14 e.g.this", "One.|Two!|Three?|3.14 e.g.this|#"},
      {"\"Is it?\" (It is.) So", "\"Is it?\"|(It is.)|So|#"},
      {"  led and trailed  \r\n\r\nnext\r\n", "led and trailed|#next|#"},
      {"你好。再见！吗？好", "你好。|再见！|吗？|好|#"},
  };
  for (const auto& [text, expected] : cases) {
    for (const std::size_t block : {1u, 2u, 7u, 1000u}) CHECK(shown(reading, text, block) == expected);
  }
  const std::string endless(200'000, 'x');  // a sentence that does not end is cut, so that memory is bounded
  const std::string cut = shown(reading, endless, 4096);
  CHECK(std::count(cut.begin(), cut.end(), '|') == 4);
}

TEST_CASE("a labelled line is [CLS], its label, its text, [SEP]") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const std::vector<std::string> labels{"bad", "good"};
  const TextReading reading(*tokenizer, TextForm::labelled_lines, &labels);
  for (const std::size_t block : {1u, 5u, 1000u}) {
    CHECK(shown(reading, "good\tfine\nbad\ta\tb\r\ngood\tlast", block) == "#<1>fine|#<0>a\tb|#<1>last|");
  }
  const std::pair<std::string, std::string> wrong[] = {
      {"good\tx\nno tab\n", "line 2: it has no tab"}, {"good\tx\n\nbad\ty\n", "line 2: it is empty"},
      {"\tx\n", "line 1: it has no label"},           {"good\t\n", "line 1: it has no text"},
      {"good\t \r\n", "line 1: it has no text"},      {"ugly\tx\n", "'ugly' is none of the model's labels"},
  };
  for (const auto& [text, why] : wrong) {
    CHECK(contains(refused(Fault::input, [&] { shown(reading, text); }), why));
  }
  const auto characters = make_character_tokenizer({'a', 'b'}, specials);
  CHECK(contains(refused(Fault::input,
                         [&] {
                           shown({*characters, TextForm::labelled_lines, &labels}, "bad\tac\n");
                         }),
                 "line 1"));
  const auto plain = make_byte_tokenizer();
  CHECK(contains(refused(Fault::input, [&] { shown({*plain, TextForm::sentences}, "x"); }), "[CLS]"));
}

TEST_CASE("labels are surveyed in order, and fewer than two are refused") {
  const TemporaryFolder folder;
  const auto survey_of = [&](const std::string& text) {
    return survey_labels(collect_sources({folder.put("l.tsv", text)}));
  };
  CHECK(survey_of("b\tx\na\ty\nb\tz\n") == std::vector<std::string>{"a", "b"});
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
  count_tokens(sources, facts, reading);
  CHECK(facts.files[0].parts == 97);
  CHECK(facts.label_lines == std::vector<std::uint64_t>{40, 3, 54});
  CHECK(facts.line_lengths[3] == 9);  // [CLS], one letter, [SEP]
  const auto lines_of = [&](const TokenSequence& tokens, std::multiset<Line>& lines) {
    std::vector<long> counts(3, 0);
    if (tokens.size() == 0) return counts;
    LabelledExamples examples(tokens, 9, *tokenizer, 3);
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
      const TokenFileFacts built = build_token_file(folder / "tokens", sources, facts, reading, fraction, seed);
      CHECK(built.train.tokens + built.validation.tokens == *facts.files[0].tokens);
      const TokenFile file(folder / "tokens");
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
  std::vector<int> tokens;
  const auto tokenizer = make_byte_tokenizer(specials);
  const int cls = tokenizer->special("[CLS]"), sep = tokenizer->special("[SEP]"), V = tokenizer->vocabulary_size();
  for (int i = 0; i < 3000; ++i) {
    tokens.insert(tokens.end(), {cls, V + i % 2, i % 251});
    tokens.insert(tokens.end(), i * 7919 % 61, 'x');
    tokens.push_back(sep);
  }
  const TokenVector sequence(tokens);
  TrainingBatches batches(std::make_unique<LabelledExamples>(sequence, 64, *tokenizer, 2), 1);
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
  std::vector<int> tokens;
  const auto tokenizer = make_byte_tokenizer(specials);
  const int cls = tokenizer->special("[CLS]"), sep = tokenizer->special("[SEP]"), V = tokenizer->vocabulary_size();
  for (int i = 0; i < 40; ++i) {
    tokens.insert(tokens.end(), {cls, V});
    tokens.insert(tokens.end(), 1 + (39 - i) % 20, 'a' + i % 26);
    tokens.push_back(sep);
  }
  const TokenVector sequence(tokens);
  EvaluationBatches batches(std::make_unique<LabelledExamples>(sequence, 64, *tokenizer, 2));
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
  const int cls = tokenizer->special("[CLS]"), sep = tokenizer->special("[SEP]"), V = tokenizer->vocabulary_size();
  std::vector<int> tokens;
  for (int i = 0; i < 20; ++i) tokens.insert(tokens.end(), {cls, V, 'a', sep});
  const TokenVector sequence(tokens);
  EvaluationBatches batches(std::make_unique<LabelledExamples>(sequence, 1 << 20, *tokenizer, 2));
  Batch batch;
  long lines = 0;
  for (; batches.next(1 << 20, batch); lines += batch.sequences) {
    CHECK(batch.length == 3);
    CHECK(batch.tokens.capacity() < 1 << 20);
  }
  CHECK(lines == 20);
}

TEST_CASE("tokens that are no labelled lines are refused") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const int cls = tokenizer->special("[CLS]"), sep = tokenizer->special("[SEP]"), V = tokenizer->vocabulary_size();
  const std::vector<std::vector<int>> wrong = {{},
                                               {cls},
                                               {cls, V},
                                               {cls, V, 'a'},
                                               {'a', V, sep},
                                               {cls, 'a', sep},
                                               {cls, V + 2, 'a', sep},
                                               {cls, V, cls, sep},
                                               {cls, V, V, sep},
                                               {cls, V, 'a', sep, 'b'}};
  for (const auto& tokens : wrong) {
    const TokenVector sequence(tokens);
    refused(Fault::input, [&] { LabelledExamples(sequence, 9, *tokenizer, 2); });
  }
}

}  // namespace primer::data
