// What the files of a tokenizer say, read within bounds, before it is judged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/bytes/strict_json.h"
#include "data/tokenizers/bpe_tokenizer.h"

namespace primer::data {

inline constexpr std::uint64_t tokenizer_file_limit = 64u << 20;  // bytes
inline constexpr std::size_t vocabulary_limit = 1u << 20;         // tokens, and merges
inline constexpr std::size_t special_limit = 1000;                // added tokens

struct AddedToken {
  std::optional<std::uint64_t> id;
  std::optional<std::string> content;
};

struct NamedToken {
  std::uint32_t id;
  std::string name;
};

struct TokenizerContents {
  std::vector<NamedToken> vocabulary;  // in the file's order
  std::vector<NamedMerge> merges;
  std::vector<AddedToken> added;
  std::map<std::string, std::string> settings;  // everything else: "model.type" -> "\"BPE\""

  /// The value of a setting, "" if there is none.
  std::string setting(const std::string& key) const;
};

/// Calls read(); a JsonError or an Error of it becomes Fault::input, with the file's name.
template <class Read>
auto refusing_as_tokenizer(const std::string& path, Read read) {
  const auto refuse = [&](const char* why) {
    return Error(Fault::input, "'" + printable(path) + "' is not a tokenizer this program can use: " + why);
  };
  try {
    return read();
  } catch (const JsonError& error) {
    throw refuse(error.what());
  } catch (const Error& error) {
    throw refuse(error.what());
  }
}

/// Reads a tokenizer.json. What is not JSON, beyond the bounds, or has a value of another kind than such files have:
/// JsonError.
TokenizerContents read_tokenizer_json(std::string_view json);

/// Reads a vocab.json: an object of names and ids. JsonError.
std::vector<NamedToken> read_vocabulary_json(std::string_view json);

/// Reads a merges.txt: a line a merge, two names with a space between them, after a line that may say #version.
/// JsonError, naming the line.
std::vector<NamedMerge> read_merges(std::string_view text);

/// Reads a vocab.txt: a line a name, white space after it left aside; the ids count from 0. JsonError.
std::vector<std::string> read_vocabulary_lines(std::string_view text);

/// The names by id. Two tokens with one id, or a gap between ids: JsonError.
std::vector<std::string> names_by_id(std::vector<NamedToken> vocabulary);

}  // namespace primer::data
