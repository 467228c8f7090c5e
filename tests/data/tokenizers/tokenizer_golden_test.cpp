// The same ids as Hugging Face's tokenizers give: tests/golden/make_tokenizer_golden.py wrote them.
#include "data/tokenizers/bpe_training.h"
#include "data/tokenizers/tokenizer_files.h"
#include "tests/data/fixture.h"
#include "tests/places.h"

namespace primer::data {

namespace {

std::string golden(const std::string& name) {
  return std::string(source_directory()) + "/tests/golden/tokenizer/" + name;
}

std::string text() { return read_file(golden("text"), 1u << 20); }

/// The ids of the text, two bytes each, little-endian.
std::vector<int> expected_ids(const std::string& folder) {
  const std::string bytes = read_file(golden(folder + "/ids"), 1u << 20);
  std::vector<int> ids;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    ids.push_back(static_cast<unsigned char>(bytes[i]) | static_cast<unsigned char>(bytes[i + 1]) << 8);
  }
  return ids;
}

void check_ids(const Tokenizer& tokenizer, const std::string& folder) {
  const std::vector<int> expected = expected_ids(folder), ids = tokenizer.encode(text());
  CHECK(expected.size() > 10'000);
  CHECK(ids.size() == expected.size());
  for (std::size_t i = 0; i < std::min(ids.size(), expected.size()); ++i) {
    CAPTURE(i);
    REQUIRE(ids[i] == expected[i]);
  }
}

}  // namespace

TEST_CASE("GPT-2's first 2000 merges give the ids that Hugging Face's tokenizers give") {
  const auto tokenizer = open_tokenizer(golden("gpt2"));
  CHECK(tokenizer->vocabulary_size() == 2257);
  CHECK(tokenizer->special("<|endoftext|>") == 2256);
  check_ids(*tokenizer, "gpt2");
  CHECK(tokenizer->decode(tokenizer->encode(text())) == text());
}

TEST_CASE("what is learned from a text is what Hugging Face's trainer learns, and its file gives the same ids") {
  const auto theirs = open_tokenizer(golden("learned"));
  CHECK(train_bpe(count_words(text()), 700)->json() == theirs->json());
  check_ids(*theirs, "learned");
  CHECK(theirs->decode(theirs->encode(text())) == text());
}

TEST_CASE("BERT's word pieces are those that Hugging Face's tokenizers give") {
  const auto tokenizer = open_tokenizer(golden("bert"));
  CHECK(tokenizer->vocabulary_size() == 4005);
  check_ids(*tokenizer, "bert");
}

}  // namespace primer::data
