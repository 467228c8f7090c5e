#include "data/tokenizers/tokenizer_json.h"

#include <algorithm>
#include <cstdio>

#include "data/bytes/strict_json.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "data/tokenizers/byte_level.h"
#include "data/tokenizers/tokenizer_contents.h"
#include "data/tokenizers/wordpiece_tokenizer.h"

namespace primer::data {

namespace {

std::string shown(const std::string& text) { return printable(text.substr(0, 100)); }

/// The symbol that a token of the character tokenizer is named after.
Symbol symbol_named(const std::string& name) {
  const Decoded whole = name.empty() ? Decoded{} : decode_symbol(name, true);
  if (!name.empty() && static_cast<std::size_t>(whole.width) == name.size() && !is_stray(whole.symbol)) {
    return whole.symbol;
  }
  for (Symbol symbol = first_stray + 0x80; symbol < symbol_count; ++symbol) {
    if (name == stray_name(symbol)) return symbol;
  }
  throw JsonError("the token \"" + shown(name) + "\" is neither one character nor a stray byte");
}

/// Adds the special tokens to the names: each is the vocabulary's own, or follows it.
Specials take_specials(const std::vector<AddedToken>& added, std::vector<std::string>& names) {
  Specials specials;
  for (const AddedToken& token : added) {
    if (!token.id || !token.content) throw JsonError("an added token lacks its id or its content");
    const bool follows = *token.id == names.size();
    if (*token.id > names.size() || (!follows && names[*token.id] != *token.content)) {
      throw JsonError("the added token \"" + shown(*token.content) + "\" has the id " + std::to_string(*token.id) +
                      ", which is neither its own in the vocabulary nor the one after it, " +
                      std::to_string(names.size()));
    }
    if (follows) names.push_back(*token.content);
    if (!specials.emplace(*token.content, static_cast<int>(*token.id)).second) {
      throw JsonError("the added token \"" + shown(*token.content) + "\" is given twice");
    }
  }
  return specials;
}

std::vector<std::string> following(const Specials& specials, std::size_t vocabulary) {
  std::vector<std::string> names(specials.size());
  for (const auto& [name, id] : specials) {
    const std::size_t place = static_cast<std::size_t>(id) - vocabulary;
    if (place >= names.size()) throw JsonError("a special token is not behind the vocabulary");
    names[place] = name;
  }
  return names;
}

std::shared_ptr<const Tokenizer> byte_tokenizer_from(const std::vector<std::string>& names, std::size_t size,
                                                     const Specials& specials) {
  const std::vector<std::string> behind = following(specials, size);
  if (size != 256) throw JsonError("a byte vocabulary has 256 tokens, not " + std::to_string(size));
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (names[byte] != symbol_bytes(byte_level_symbol(static_cast<unsigned char>(byte)))) {
      throw JsonError("the token " + std::to_string(byte) + " is not that of the byte " + std::to_string(byte));
    }
  }
  return make_byte_tokenizer(behind);
}

std::shared_ptr<const Tokenizer> character_tokenizer_from(const std::vector<std::string>& names,
                                                          const Specials& specials) {
  std::vector<Symbol> alphabet(names.size(), 0);  // by id, 0 where a special token stands
  std::vector<bool> is_special(names.size());
  for (const auto& [name, id] : specials) is_special[static_cast<std::size_t>(id)] = true;
  for (std::size_t id = 0; id < names.size(); ++id)
    if (!is_special[id]) alphabet[id] = symbol_named(names[id]);
  return character_tokenizer_by_id(alphabet, specials);
}

/// The type of a part that is an object, for a message; "none" for null.
std::string kind_of(const TokenizerContents& contents, const std::string& part) {
  const std::string type = contents.setting(part + ".type");
  return type.empty() ? "none" : shown(type);
}

std::shared_ptr<const Tokenizer> tokenizer_from(TokenizerContents& contents) {
  // Old files leave the model's type out; then it is told by what only one type has.
  std::string type = contents.setting("model.type");
  if (type.empty() && contents.settings.contains("model.merges")) type = "\"BPE\"";
  if (type.empty() && contents.settings.contains("model.max_input_chars_per_word")) type = "\"WordPiece\"";
  if (type != "\"BPE\"" && type != "\"WordPiece\"") {
    throw JsonError("its model is " + (type.empty() ? "of an unknown type" : shown(type)) +
                    "; \"BPE\" and \"WordPiece\" are read");
  }
  std::vector<std::string> names = names_by_id(std::move(contents.vocabulary));
  const std::size_t size = names.size();
  const Specials specials = take_specials(contents.added, names);
  if (type == "\"WordPiece\"") return wordpiece_tokenizer_from(contents, std::move(names), specials);
  const std::string cutting = contents.setting("pre_tokenizer.type");
  if (cutting == "\"ByteLevel\"" && contents.setting("pre_tokenizer.use_regex") != "false") {
    return make_bpe_tokenizer(spelt_vocabulary(names, contents.merges, specials));
  }
  if (!contents.merges.empty()) {
    throw JsonError("it has merges, but does not cut text as GPT-2 does: its pre_tokenizer is " +
                    kind_of(contents, "pre_tokenizer") + ", \"ByteLevel\" with use_regex was expected");
  }
  if (cutting == "\"ByteLevel\"") return byte_tokenizer_from(names, size, specials);
  if (contents.setting("pre_tokenizer") != "null") {
    throw JsonError("it cuts text in a way this program does not know: its pre_tokenizer is " +
                    kind_of(contents, "pre_tokenizer"));
  }
  return character_tokenizer_from(names, specials);
}

/// Other spellings than ours that mean the same.
bool means_the_same(std::string_view kind, const std::string& key, const std::string& value) {
  for (const char* const part : {"truncation", "padding", "post_processor"}) {
    if (key == part || (key.starts_with(part) && key[std::string_view(part).size()] == '.')) return true;
  }
  if (kind == "wordpiece") {
    return key == "decoder.cleanup" ||         // looks only
           key == "normalizer.strip_accents";  // null is the same as lowercase's value, and was read
  }
  if (kind != "bpe") return false;
  // Every byte has a token, so that nothing is unknown; the decoder never adds a space; offsets are not asked for.
  return key == "model.unk_token" || key == "model.fuse_unk" || key == "decoder.add_prefix_space" ||
         key == "decoder.trim_offsets" || key == "decoder.use_regex" || key == "pre_tokenizer.trim_offsets" ||
         ((key == "model.continuing_subword_prefix" || key == "model.end_of_word_suffix") && value == "\"\"");
}

/// Whatever else the file says must be what this program would have written: nothing is read and then ignored.
void check_settings(const TokenizerContents& contents, const Tokenizer& tokenizer) {
  const TokenizerContents ours = read_tokenizer_json(tokenizer.json());
  for (const char* const part : {"normalizer", "pre_tokenizer", "decoder"}) {
    const bool is_left_out = contents.setting(part) != "null" && contents.setting(part + std::string(".type")).empty();
    if (is_left_out || kind_of(contents, part) == kind_of(ours, part)) continue;
    throw JsonError("its " + std::string(part) + " is " + kind_of(contents, part) + ", " + kind_of(ours, part) +
                    " was expected");
  }
  const auto& expected = ours.settings;
  for (const auto& [key, value] : contents.settings) {
    if (means_the_same(tokenizer.kind(), key, value)) continue;
    const auto found = expected.find(key);
    if (found == expected.end() || found->second != value) {
      throw JsonError("its setting " + shown(key) + " is " + shown(value) +
                      (found == expected.end() ? "" : ", " + found->second + " was expected"));
    }
  }
}

}  // namespace

std::string stray_name(Symbol symbol) {
  char name[16];
  std::snprintf(name, sizeof name, "<0x%02X>", symbol - first_stray);
  return name;
}

std::string write_tokenizer_json(const TokenizerJson& file) {
  std::vector<std::pair<int, std::string>> specials;  // by id
  for (const auto& [name, id] : file.specials) specials.emplace_back(id, name);
  std::sort(specials.begin(), specials.end());

  std::string out = "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\n\"added_tokens\":[";
  for (std::size_t i = 0; i < specials.size(); ++i) {
    out += (i == 0 ? "\n" : ",\n");
    out += "{\"id\":" + std::to_string(specials[i].first) + ",\"content\":" + json_quoted(specials[i].second) +
           ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}";
  }
  out += "],\n\"normalizer\":" + file.normalizer + ",\n\"pre_tokenizer\":" + file.pre_tokenizer +
         ",\n\"post_processor\":" + file.post_processor + ",\n\"decoder\":" + file.decoder + ",\n\"model\":{" +
         file.model + ",\"vocab\":{";
  for (std::size_t id = 0; id < file.names.size(); ++id) {
    out += (id == 0 ? "\n" : ",\n");
    out += json_quoted(file.names[id]) + ":" + std::to_string(id);
  }
  out += file.merges ? "},\n\"merges\":[" + *file.merges + "]}}\n" : "}}}\n";
  if (specials.size() > special_limit || out.size() > tokenizer_file_limit) {
    throw Error(Fault::input, "the tokenizer is too large for a file: it would have " + std::to_string(out.size()) +
                                  " bytes and " + std::to_string(specials.size()) + " special tokens, the limits are " +
                                  std::to_string(tokenizer_file_limit) + " and " + std::to_string(special_limit));
  }
  return out;
}

std::shared_ptr<const Tokenizer> parse_tokenizer(std::string_view json, const std::string& path) {
  return refusing_as_tokenizer(path, [&] {
    TokenizerContents contents = read_tokenizer_json(json);
    auto tokenizer = tokenizer_from(contents);
    check_settings(contents, *tokenizer);
    return tokenizer;
  });
}

std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& path) {
  return parse_tokenizer(read_file(path, tokenizer_file_limit), path);
}

}  // namespace primer::data
