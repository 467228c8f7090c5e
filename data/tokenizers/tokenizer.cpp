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

constexpr Symbol no_symbol = symbol_count;  // at a special's id

class CharacterTokenizer final : public Tokenizer {
 public:
  CharacterTokenizer(const std::vector<Symbol>& alphabet, const Specials& specials)
      : Tokenizer(tokens_of(alphabet, specials), specials), alphabet_(alphabet), unknown_(special(unknown_name)) {
    for (const auto& [name, id] : specials) alphabet_[static_cast<std::size_t>(id)] = no_symbol;
    Symbol largest = 0;
    for (const Symbol symbol : alphabet_) largest = std::max(largest, symbol == no_symbol ? 0 : symbol);
    ids_.assign(largest + 1, -1);
    for (std::size_t id = 0; id < alphabet_.size(); ++id) {
      if (alphabet_[id] == no_symbol) continue;
      int& place = ids_[alphabet_[id]];
      if (place >= 0) throw Error(Fault::input, "the vocabulary has " + described(alphabet_[id]) + " twice");
      place = static_cast<int>(id);
    }
  }

  std::string_view kind() const override { return "char"; }
  int unknown() const override { return unknown_; }
  std::shared_ptr<const Tokenizer> with(const std::vector<Symbol>& alphabet) const override {
    std::vector<Symbol> all = alphabet_;
    for (const Symbol symbol : alphabet)
      if (id_of(symbol) < 0) all.push_back(symbol);
    return std::make_shared<CharacterTokenizer>(all, specials());
  }
  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<CharacterEncoder>(*this); }
  std::optional<std::uint64_t> count(const FileFacts& facts) const override { return facts.symbols; }

  std::string json() const override {
    TokenizerJson file;
    std::size_t most = alphabet_.size();  // specials at the end stand outside, but for what the model itself needs
    while (unknown_ < 0 && alphabet_[most - 1] == no_symbol) --most;
    for (std::size_t id = 0; id < most; ++id) {
      const Symbol symbol = alphabet_[id];
      file.names.push_back(symbol == no_symbol ? token_text(static_cast<int>(id))
                           : is_stray(symbol)  ? stray_name(symbol)
                                               : symbol_bytes(symbol));
    }
    if (unknown_ >= 0) file.model = TokenizerJson::bpe(R"("[UNK]")");
    file.decoder = R"({"type":"Fuse"})";
    file.specials = specials();
    return write_tokenizer_json(file);
  }

 private:
  class CharacterEncoder final : public Encoder {
   public:
    explicit CharacterEncoder(const CharacterTokenizer& tokenizer) : tokenizer_(tokenizer) {}
    void feed(std::string_view block, std::vector<int>& ids) override {
      symbols_.feed(block, [&](Symbol symbol, int) { put(symbol, ids); });
    }
    void finish(std::vector<int>& ids) override {
      symbols_.finish([&](Symbol symbol, int) { put(symbol, ids); });
    }

   private:
    void put(Symbol symbol, std::vector<int>& ids) {
      int id = tokenizer_.id_of(symbol);
      if (id < 0) {
        if (unknown_.symbols++ == 0) unknown_.first = described(symbol);
        id = tokenizer_.unknown_;
      }
      if (id >= 0) ids.push_back(id);
    }

    const CharacterTokenizer& tokenizer_;
    SymbolReader symbols_;
  };

  int id_of(Symbol symbol) const { return symbol < ids_.size() ? ids_[symbol] : -1; }

  static std::string described(Symbol symbol) {
    char code[32];
    if (is_stray(symbol)) {
      std::snprintf(code, sizeof code, "the stray byte 0x%02X", symbol - first_stray);
      return code;
    }
    std::snprintf(code, sizeof code, "(U+%04X)", symbol);
    return "the symbol \"" + printable(symbol_bytes(symbol)) + "\" " + code;
  }

  static std::vector<std::string> tokens_of(const std::vector<Symbol>& alphabet, const Specials& specials) {
    if (alphabet.size() == specials.size())
      throw Error(Fault::input, "the vocabulary is empty; give a text with something in it");
    if (alphabet.size() > vocabulary_limit) {
      throw Error(Fault::input, "the text has " + std::to_string(alphabet.size()) + " distinct symbols, the limit is " +
                                    std::to_string(vocabulary_limit) + "; use --tokenizer byte");
    }
    std::vector<std::string> tokens;
    tokens.reserve(alphabet.size());
    for (const Symbol symbol : alphabet) tokens.push_back(symbol == no_symbol ? std::string() : symbol_bytes(symbol));
    return tokens;
  }

  std::vector<Symbol> alphabet_;  // by id; no_symbol where a special stands
  std::vector<int> ids_;          // by symbol; -1 for one that is not in the vocabulary
  int unknown_;
};

class PairTokenizer final : public Tokenizer {
 public:
  PairTokenizer(std::shared_ptr<const Tokenizer> sources, std::shared_ptr<const Tokenizer> targets)
      : Tokenizer(*targets), sources_(std::move(sources)), targets_(std::move(targets)) {}

  const Tokenizer& of_sources() const override { return *sources_; }

  std::string_view kind() const override { return targets_->kind(); }
  int unknown() const override { return targets_->unknown(); }
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

[[noreturn]] void refuse_twice(const std::string& name) {
  throw Error(Fault::usage, "the special token \"" + printable(name.substr(0, 256)) + "\" is given twice");
}

}  // namespace

Tokenizer::Tokenizer(std::vector<std::string> tokens, const std::vector<std::string>& specials)
    : tokens_(std::move(tokens)) {
  for (const std::string& name : specials) {
    check_special_name(name);
    if (!specials_.emplace(name, vocabulary_size()).second) refuse_twice(name);
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

void Unknowns::add(const Unknowns& more) {
  if (symbols == 0) first = more.first;
  symbols += more.symbols;
}

std::string Tokenizer::unknown_note(const Unknowns& found) const {
  if (found.symbols == 0) return {};
  const bool is_one = found.symbols == 1, is_read = unknown() >= 0;
  return (is_one ? found.first + " is" : std::to_string(found.symbols) + " symbols of the text are") +
         " not in the vocabulary and " + (is_one ? "is " : "are ") +
         (is_read ? std::string("read as ") + unknown_name : "left out") +
         (is_one ? "" : ", the first of them " + found.first);
}

std::shared_ptr<const Tokenizer> Tokenizer::with(const std::vector<Symbol>&) const { return nullptr; }

std::vector<int> Tokenizer::encode(std::string_view text, Unknowns* unknown) const {
  std::vector<int> ids;
  const auto encoding = encoder();
  encoding->feed(text, ids);
  encoding->finish(ids);
  if (unknown) unknown->add(encoding->unknown());
  return ids;
}

std::vector<int> Tokenizer::encode_with_specials(std::string_view text, Unknowns* unknown) const {
  std::vector<int> ids;
  const auto plain = [&](std::string_view part) {
    const std::vector<int> some = encode(part, unknown);
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

std::shared_ptr<const Tokenizer> make_character_tokenizer(std::vector<Symbol> alphabet,
                                                          const std::vector<std::string>& specials) {
  Specials ids;
  for (const std::string& name : specials) {
    if (!ids.emplace(name, static_cast<int>(alphabet.size())).second) refuse_twice(name);
    alphabet.push_back(no_symbol);
  }
  return character_tokenizer_by_id(alphabet, ids);
}

std::shared_ptr<const Tokenizer> character_tokenizer_by_id(const std::vector<Symbol>& alphabet,
                                                           const Specials& specials) {
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
