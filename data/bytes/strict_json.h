// JSON from files that may be hostile: read as a stream of values, each with its path. No tree is built, nothing
// recurses; depth, keys and lengths are bounded before memory is taken, and a key given twice is refused, also when it
// is spelt with escapes. The grammar is RFC 8259, in UTF-8, with nothing added unless comments are asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace primer::data {

struct JsonValue {
  enum class Kind { object, array, string, integer, number, boolean, null };
  Kind kind = Kind::null;
  std::string text;           // of a string; of an integer or number, its characters: 12, -1, 1e-3
  std::uint64_t integer = 0;  // of an integer: digits only, below 2^64; anything else that is a number is a `number`
  bool boolean = false;
};

/// Why a JSON text is refused, without the file's name.
struct JsonError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct JsonLimits {
  std::size_t depth = 16;         // objects and arrays inside each other
  std::size_t keys = 1u << 20;    // in one object
  std::size_t string = 1u << 20;  // bytes of a string or a key, as it is spelt
  std::size_t number = 64;        // characters of a number
  bool comments = false;          // // and /* */ may stand where a space may
};

/// Where a value is: the keys that lead to it; an element of an array has its number as the key. Empty for the whole.
using JsonPath = std::vector<std::string>;

/// Calls each(path, value) for every value in the text's order, an object or array before what it holds. Keys are
/// compared when their object ends. Beside what `each` keeps, this takes 8 bytes a key of memory (twice that while the
/// list of them grows).
/// Not JSON, or beyond the limits: JsonError. What `each` throws passes through.
void read_json(std::string_view text, const JsonLimits& limits,
               const std::function<void(const JsonPath&, const JsonValue&)>& each);

/// A string as JSON, with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

}  // namespace primer::data
