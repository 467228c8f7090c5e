#include "data/tokenizers/tokenizer.h"

#include <algorithm>
#include <cstdio>

#include "data/bytes/checksum.h"
#include "data/tokenizers/byte_level.h"
#include "data/tokenizers/tokenizer_contents.h"
#include "data/tokenizers/tokenizer_json.h"

namespace primer::data {

namespace {

class ByteEncoder final : public Encoder {
 public:
  void feed(std::string_view block, std::vector<int>& ids) override {
    for (const char c : block) ids.push_back(static_cast<unsigned char>(c));
  }
  void finish(std::vector<int>&) override {}
};

class ByteTokenizer final : public Tokenizer {
 public:
  explicit ByteTokenizer(const std::vector<std::string>& specials) : Tokenizer(all_bytes(), specials) {}

  std::string_view kind() const override { return "byte"; }
  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<ByteEncoder>(); }
  std::optional<std::uint64_t> count(const FileFacts& facts) const override { return facts.bytes; }

  std::string json() const override {
    TokenizerJson file;
    for (int byte = 0; byte < 256; ++byte) {
      file.names.push_back(symbol_bytes(byte_level_symbol(static_cast<unsigned char>(byte))));
    }
    file.pre_tokenizer = file.decoder =
        R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false})";
    file.specials = specials();
    return write_tokenizer_json(file);
  }

 private:
  static std::vector<std::string> all_bytes() {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(static_cast<unsigned char>(byte)));
    return tokens;
  }
};

class CharacterTokenizer final : public Tokenizer {
 public:
  CharacterTokenizer(const std::vector<Symbol>& alphabet, const std::vector<std::string>& specials)
      : Tokenizer(tokens_of(alphabet, specials.size()), specials), alphabet_(alphabet) {
    Symbol largest = 0;
    for (const Symbol symbol : alphabet) largest = std::max(largest, symbol);
    ids_.assign(largest + 1, -1);
    for (std::size_t id = 0; id < alphabet.size(); ++id) {
      int& place = ids_[alphabet[id]];
      if (place >= 0) throw Error(Fault::input, "the vocabulary has " + described(alphabet[id]) + " twice");
      place = static_cast<int>(id);
    }
  }

  std::string_view kind() const override { return "char"; }
  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<CharacterEncoder>(*this); }
  std::optional<std::uint64_t> count(const FileFacts& facts) const override { return facts.symbols; }

  std::string json() const override {
    TokenizerJson file;
    for (const Symbol symbol : alphabet_) {
      file.names.push_back(is_stray(symbol) ? stray_name(symbol) : symbol_bytes(symbol));
    }
    file.decoder = R"({"type":"Fuse"})";
    file.specials = specials();
    return write_tokenizer_json(file);
  }

 private:
  class CharacterEncoder final : public Encoder {
   public:
    explicit CharacterEncoder(const CharacterTokenizer& tokenizer) : tokenizer_(tokenizer) {}
    void feed(std::string_view block, std::vector<int>& ids) override {
      symbols_.feed(block, [&](Symbol symbol, int width) { put(symbol, width, ids); });
    }
    void finish(std::vector<int>& ids) override {
      symbols_.finish([&](Symbol symbol, int width) { put(symbol, width, ids); });
    }

   private:
    void put(Symbol symbol, int width, std::vector<int>& ids) {
      const int id = symbol < tokenizer_.ids_.size() ? tokenizer_.ids_[symbol] : -1;
      if (id < 0) {
        throw Error(Fault::input, described(symbol) + " at byte " + std::to_string(offset_) +
                                      " is not in the vocabulary of " + std::to_string(tokenizer_.alphabet_.size()) +
                                      " symbols; leave it out, or train with --tokenizer byte, which takes any text");
      }
      ids.push_back(id);
      offset_ += static_cast<std::uint64_t>(width);
    }

    const CharacterTokenizer& tokenizer_;
    SymbolReader symbols_;
    std::uint64_t offset_ = 0;  // bytes encoded
  };

  static std::string described(Symbol symbol) {
    char code[32];
    if (is_stray(symbol)) {
      std::snprintf(code, sizeof code, "the stray byte 0x%02X", symbol - first_stray);
      return code;
    }
    std::snprintf(code, sizeof code, "(U+%04X)", symbol);
    return "the symbol \"" + printable(symbol_bytes(symbol)) + "\" " + code;
  }

  static std::vector<std::string> tokens_of(const std::vector<Symbol>& alphabet, std::size_t specials) {
    if (alphabet.empty()) throw Error(Fault::input, "the vocabulary is empty; give a text with something in it");
    if (alphabet.size() > vocabulary_limit) {
      throw Error(Fault::input, "the text has " + std::to_string(alphabet.size()) + " distinct symbols, the limit is " +
                                    std::to_string(vocabulary_limit) + "; use --tokenizer byte");
    }
    std::vector<std::string> tokens;
    tokens.reserve(alphabet.size() + specials);
    for (const Symbol symbol : alphabet) tokens.push_back(symbol_bytes(symbol));
    return tokens;
  }

  std::vector<Symbol> alphabet_;  // by id
  std::vector<int> ids_;          // by symbol; -1 for one that is not in the vocabulary
};

class PairTokenizer final : public Tokenizer {
 public:
  PairTokenizer(std::shared_ptr<const Tokenizer> sources, std::shared_ptr<const Tokenizer> targets)
      : Tokenizer(*targets), sources_(std::move(sources)), targets_(std::move(targets)) {}

  const Tokenizer& of_sources() const override { return *sources_; }

  std::string_view kind() const override { return targets_->kind(); }
  bool is_lossless() const override { return targets_->is_lossless(); }
  std::string following_text(int id) const override { return targets_->following_text(id); }
  std::unique_ptr<Encoder> encoder() const override { return targets_->encoder(); }
  std::string decode(std::span<const int> ids) const override { return targets_->decode(ids); }
  std::optional<std::uint64_t> count(const FileFacts& facts) const override { return targets_->count(facts); }
  std::string json() const override { return targets_->json(); }

 private:
  std::shared_ptr<const Tokenizer> sources_, targets_;
};

void check_special_name(const std::string& name) {
  std::size_t symbols = 0;
  each_symbol(name, [&](Symbol symbol, int) { symbols += is_stray(symbol) ? 0 : 1; });
  // Two symbols at least: so no special can be taken for a byte or a character.
  if (symbols < 2 || name.size() > 256 || printable(name) != name || name.starts_with("<0x")) {
    throw Error(Fault::usage, "\"" + printable(name.substr(0, 256)) +
                                  "\" cannot be the name of a special token; "
                                  "give two symbols or more that can be printed, such as [MASK]");
  }
}

}  // namespace

Tokenizer::Tokenizer(std::vector<std::string> tokens, const std::vector<std::string>& specials)
    : tokens_(std::move(tokens)) {
  for (const std::string& name : specials) {
    check_special_name(name);
    if (!specials_.emplace(name, vocabulary_size()).second) {
      throw Error(Fault::usage, "the special token \"" + name + "\" is given twice");
    }
    tokens_.push_back(name);
  }
}

Tokenizer::Tokenizer(std::vector<std::string> tokens, const Specials& specials)
    : tokens_(std::move(tokens)), specials_(specials) {
  for (const auto& [name, id] : specials_) {
    check_special_name(name);
    tokens_.at(static_cast<std::size_t>(id)) = name;
  }
}

const std::string& Tokenizer::token_text(int id) const {
  if (id < 0 || id >= vocabulary_size()) {
    throw Error(Fault::usage, "there is no token " + std::to_string(id) + "; the vocabulary has the ids 0 to " +
                                  std::to_string(vocabulary_size() - 1));
  }
  return tokens_[static_cast<std::size_t>(id)];
}

int Tokenizer::special(std::string_view name) const {
  const auto found = specials_.find(name);
  return found == specials_.end() ? -1 : found->second;
}

std::uint32_t Tokenizer::checksum() const {
  const std::uint32_t own = crc32c(json());
  return has_own_sources() ? crc32c(of_sources().json(), own) : own;
}

std::vector<int> Tokenizer::encode(std::string_view text) const {
  std::vector<int> ids;
  const auto encoding = encoder();
  encoding->feed(text, ids);
  encoding->finish(ids);
  return ids;
}

std::vector<int> Tokenizer::encode_with_specials(std::string_view text) const {
  std::vector<int> ids;
  const auto plain = [&](std::string_view part) {
    const std::vector<int> some = encode(part);
    ids.insert(ids.end(), some.begin(), some.end());
  };
  std::size_t begin = 0;  // of what is not yet encoded
  for (std::size_t at = 0; at < text.size();) {
    const std::pair<const std::string, int>* longest = nullptr;
    for (const auto& special : specials_) {
      const bool fits = text.substr(at).starts_with(special.first);
      if (fits && (!longest || special.first.size() > longest->first.size())) longest = &special;
    }
    if (!longest) {
      ++at;
      continue;
    }
    plain(text.substr(begin, at - begin));
    ids.push_back(longest->second);
    begin = at += longest->first.size();
  }
  plain(text.substr(begin));
  return ids;
}

std::string Tokenizer::decode(std::span<const int> ids) const {
  std::string text;
  for (const int id : ids) text += text.empty() ? token_text(id) : following_text(id);
  return text;
}

std::shared_ptr<const Tokenizer> make_byte_tokenizer(const std::vector<std::string>& specials) {
  return std::make_shared<ByteTokenizer>(specials);
}

std::shared_ptr<const Tokenizer> make_character_tokenizer(const std::vector<Symbol>& alphabet,
                                                          const std::vector<std::string>& specials) {
  return std::make_shared<CharacterTokenizer>(alphabet, specials);
}

std::shared_ptr<const Tokenizer> make_pair_tokenizer(std::shared_ptr<const Tokenizer> sources,
                                                     std::shared_ptr<const Tokenizer> targets) {
  return std::make_shared<PairTokenizer>(std::move(sources), std::move(targets));
}

std::string StreamDecoder::feed(int id) {
  std::string text;
  symbols_.feed(tokenizer_->following_text(id), [&](Symbol symbol, int) { append_symbol(text, symbol); });
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  symbols_.finish([&](Symbol symbol, int) { append_symbol(text, symbol); });
  return text;
}

}  // namespace primer::data
