#include "data/tokenizer_json.h"

#include <cstdio>
#include <optional>

#include "data/strict_json.h"
#include "data/tokenizer.h"

namespace primer::data {

namespace {

constexpr std::uint64_t file_limit = 64u << 20;    // bytes
constexpr std::size_t vocabulary_limit = 1u << 20;
constexpr std::size_t token_limit = 4096;          // bytes
constexpr std::size_t setting_limit = 1000;
constexpr std::size_t special_limit = 1000;

using Kind = JsonValue::Kind;
using Settings = std::map<std::string, std::string>;  // "model.type" -> "\"BPE\""

std::string spelt(const JsonValue& value) {
  switch (value.kind) {
    case Kind::object: return "{}";
    case Kind::array: return "[]";
    case Kind::string: return json_quoted(value.text);
    case Kind::integer: return std::to_string(value.integer);
    case Kind::number: return "a number";
    case Kind::boolean: return value.boolean ? "true" : "false";
    default: return "null";
  }
}

struct AddedToken {
  std::optional<std::uint64_t> id;
  std::optional<std::string> content;
};

/// An ordinary token. Both kinds of tokenizer have tokens of one symbol.
struct Token {
  std::uint32_t id;
  Symbol symbol;
};

/// What a tokenizer.json says, before it is judged.
struct Contents {
  std::vector<Token> vocabulary;
  std::vector<AddedToken> added;
  Settings settings;  // everything else
};

/// The symbol that a token is named after.
Symbol symbol_named(const std::string& name) {
  const Decoded whole = name.empty() ? Decoded{} : decode_symbol(name, true);
  if (!name.empty() && static_cast<std::size_t>(whole.width) == name.size() && !is_stray(whole.symbol)) {
    return whole.symbol;
  }
  for (Symbol symbol = first_stray + 0x80; symbol < symbol_count; ++symbol) {
    if (name == stray_name(symbol)) return symbol;
  }
  throw JsonError("the token \"" + printable(name.substr(0, 100)) + "\" is neither one character nor a stray byte");
}

/// Sorts one value of the file to its place.
void take(const JsonPath& at, const JsonValue& value, Contents& out) {
  if (at.size() == 3 && at[0] == "model" && at[1] == "vocab") {
    if (value.kind != Kind::integer) throw JsonError("a token's id is not a whole number");
    if (out.vocabulary.size() == vocabulary_limit) throw JsonError("the vocabulary is too large");
    if (value.integer >= vocabulary_limit) {
      throw JsonError("the ids of the tokens have a gap: one is " + std::to_string(value.integer));
    }
    out.vocabulary.push_back({static_cast<std::uint32_t>(value.integer), symbol_named(at[2])});
  } else if (at.size() >= 2 && at[0] == "added_tokens") {
    if (at.size() == 2) {
      if (value.kind != Kind::object) throw JsonError("an added token is not an object");
      if (out.added.size() == special_limit) throw JsonError("there are too many added tokens");
      out.added.emplace_back();
    } else if (at[2] == "id" && value.kind == Kind::integer) {
      out.added.back().id = value.integer;
    } else if (at[2] == "content" && value.kind == Kind::string) {
      out.added.back().content = value.text;
    } else if (value.kind != Kind::boolean || value.boolean != (at[2] == "special") ||
               (at[2] != "special" && at[2] != "single_word" && at[2] != "lstrip" && at[2] != "rstrip" &&
                at[2] != "normalized")) {
      throw JsonError("an added token has \"" + printable(at[2].substr(0, 100)) + "\": " +
                      printable(spelt(value).substr(0, 100)) + ", which this program does not know");
    }
  } else {
    std::string key;
    for (const std::string& part : at) key += (key.empty() ? "" : ".") + part;
    if (key.size() > token_limit || out.settings.size() == setting_limit) throw JsonError("it has too many settings");
    out.settings[key] = spelt(value);
  }
}

Contents contents_of(std::string_view json) {
  Contents contents;
  read_json(json, {.keys = vocabulary_limit, .string = token_limit},
            [&](const JsonPath& at, const JsonValue& value) { take(at, value, contents); });
  return contents;
}

std::shared_ptr<const Tokenizer> tokenizer_from(const Contents& contents) {
  const auto setting = [&](const char* key) {
    const auto found = contents.settings.find(key);
    return found == contents.settings.end() ? std::string() : found->second;
  };
  if (setting("model.type") != "\"BPE\"") {
    throw JsonError("its model is " + printable(setting("model.type").substr(0, 100)) + ", \"BPE\" was expected");
  }
  const std::size_t size = contents.vocabulary.size();
  constexpr Symbol none = symbol_count;
  std::vector<Symbol> alphabet(size, none);  // by id
  for (const auto& [id, symbol] : contents.vocabulary) {
    if (id >= size) throw JsonError("the ids of " + std::to_string(size) + " tokens have a gap: one is " +
                                    std::to_string(id));
    if (alphabet[id] != none) throw JsonError("two tokens have the id " + std::to_string(id));
    alphabet[id] = symbol;
  }
  std::vector<std::string> specials;
  for (const AddedToken& token : contents.added) {
    if (!token.id || !token.content) throw JsonError("an added token lacks its id or its content");
    if (*token.id != size + specials.size()) {
      throw JsonError("an added token has the id " + std::to_string(*token.id) + ", " +
                      std::to_string(size + specials.size()) + " was expected");
    }
    specials.push_back(*token.content);
  }

  if (setting("pre_tokenizer.type") == "\"ByteLevel\"") {
    if (size != 256) throw JsonError("a byte vocabulary has 256 tokens, not " + std::to_string(size));
    for (int byte = 0; byte < 256; ++byte) {
      if (alphabet[static_cast<std::size_t>(byte)] != byte_level_symbol(static_cast<unsigned char>(byte))) {
        throw JsonError("the token " + std::to_string(byte) + " is not that of the byte " + std::to_string(byte));
      }
    }
    return make_byte_tokenizer(specials);
  }
  if (setting("pre_tokenizer") != "null") throw JsonError("it cuts text in a way this program does not know");
  return make_character_tokenizer(alphabet, specials);
}

}  // namespace

Symbol byte_level_symbol(unsigned char byte) {
  const auto printable_byte = [](int b) {
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
  };
  if (printable_byte(byte)) return byte;
  Symbol symbol = 0x100;
  for (int b = 0; b < byte; ++b) symbol += printable_byte(b) ? 0 : 1;
  return symbol;
}

std::string stray_name(Symbol symbol) {
  char name[16];
  std::snprintf(name, sizeof name, "<0x%02X>", symbol - first_stray);
  return name;
}

std::string write_tokenizer_json(const std::vector<std::string>& names, std::string_view pre_tokenizer,
                                 std::string_view decoder, const std::map<std::string, int, std::less<>>& specials) {
  std::vector<std::string> by_id(specials.size());
  for (const auto& [name, id] : specials) by_id[static_cast<std::size_t>(id) - names.size()] = name;

  std::string out = "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\n\"added_tokens\":[";
  for (std::size_t i = 0; i < by_id.size(); ++i) {
    out += (i == 0 ? "\n" : ",\n");
    out += "{\"id\":" + std::to_string(names.size() + i) + ",\"content\":" + json_quoted(by_id[i]) +
           ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}";
  }
  out += "],\n\"normalizer\":null,\n\"pre_tokenizer\":" + std::string(pre_tokenizer) +
         ",\n\"post_processor\":null,\n\"decoder\":" + std::string(decoder) +
         ",\n\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,"
         "\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\"vocab\":{";
  for (std::size_t id = 0; id < names.size(); ++id) {
    out += (id == 0 ? "\n" : ",\n");
    out += json_quoted(names[id]) + ":" + std::to_string(id);
  }
  return out + "},\n\"merges\":[]}}\n";
}

std::shared_ptr<const Tokenizer> parse_tokenizer(std::string_view json, const std::string& path) {
  try {
    const Contents contents = contents_of(json);
    auto tokenizer = tokenizer_from(contents);
    // Whatever else the file says must be what this program would have written: nothing is read and then ignored.
    const auto alike = tokenizer->kind() == "byte" ? make_byte_tokenizer() : make_character_tokenizer({'a'});
    const Settings expected = contents_of(alike->json()).settings;
    for (const auto& [key, value] : contents.settings) {
      const auto found = expected.find(key);
      if (found == expected.end() || found->second != value) {
        throw JsonError("its setting " + printable(key.substr(0, 100)) + " is " + printable(value.substr(0, 100)) +
                        (found == expected.end() ? "" : ", " + found->second + " was expected"));
      }
    }
    return tokenizer;
  } catch (const JsonError& error) {
    throw Error(Fault::input, "'" + printable(path) + "' is not a tokenizer this program can use: " + error.what());
  } catch (const Error& error) {
    throw Error(Fault::input, "'" + printable(path) + "' is not a tokenizer this program can use: " + error.what());
  }
}

std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& path) {
  return parse_tokenizer(read_file(path, file_limit), path);
}

}  // namespace primer::data
