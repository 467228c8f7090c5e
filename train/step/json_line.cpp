#include "train/step/json_line.h"

#include <charconv>
#include <cmath>

#include "data/bytes/utf8.h"

namespace primer::train {

void JsonLine::begin(std::string_view key) {
  if (!fields_.empty()) fields_ += ",";
  fields_ += "\"";
  fields_ += key;
  fields_ += "\":";
}

JsonLine& JsonLine::add(std::string_view key, double value) {
  if (!std::isfinite(value)) return add_null(key);
  begin(key);
  char buffer[32];
  fields_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  return *this;
}

JsonLine& JsonLine::add(std::string_view key, long value) {
  begin(key);
  fields_ += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::add(std::string_view key, std::uint64_t value) {
  begin(key);
  fields_ += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::add(std::string_view key, bool value) {
  begin(key);
  fields_ += value ? "true" : "false";
  return *this;
}

JsonLine& JsonLine::add_text(std::string_view key, std::string_view value) {
  begin(key);
  fields_ += "\"";
  data::each_symbol(value, [this](data::Symbol symbol, int) {
    if (data::is_stray(symbol)) {
      fields_ += "\xEF\xBF\xBD";  // U+FFFD: JSON is UTF-8, and a stray byte has no place in it
    } else if (symbol < 0x20) {
      constexpr char digits[] = "0123456789abcdef";
      fields_ += {'\\', 'u', '0', '0', digits[symbol / 16], digits[symbol % 16]};
    } else {
      if (symbol == '"' || symbol == '\\') fields_ += '\\';
      data::append_symbol(fields_, symbol);
    }
  });
  fields_ += "\"";
  return *this;
}

JsonLine& JsonLine::add_null(std::string_view key) { return add_json(key, "null"); }

JsonLine& JsonLine::add_json(std::string_view key, std::string_view json) {
  begin(key);
  fields_ += json;
  return *this;
}

}  // namespace primer::train
