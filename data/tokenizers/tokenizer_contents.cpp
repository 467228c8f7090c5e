#include "data/tokenizers/tokenizer_contents.h"

#include "data/bytes/strict_json.h"

namespace primer::data {

namespace {

constexpr std::size_t name_limit = 16384;  // bytes of a string as it is spelt, also as \uXXXX
constexpr std::size_t key_limit = 4096;    // bytes of a setting's whole path
constexpr std::size_t setting_limit = 1000;

using Kind = JsonValue::Kind;

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

std::string shown(const std::string& text) { return printable(text.substr(0, 100)); }

void take_token(const std::string& name, const JsonValue& value, std::vector<NamedToken>& vocabulary) {
  if (value.kind != Kind::integer) throw JsonError("a token's id is not a whole number");
  if (vocabulary.size() == vocabulary_limit) throw JsonError("the vocabulary is too large");
  if (value.integer >= vocabulary_limit) {
    throw JsonError("the ids of the tokens have a gap: one is " + std::to_string(value.integer));
  }
  vocabulary.push_back({static_cast<std::uint32_t>(value.integer), name});
}

// "a b": one space, and something on both sides.
NamedMerge split_merge(std::string_view text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == text.size() ||
      text.find(' ', space + 1) != std::string_view::npos) {
    throw JsonError("the merge \"" + shown(std::string(text)) + "\" is not two names with a space between them");
  }
  return {std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
}

void take_merge(const JsonPath& at, const JsonValue& value, std::vector<NamedMerge>& merges) {
  if (at.size() == 3 && merges.size() == vocabulary_limit) throw JsonError("there are too many merges");
  if (at.size() == 3 && value.kind == Kind::string) {
    merges.push_back(split_merge(value.text));
  } else if (at.size() == 3 && value.kind == Kind::array) {
    merges.push_back({});
  } else if (at.size() == 4 && value.kind == Kind::string && !value.text.empty() && (at[3] == "0" || at[3] == "1")) {
    (at[3] == "0" ? merges.back().left : merges.back().right) = value.text;
  } else {
    throw JsonError("a merge is neither \"a b\" nor [\"a\", \"b\"]");
  }
}

void take_added(const JsonPath& at, const JsonValue& value, std::vector<AddedToken>& added) {
  if (at.size() == 2) {
    if (value.kind != Kind::object) throw JsonError("an added token is not an object");
    if (added.size() == special_limit) throw JsonError("there are too many added tokens");
    added.emplace_back();
  } else if (at[2] == "id" && value.kind == Kind::integer) {
    added.back().id = value.integer;
  } else if (at[2] == "content" && value.kind == Kind::string) {
    added.back().content = value.text;
  } else if (at[2] == "normalized" && value.kind == Kind::boolean) {
    // whether a special token is looked for before or after the text is normalised: here it is never looked for after
  } else if (value.kind != Kind::boolean || value.boolean != (at[2] == "special") ||
             (at[2] != "special" && at[2] != "single_word" && at[2] != "lstrip" && at[2] != "rstrip")) {
    throw JsonError("an added token has \"" + shown(at[2]) + "\": " + shown(spelt(value)) +
                    ", which this program does not know");
  }
}

}  // namespace

std::string TokenizerContents::setting(const std::string& key) const {
  const auto found = settings.find(key);
  return found == settings.end() ? std::string() : found->second;
}

TokenizerContents read_tokenizer_json(std::string_view json) {
  TokenizerContents out;
  const auto take = [&](const JsonPath& at, const JsonValue& value) {
    const bool in_model = at.size() >= 3 && at[0] == "model";
    if (in_model && at.size() == 3 && at[1] == "vocab") {
      if (value.kind == Kind::array) throw JsonError("its model is \"Unigram\"; \"BPE\" and \"WordPiece\" are read");
      take_token(at[2], value, out.vocabulary);
    } else if (in_model && at[1] == "merges") {
      take_merge(at, value, out.merges);
    } else if (at.size() >= 2 && at[0] == "added_tokens") {
      take_added(at, value, out.added);
    } else {
      std::string key;
      for (const std::string& part : at) key += (key.empty() ? "" : ".") + part;
      if (key.size() > key_limit || out.settings.size() == setting_limit) throw JsonError("it has too many settings");
      out.settings[key] = spelt(value);
    }
  };
  read_json(json, {.keys = vocabulary_limit, .string = name_limit}, take);
  for (const NamedMerge& merge : out.merges) {
    if (merge.left.empty() || merge.right.empty()) throw JsonError("a merge has fewer than two names");
  }
  return out;
}

std::vector<NamedToken> read_vocabulary_json(std::string_view json) {
  std::vector<NamedToken> vocabulary;
  read_json(json, {.depth = 2, .keys = vocabulary_limit, .string = name_limit},
            [&](const JsonPath& at, const JsonValue& value) {
              if (at.size() == 1) return take_token(at[0], value, vocabulary);
              if (!at.empty() || value.kind != Kind::object) throw JsonError("it is not an object of names and ids");
            });
  return vocabulary;
}

namespace {

// Calls each(line, number from 1) for every line, without white space at its end. The end of the text may be one.
template <class Each>
void each_line(std::string_view text, Each&& each) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    line = line.substr(0, line.find_last_not_of(" \t\r\v\f") + 1);
    if (number > 2 * vocabulary_limit) throw JsonError("it has too many lines");
    if (line.size() > name_limit) throw JsonError("line " + std::to_string(number) + " is too long");
    each(line, number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::vector<NamedMerge> read_merges(std::string_view text) {
  std::vector<NamedMerge> merges;
  each_line(text, [&](std::string_view line, std::size_t number) {
    if (line.empty() || (number == 1 && line.starts_with("#version"))) return;
    if (merges.size() == vocabulary_limit) throw JsonError("there are too many merges");
    try {
      merges.push_back(split_merge(line));
    } catch (const JsonError& error) {
      throw JsonError("line " + std::to_string(number) + ": " + error.what());
    }
  });
  return merges;
}

std::vector<std::string> read_vocabulary_lines(std::string_view text) {
  std::vector<std::string> names;
  each_line(text, [&](std::string_view line, std::size_t number) {
    if (line.empty()) throw JsonError("line " + std::to_string(number) + " is empty, a name was expected");
    if (names.size() == vocabulary_limit) throw JsonError("the vocabulary is too large");
    names.emplace_back(line);
  });
  return names;
}

std::vector<std::string> names_by_id(std::vector<NamedToken> vocabulary) {
  const std::size_t size = vocabulary.size();
  std::vector<std::string> names(size);
  std::vector<bool> known(size);
  for (NamedToken& token : vocabulary) {
    if (token.id >= size) {
      throw JsonError("the ids of " + std::to_string(size) + " tokens have a gap: one is " + std::to_string(token.id));
    }
    if (known[token.id]) throw JsonError("two tokens have the id " + std::to_string(token.id));
    known[token.id] = true;
    names[token.id] = std::move(token.name);
  }
  return names;
}

}  // namespace primer::data
