// A tokenizer.json, a NUL byte, and a text. What is accepted is written as it would be read, and loses no byte of a
// text that its vocabulary covers.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer.h"
#include "tests/fuzz/oracle.h"

using namespace primer;
using data::Tokenizer;

namespace {

void check_vocabulary(const Tokenizer& tokenizer) {
  const int size = tokenizer.vocabulary_size();
  fuzz::demand(size > 0 && size < 1 << 21, "the vocabulary has a size that makes sense");
  const int ordinary = size - static_cast<int>(tokenizer.specials().size());
  for (const auto& [name, id] : tokenizer.specials()) {
    fuzz::demand(id >= ordinary && id < size && tokenizer.token_text(id) == name, "specials are the last ids");
  }
  for (int id = 0; id < ordinary; ++id) {
    const std::vector<int> ids = tokenizer.encode(tokenizer.token_text(id));
    fuzz::demand(ids == std::vector<int>{id}, "a token's text is encoded as this token");
  }
  fuzz::accepts({autograd::Fault::usage}, [&] {
    tokenizer.token_text(size);
    fuzz::demand(false, "there is no id beyond the last");
  });
}

void check_text(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text) {
  std::vector<int> ids;
  if (!fuzz::accepts({autograd::Fault::input}, [&] { ids = tokenizer->encode(text); })) return;
  fuzz::demand(tokenizer->decode(ids) == text, "decoding gives the text back");
  std::vector<int> in_pieces;
  const auto encoder = tokenizer->encoder();
  for (std::size_t i = 0; i < text.size(); i += 1 + i % 3) encoder->feed(text.substr(i, 1 + i % 3), in_pieces);
  encoder->finish(in_pieces);
  fuzz::demand(in_pieces == ids, "the cuts between blocks change nothing");
  data::StreamDecoder decoder(tokenizer);
  std::string streamed;
  for (const int id : ids) streamed += decoder.feed(id);
  streamed += decoder.finish();
  fuzz::demand(streamed == text, "streaming gives the text back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());  // JSON holds no NUL
  std::shared_ptr<const Tokenizer> tokenizer;
  if (!fuzz::accepts({autograd::Fault::input},
                     [&] { tokenizer = data::parse_tokenizer(bytes.substr(0, end), "t.json"); })) {
    return 0;
  }
  const std::string json = tokenizer->json();
  fuzz::demand(data::parse_tokenizer(json, "again")->json() == json, "what was written reads back the same");
  check_vocabulary(*tokenizer);
  check_text(tokenizer, bytes.substr(std::min(end + 1, bytes.size())));
  return 0;
}
