#include "data/tokenizers/bpe_tokenizer.h"

#include <unordered_map>

#include "data/bytes/strict_json.h"
#include "data/tokenizers/bpe_encoder.h"
#include "data/tokenizers/byte_level.h"
#include "data/tokenizers/tokenizer_json.h"

namespace primer::data {

namespace {

std::string quoted(std::string_view name) { return "\"" + printable(name.substr(0, 100)) + "\""; }

std::vector<std::uint32_t> lengths_of(const std::vector<std::string>& tokens) {
  std::vector<std::uint32_t> lengths;
  for (const std::string& token : tokens) lengths.push_back(static_cast<std::uint32_t>(token.size()));
  return lengths;
}

class BpeTokenizer final : public Tokenizer {
 public:
  BpeTokenizer(BpeVocabulary vocabulary, const std::array<int, 256>& bytes)
      : Tokenizer(vocabulary.tokens, vocabulary.specials),
        lengths_(lengths_of(vocabulary.tokens)),
        table_(std::move(vocabulary.merges), lengths_, bytes) {}

  std::string_view kind() const override { return "bpe"; }
  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<BpeEncoder>(table_, lengths_); }
  std::optional<std::uint64_t> count(const FileFacts& facts) const override { return facts.tokens; }

  std::string json() const override {
    TokenizerJson file;
    for (int id = 0; id < vocabulary_size(); ++id) file.names.push_back(byte_level_name(token_text(id)));
    for (const auto& [name, id] : specials()) file.names[static_cast<std::size_t>(id)] = name;
    file.specials = specials();
    const auto name_of = [&](int id) -> const std::string& { return file.names[static_cast<std::size_t>(id)]; };
    file.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";
    file.post_processor = R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true})";
    file.decoder = R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true})";
    std::string& merges = *file.merges;
    for (const Merge& merge : table_.merges()) {
      merges += (merges.empty() ? "\n" : ",\n") + json_quoted(name_of(merge.left) + " " + name_of(merge.right));
    }
    return write_tokenizer_json(file);
  }

 private:
  std::vector<std::uint32_t> lengths_;  // [tokens], bytes
  MergeTable table_;
};

/// The token of every byte string that is one.
std::unordered_map<std::string_view, int> ids_by_bytes(const BpeVocabulary& vocabulary) {
  std::vector<bool> special(vocabulary.tokens.size());
  for (const auto& [name, id] : vocabulary.specials) special[static_cast<std::size_t>(id)] = true;
  std::unordered_map<std::string_view, int> ids;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& token = vocabulary.tokens[id];
    if (special[id]) continue;
    if (token.empty() || token.size() > longest_bpe_token) {
      throw Error(Fault::input, "the token " + std::to_string(id) + " has " + std::to_string(token.size()) +
                                    " bytes, 1 to " + std::to_string(longest_bpe_token) + " are allowed");
    }
    const auto [place, fresh] = ids.emplace(token, static_cast<int>(id));
    if (!fresh) {
      throw Error(Fault::input, "the tokens " + std::to_string(place->second) + " and " + std::to_string(id) +
                                    " are the same: " + quoted(token));
    }
  }
  return ids;
}

}  // namespace

BpeVocabulary spelt_vocabulary(const std::vector<std::string>& names, const std::vector<NamedMerge>& merges,
                               const Specials& specials) {
  BpeVocabulary vocabulary;
  vocabulary.specials = specials;
  std::unordered_map<std::string_view, int> ids;
  for (const std::string& name : names) {
    const auto special = specials.find(name);
    const bool is_special = special != specials.end() && special->second == static_cast<int>(ids.size());
    const auto bytes = is_special ? std::optional<std::string>("") : byte_level_bytes(name);
    if (!bytes) {
      throw Error(Fault::input, "the token " + quoted(name) + " is not spelt in GPT-2's byte alphabet");
    }
    vocabulary.tokens.push_back(*bytes);
    if (!ids.emplace(name, static_cast<int>(ids.size())).second) {
      throw Error(Fault::input, "the token " + quoted(name) + " is given twice");
    }
  }
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto id = [&](const std::string& name) {
      const auto found = ids.find(name);
      if (found != ids.end() && !specials.contains(name)) return found->second;
      throw Error(Fault::input, "the merge " + std::to_string(rank + 1) + " names " + quoted(name) +
                                    ", which is not a token of the vocabulary");
    };
    const int left = id(merges[rank].left), right = id(merges[rank].right);
    vocabulary.merges.push_back({left, right, -1});
  }
  return vocabulary;
}

std::shared_ptr<const Tokenizer> make_bpe_tokenizer(BpeVocabulary vocabulary) {
  const auto ids = ids_by_bytes(vocabulary);
  for (const auto& [name, id] : vocabulary.specials) {
    const auto piece = byte_level_bytes(name);
    if (piece && ids.contains(*piece)) {
      throw Error(Fault::usage, "the special token " + quoted(name) + " has the name of a piece of the vocabulary");
    }
  }
  std::array<int, 256> bytes{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const char character = static_cast<char>(static_cast<unsigned char>(byte));
    const auto found = ids.find(std::string_view(&character, 1));
    if (found == ids.end()) {
      throw Error(Fault::input, "the byte " + quoted(std::string(1, character)) +
                                    " has no token, so that some texts could not be encoded");
    }
    bytes[byte] = found->second;
  }
  std::unordered_map<std::uint64_t, std::size_t> ranks;  // by left << 32 | right
  for (std::size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    Merge& merge = vocabulary.merges[rank];
    const std::string made = vocabulary.tokens[static_cast<std::size_t>(merge.left)] +
                             vocabulary.tokens[static_cast<std::size_t>(merge.right)];
    const auto found = ids.find(made);
    if (found == ids.end()) {
      throw Error(Fault::input, "the merge " + std::to_string(rank + 1) + " makes " + quoted(byte_level_name(made)) +
                                    ", which is not a token of the vocabulary");
    }
    merge.product = found->second;
    const std::uint64_t pair =
        std::uint64_t{static_cast<std::uint32_t>(merge.left)} << 32 | static_cast<std::uint32_t>(merge.right);
    if (const auto [place, fresh] = ranks.emplace(pair, rank); !fresh) {
      throw Error(Fault::input, "the merges " + std::to_string(place->second + 1) + " and " + std::to_string(rank + 1) +
                                    " are the same");
    }
  }
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), bytes);
}

}  // namespace primer::data
