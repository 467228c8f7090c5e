// What is written as JSON: flat objects in one line, made field by field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace primer::train {

/// A flat JSON object in one line, made field by field. Keys are plain words.
class JsonLine {
 public:
  JsonLine& add(std::string_view key, double value);  // null for nan and infinity, which JSON has not
  JsonLine& add(std::string_view key, long value);
  JsonLine& add(std::string_view key, std::uint64_t value);
  JsonLine& add(std::string_view key, bool value);
  JsonLine& add_text(std::string_view key, std::string_view value);  // control characters escaped
  JsonLine& add_null(std::string_view key);
  JsonLine& add_json(std::string_view key, std::string_view json);  // a value that is JSON already
  std::string text() const { return "{" + fields_ + "}"; }

 private:
  void begin(std::string_view key);
  std::string fields_;
};

}  // namespace primer::train
