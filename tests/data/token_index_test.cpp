// The index of a file of tokens: what is in it, what is refused, and the files that had none.
#include <cstring>
#include <limits>
#include <tuple>

#include "data/bytes/checksum.h"
#include "data/examples/encoded_text.h"
#include "data/examples/old_examples.h"
#include "data/examples/token_file.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

const std::vector<std::string> specials{"[CLS]", "[SEP]", "[MASK]"};
const std::vector<std::string> labels{"bad", "good"};

using Row = std::tuple<std::string, int, std::uint32_t>;  // text, label, document

std::vector<Row> rows_of(const TokenSequence& part, const Tokenizer& tokenizer) {
  std::vector<Row> rows;
  for (const Example& example : part.examples()) {
    std::vector<int> ids(example.tokens);
    part.read(example.begin, ids.size(), ids.data());
    rows.emplace_back(tokenizer.decode(ids), example.label, example.document);
  }
  return rows;
}

/// The runs of tokens of a part, and that together they are all of it.
void check_whole(const TokenSequence& part) {
  std::uint64_t at = 0;
  for (const Example& example : part.examples()) {
    CHECK(example.begin == at);
    at += example.tokens;
  }
  CHECK(at == part.size());
}

std::vector<int> with_specials(const std::string& shown, const Tokenizer& tokenizer) {
  std::vector<int> ids;  // # is [CLS], | is [SEP], a digit a label
  for (const char c : shown) {
    ids.push_back(c == '#'               ? tokenizer.special("[CLS]")
                  : c == '|'             ? tokenizer.special("[SEP]")
                  : c >= '0' && c <= '9' ? tokenizer.vocabulary_size() + c - '0'
                                         : c);
  }
  return ids;
}

/// A byte tokenizer that counts how often a text is encoded.
class Counting final : public Tokenizer {
 public:
  explicit Counting(std::optional<std::uint64_t> known = {}) : Tokenizer(bytes(), Specials{}), known_(known) {}
  std::string_view kind() const override { return "counting"; }
  std::unique_ptr<Encoder> encoder() const override {
    ++encoders;
    return bytes_->encoder();
  }
  std::optional<std::uint64_t> count(const FileFacts&) const override { return known_; }
  std::string json() const override { return "{}"; }

  mutable int encoders = 0;

 private:
  static std::vector<std::string> bytes() {
    std::vector<std::string> all;
    for (int c = 0; c < 256; ++c) all.emplace_back(1, static_cast<char>(c));
    return all;
  }
  std::optional<std::uint64_t> known_;
  std::shared_ptr<const Tokenizer> bytes_ = make_byte_tokenizer();
};

}  // namespace

TEST_CASE("the index of labelled lines says where each begins and which label it has, in the order of the text") {
  const TemporaryFolder folder;
  const auto tokenizer = make_byte_tokenizer(specials);
  const Sources sources = collect_sources({folder.put("1", "good\tfine\nbad\ta\tb\n"), folder.put("2", "good\tlast")});
  TextFacts facts = survey(sources);
  EncodedText(folder / "tokens", sources, facts, {*tokenizer, TextForm::labelled_lines, &labels}).commit(0);
  const TokenFile file(folder / "tokens");
  file.verify();
  check_whole(file.train());
  CHECK(rows_of(file.train(), *tokenizer) == std::vector<Row>{{"fine", 1, 0}, {"a\tb", 0, 1}, {"last", 1, 2}});
  CHECK(rows_of(file.validation(), *tokenizer).empty());
  CHECK(file.facts().vocabulary == 259);  // labels are no tokens
  CHECK(file.facts().labels == 2);
  CHECK(file.train_bytes() == 11);
}

TEST_CASE("the index of sentences says their documents; a file ends its last document in either part") {
  const TemporaryFolder folder;
  const auto tokenizer = make_byte_tokenizer(specials);
  const Sources sources = collect_sources({folder.put("1", "aaa. bb.\n\nc. d. e."), folder.put("2", "f. g.\n\nh.")});
  TextFacts facts = survey(sources);
  EncodedText(folder / "tokens", sources, facts, {*tokenizer, TextForm::sentences}).commit(0.5);
  CHECK(facts.files[0].tokens == 4 + 3 + 2 + 2 + 2 + 5 + 2);  // a mark for each sentence and each document
  CHECK(facts.files[0].parts == 5);
  const TokenFile file(folder / "tokens");
  check_whole(file.train());
  check_whole(file.validation());
  // Half of aaa.|bb.|#c.|d.|e.|# lies in c., which is the last to learn from; half of f.|g.|#h.|# lies in g.
  CHECK(rows_of(file.train(), *tokenizer) ==
        std::vector<Row>{{"aaa.", -1, 0}, {"bb.", -1, 0}, {"c.", -1, 1}, {"f.", -1, 2}, {"g.", -1, 2}});
  CHECK(rows_of(file.validation(), *tokenizer) == std::vector<Row>{{"d.", -1, 1}, {"e.", -1, 1}, {"h.", -1, 3}});
  CHECK(file.length(file.train()) == 13 + 5 + 3);
}

TEST_CASE("a file of several files is read across their ends, whichever part is asked for") {
  const TemporaryFolder folder;
  const Sources sources =
      collect_sources({folder.put("1", "0123456789"), folder.put("2", "abcdefghij"), folder.put("3", "z")});
  const auto tokenizer = make_byte_tokenizer();
  TextFacts facts = survey(sources);
  EncodedText(folder / "tokens", sources, facts, *tokenizer).commit(0.3);
  const TokenFile file(folder / "tokens");
  const std::string train = "0123456abcdefg", validation = "789hijz";
  for (const auto& [part, text] : {std::pair(&file.train(), train), std::pair(&file.validation(), validation)}) {
    REQUIRE(part->size() == text.size());
    for (std::size_t begin = 0; begin <= text.size(); ++begin) {
      for (std::size_t count = 0; begin + count <= text.size(); ++count) {
        std::vector<int> ids(count + 1, -7);
        part->read(begin, count, ids.data());
        CHECK(ids.back() == -7);
        ids.pop_back();
        CHECK(tokenizer->decode(ids) == text.substr(begin, count));
      }
    }
  }
  CHECK(file.validation_bytes() == 7);
}

TEST_CASE("a text is encoded once, whether its tokens can be counted without or not") {
  const TemporaryFolder folder;
  const Sources sources = collect_sources({folder.put("1", "Some text. And more.\n\nThis too.")});
  for (const auto known : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(31)}) {
    const Counting tokenizer(known);
    TextFacts facts = survey(sources);
    EncodedText(folder / "tokens", sources, facts, tokenizer).commit(0.3);
    CHECK(tokenizer.encoders == 1);
  }
  const Counting tokenizer;
  TextFacts facts = survey(sources);
  EncodedText(folder / "tokens", sources, facts, {tokenizer, TextForm::sentences}).commit(0.3);
  CHECK(tokenizer.encoders == 3);  // sentences, each a text
}

TEST_CASE("an index whose checksums are right and whose numbers are not is refused") {
  const TemporaryFolder folder;
  const auto tokenizer = make_byte_tokenizer(specials);
  const Sources sources = collect_sources({folder.put("1", "good\tfine\nbad\tno\ngood\tso\nbad\tnever\n")});
  TextFacts facts = survey(sources);
  EncodedText(folder / "tokens", sources, facts, {*tokenizer, TextForm::labelled_lines, &labels}).commit(0.5, 1);
  const std::string right = read_file(folder / "tokens", 10'000);
  constexpr std::size_t header = 128, record = 24;
  const std::size_t index = right.size() - 4 * record;
  const auto open = [&](std::string bytes) {
    const std::uint32_t of_index = crc32c(bytes.data() + index, bytes.size() - index);
    std::memcpy(bytes.data() + 60, &of_index, sizeof of_index);
    const std::uint32_t of_header = crc32c(bytes.data(), header - 4);
    std::memcpy(bytes.data() + header - 4, &of_header, sizeof of_header);
    TokenFile(folder.put("bad", bytes)).verify();
  };
  const auto with = [&](std::size_t at, auto number) {
    std::string bytes = right;
    std::memcpy(bytes.data() + at, &number, sizeof number);
    return bytes;
  };
  open(right);
  for (std::size_t at = index; at < right.size(); at += record) {
    for (const std::uint64_t tokens :
         {std::uint64_t{0}, std::uint64_t{100}, ~std::uint64_t{0}, ~std::uint64_t{0} >> 1}) {
      CHECK(contains(refused(Fault::input, [&] { open(with(at, tokens)); }), "its index"));
    }
    for (const int label : {-2, -1, 2, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()}) {
      CHECK(contains(refused(Fault::input, [&] { open(with(at + 8, label)); }), "its index makes no sense"));
    }
    for (const std::uint32_t document : {5u, 4u, ~0u}) {
      CHECK(contains(refused(Fault::input, [&] { open(with(at + 12, document)); }), "its index makes no sense"));
    }
    for (const std::size_t place : {16u, 20u}) {  // the part, and what has no meaning
      for (const std::uint32_t number : {2u, ~0u}) {
        CHECK(contains(refused(Fault::input, [&] { open(with(at + place, number)); }), "its index makes no sense"));
      }
    }
  }
  for (const std::uint32_t number : {0u, 1u, 3u, ~0u}) {  // another form, or none
    CHECK(contains(refused(Fault::input, [&] { open(with(72, number)); }), "its header makes no sense"));
  }
}

TEST_CASE("lines and sentences of a file without an index are found by the special tokens between them") {
  const auto tokenizer = make_byte_tokenizer(specials);
  const auto found = [&](const std::string& shown, TextForm form) {
    const std::vector<int> tokens = with_specials(shown, *tokenizer);
    return rows_of(TokenVector(tokens, old_examples(TokenVector(tokens), form, *tokenizer, 2)), *tokenizer);
  };
  CHECK(found("one|two|#three|#", TextForm::sentences) ==
        std::vector<Row>{{"one", -1, 0}, {"two", -1, 0}, {"three", -1, 1}});
  CHECK(found("#one|", TextForm::sentences) ==
        std::vector<Row>{{"one", -1, 1}});  // the part began with a document's end
  CHECK(found("#1fine|#0no|", TextForm::labelled_lines) == std::vector<Row>{{"fine", 1, 0}, {"no", 0, 1}});
  CHECK(found("", TextForm::labelled_lines).empty());
  for (const char* wrong : {"#", "#1", "#1a", "a1|", "#a|", "#2a|", "#1#|", "#11|", "#1a|b"}) {
    CAPTURE(wrong);
    CHECK(contains(refused(Fault::input, [&] { found(wrong, TextForm::labelled_lines); }), "not of labelled lines"));
  }
}

}  // namespace primer::data
