// What may be worst in the place of a word of a file.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace primer::test {

/// A part of a text: its first byte and its size.
struct Place {
  std::size_t at, size;
};

/// Every string, number, true, false and null of a JSON text; keys are strings, too.
inline std::vector<Place> words_of_json(std::string_view json) {
  std::vector<Place> words;
  for (std::size_t at = 0; at < json.size();) {
    std::size_t end = at;
    if (json[at] == '"') {
      for (++end; end < json.size() && json[end] != '"'; ++end) end += json[end] == '\\';
      ++end;
    } else {
      end = std::min(json.find_first_of("{}[],: \n\"", at), json.size());
    }
    if (end > at) words.push_back({at, end - at});
    at = std::max(end, at + 1);
  }
  return words;
}

/// What stands between spaces and ends of lines.
inline std::vector<Place> words_of_lines(std::string_view text) {
  std::vector<Place> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    words.push_back({at, end - at});
    at = end + 1;
  }
  return words;
}

/// Values of JSON; the first ones are those that a quick test tries.
inline const std::vector<std::string>& bad_json() {
  static const std::vector<std::string> values{"18446744073709551615",
                                               "-1",
                                               "\"\"",
                                               "0",
                                               "1e999",
                                               "null",
                                               "\"" + std::string(5000, 'x') + "\"",
                                               "[]",
                                               "{}",
                                               "9223372036854775807",
                                               "18446744073709551616",
                                               "2147483648",
                                               "4294967296",
                                               "1",
                                               "1.5",
                                               "true",
                                               "\"\\u0000\"",
                                               "\"\\ud800\"",
                                               "\"[MASK]\"",
                                               "NaN",
                                               "",
                                               std::string(200, '['),
                                               std::string(100'000, '9')};
  return values;
}

/// Likewise, where a word is none of JSON's.
inline const std::vector<std::string>& bad_words() {
  static const std::vector<std::string> values{"18446744073709551615",
                                               "-1",
                                               "",
                                               "0",
                                               "..",
                                               std::string(5000, 'x'),
                                               "9223372036854775807",
                                               "manifest",
                                               "18446744073709551616",
                                               "ffffffff",
                                               ".",
                                               "/etc/passwd",
                                               "../lock",
                                               "model.safetensors",
                                               "\x1b[31m",
                                               "\xff",
                                               std::string("a\0b", 3),
                                               "\n",
                                               "1 1",
                                               std::string(70'000, '9')};
  return values;
}

/// Calls each(bytes) for every word of `bytes` replaced by each of the first values; returns how many these were.
template <class Each>
long each_change(const std::string& bytes, const std::vector<Place>& words, const std::vector<std::string>& values,
                 std::size_t most_values, Each each) {
  long count = 0;
  for (const Place& word : words) {
    for (std::size_t i = 0; i < std::min(most_values, values.size()); ++i) {
      std::string changed = bytes;
      changed.replace(word.at, word.size, values[i]);
      CAPTURE(word.at);
      CAPTURE(values[i].substr(0, 100));
      each(std::move(changed));
      ++count;
    }
  }
  return count;
}

}  // namespace primer::test
