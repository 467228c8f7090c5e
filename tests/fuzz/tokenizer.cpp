// A tokenizer.json, a NUL byte, and a text; or the byte 1, a vocab.json, NUL, a merges.txt, NUL and a text; or the byte
// 2, a vocab.txt, NUL and a text. What is accepted is written as it would be read, and loses no byte of a text that its
// vocabulary covers, unless it is WordPiece's.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/tokenizer_files.h"
#include "tests/fuzz/oracle.h"

using namespace primer;
using data::Tokenizer;

namespace {

void check_vocabulary(const Tokenizer& tokenizer) {
  const int size = tokenizer.vocabulary_size();
  fuzz::demand(size > 0 && size < 1 << 21, "the vocabulary has a size that makes sense");
  const int ordinary = size - static_cast<int>(tokenizer.specials().size());
  const bool is_simple = tokenizer.kind() == "byte" || tokenizer.kind() == "char";
  for (const auto& [name, id] : tokenizer.specials()) {
    fuzz::demand(id >= 0 && id < size && tokenizer.token_text(id) == name, "specials are tokens");
    fuzz::demand(id >= ordinary || tokenizer.kind() != "byte", "specials are the last ids");
    fuzz::demand(tokenizer.encode_with_specials(name) == std::vector<int>{id}, "a special's name stands for it");
  }
  for (int id = 0; id < size && is_simple; ++id) {
    if (tokenizer.special(tokenizer.token_text(id)) == id) continue;
    const std::vector<int> ids = tokenizer.encode(tokenizer.token_text(id));
    fuzz::demand(ids == std::vector<int>{id}, "a token's text is encoded as this token");
  }
  fuzz::accepts({autograd::Fault::usage}, [&] {
    tokenizer.token_text(size);
    fuzz::demand(false, "there is no id beyond the last");
  });
}

void check_text(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text) {
  data::Unknowns unknown;
  const std::vector<int> ids = tokenizer->encode(text, &unknown);
  const bool comes_back = tokenizer->is_lossless() && unknown.symbols == 0;
  fuzz::demand(tokenizer->kind() == "char" || unknown.symbols == 0, "all but characters read any text");
  fuzz::demand(tokenizer->decode(ids) == text || !comes_back, "decoding gives the text back");
  std::vector<int> in_pieces;
  const auto encoder = tokenizer->encoder();
  for (std::size_t i = 0; i < text.size(); i += 1 + i % 3) encoder->feed(text.substr(i, 1 + i % 3), in_pieces);
  encoder->finish(in_pieces);
  fuzz::demand(in_pieces == ids, "the cuts between blocks change nothing");
  data::StreamDecoder decoder(tokenizer);
  std::string streamed;
  for (const int id : ids) streamed += decoder.feed(id);
  streamed += decoder.finish();
  fuzz::demand(streamed == text || !comes_back, "streaming gives the text back");
}

// What stands before the next NUL, taken from the front of `bytes`.
std::string_view next_part(std::string_view& bytes) {
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());
  const std::string_view part = bytes.substr(0, end);
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
  return part;
}

std::shared_ptr<const Tokenizer> parse(std::string_view& bytes) {
  const char form = bytes.empty() ? '\0' : bytes.front();
  if (form != 1 && form != 2) return data::parse_tokenizer(next_part(bytes), "t.json");
  bytes.remove_prefix(1);
  const std::string_view vocabulary = next_part(bytes);
  if (form == 2) return data::parse_wordpiece_vocabulary(vocabulary, "vocab.txt");
  return data::parse_vocabulary_and_merges(vocabulary, next_part(bytes), "vocab.json", "merges.txt");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::shared_ptr<const Tokenizer> tokenizer;
  if (!fuzz::accepts({autograd::Fault::input}, [&] { tokenizer = parse(bytes); })) return 0;
  const std::string json = tokenizer->json();
  fuzz::demand(data::parse_tokenizer(json, "again")->json() == json, "what was written reads back the same");
  check_vocabulary(*tokenizer);
  check_text(tokenizer, bytes);
  return 0;
}
