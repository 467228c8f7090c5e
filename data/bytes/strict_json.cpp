#include "data/bytes/strict_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "autograd/random.h"
#include "data/bytes/utf8.h"

namespace primer::data {

namespace {

using Json = nlohmann::json;

/// Refuses what would make the parser collect more characters at once than the limits allow.
void check_lengths(std::string_view text, const JsonLimits& limits) {
  bool in_string = false;
  std::size_t run = 0;  // characters of a string so far, or of a number or word
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      in_string = !in_string;
      run = 0;
    } else if (in_string) {
      if (++run > limits.string) {
        throw JsonError("a string has more than " + std::to_string(limits.string) + " bytes");
      }
      if (c == '\\') ++i;
    } else if (std::string_view(" \t\r\n,:[]{}").find(c) != std::string_view::npos) {
      run = 0;
    } else if (++run > limits.number && !limits.comments) {  // a comment's words may be long
      throw JsonError("a number has more than " + std::to_string(limits.number) + " characters");
    }
  }
}

/// An object that has two keys of this hash.
struct Repeated {
  std::uint64_t hash;
};

/// Receives the parser's events. The parser keeps its own stack on the heap, one bit for each level.
class Events final : public nlohmann::json_sax<Json> {
 public:
  using Each = std::function<void(const JsonPath&, const JsonValue&)>;

  Events(std::string_view json, const JsonLimits& limits, const Each& each, std::optional<Repeated> wanted = {})
      : json_(json), limits_(limits), each_(each), wanted_(wanted) {}

  bool null() override { return report({}); }
  bool boolean(bool value) override { return report({JsonValue::Kind::boolean, {}, 0, value}); }
  bool number_integer(number_integer_t value) override {
    return report({JsonValue::Kind::number, std::to_string(value), 0, false});
  }
  bool number_unsigned(number_unsigned_t value) override {
    return report({JsonValue::Kind::integer, std::to_string(value), value, false});
  }
  bool number_float(number_float_t, const string_t& characters) override {
    if (characters.size() > limits_.number) {
      throw JsonError("a number has more than " + std::to_string(limits_.number) + " characters");
    }
    std::string text = characters;
    // The parser writes the locale's decimal point.
    const auto point = text.find_first_not_of("0123456789+-eE");
    if (point != std::string::npos) text.replace(point, 1, ".");
    return report({JsonValue::Kind::number, std::move(text), 0, false});
  }
  bool string(string_t& value) override { return report({JsonValue::Kind::string, std::move(value), 0, false}); }
  bool binary(binary_t&) override { return false; }  // not in JSON text

  bool start_object(std::size_t) override { return open(JsonValue::Kind::object); }
  bool start_array(std::size_t) override { return open(JsonValue::Kind::array); }
  bool end_object() override {
    // Hashes, 8 bytes a key. Different keys of one hash are refused too: nobody meets them who does not look for them.
    std::vector<std::uint64_t>& keys = levels_.back().keys;
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) throw Repeated{*twice};
    return close();
  }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    Level& level = levels_.back();
    if (level.keys.size() == limits_.keys) {
      throw JsonError("an object has more than " + std::to_string(limits_.keys) + " keys");
    }
    level.keys.push_back(autograd::hash(key));
    if (wanted_ && wanted_->hash == level.keys.back()) {
      throw JsonError("the key \"" + printable(key.substr(0, 256)) + "\" occurs twice");
    }
    path_.back() = std::move(key);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    const auto lines = 1 + std::count(json_.begin(), json_.begin() + std::min(position, json_.size()), '\n');
    const bool is_one = json_.find('\n') == std::string_view::npos;  // whose number the caller knows
    throw JsonError("it is not valid JSON at byte " + std::to_string(position) +
                    (is_one ? "" : ", line " + std::to_string(lines)));
  }

 private:
  struct Level {
    bool array = false;
    std::size_t elements = 0;           // of an array, so far
    std::vector<std::uint64_t> keys{};  // of an object, so far: their hashes
  };

  bool report(const JsonValue& value) {
    if (!levels_.empty() && levels_.back().array) path_.back() = std::to_string(levels_.back().elements++);
    each_(path_, value);
    return true;
  }

  bool open(JsonValue::Kind kind) {
    if (levels_.size() == limits_.depth) {
      throw JsonError("it nests deeper than " + std::to_string(limits_.depth) + " levels");
    }
    report({kind, {}, 0, false});
    levels_.push_back({kind == JsonValue::Kind::array});
    path_.emplace_back();
    return true;
  }

  bool close() {
    levels_.pop_back();
    path_.pop_back();
    return true;
  }

  const std::string_view json_;
  const JsonLimits limits_;
  const Each& each_;
  const std::optional<Repeated> wanted_;  // the key to be named, on a second reading
  std::vector<Level> levels_;
  JsonPath path_;  // as long as levels_
};

void parse(std::string_view text, const JsonLimits& limits, const Events::Each& each,
           std::optional<Repeated> wanted = {}) {
  Events events(text, limits, each, wanted);
  Json::sax_parse(text.begin(), text.end(), &events, Json::input_format_t::json, true, limits.comments);
}

}  // namespace

void read_json(std::string_view text, const JsonLimits& limits,
               const std::function<void(const JsonPath&, const JsonValue&)>& each) {
  // The parser would take a NUL byte for the end of the text and skip a byte order mark.
  if (text.find('\0') != std::string_view::npos) throw JsonError("it holds a NUL byte");
  if (text.starts_with("\xEF\xBB\xBF")) throw JsonError("it begins with a byte order mark");
  check_lengths(text, limits);
  try {
    parse(text, limits, each);
  } catch (const Repeated& repeated) {
    parse(
        text, limits, [](const JsonPath&, const JsonValue&) {}, repeated);
  }
}

std::string json_quoted(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace primer::data
