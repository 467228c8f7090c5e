// The configuration as a file: JSON with comments allowed, one flat object.
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "autograd/error.h"
#include "train/run/config.h"
#include "train/run/nearest.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t longest_file = 1 << 20;  // bytes

// nlohmann's messages begin with "[json.exception.parse_error.101] ": a line for people does not.
std::string reason(const std::exception& error) {
  const std::string what = error.what();
  const auto bracket = what.find("] ");
  return bracket == std::string::npos ? what : what.substr(bracket + 2);
}

// A flat object with distinct keys; the callback sees a repeated or nested key that the finished object would hide.
Json parse_flat(std::string_view text, const std::string& name) {
  if (text.size() > longest_file) {
    throw Error(Fault::usage,
                name + ": longer than a configuration can be (" + std::to_string(longest_file) + " bytes)");
  }
  std::set<std::string> seen;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > 1 || (depth == 1 && event == Json::parse_event_t::array_start)) {
      throw Error(Fault::usage,
                  name + ": a configuration is one flat object {\"key\": value, ...}, and this one is nested");
    }
    if (event == Json::parse_event_t::key && !seen.insert(value.get<std::string>()).second) {
      throw Error(Fault::usage, name + ": the key " + value.dump() + " stands there twice");
    }
    return true;
  };
  try {
    Json json = Json::parse(text.begin(), text.end(), watch, true, true);
    if (!json.is_object()) throw Error(Fault::usage, name + ": a configuration is an object {\"key\": value, ...}");
    return json;
  } catch (const Json::exception& error) {
    throw Error(Fault::usage, name + ": not JSON: " + reason(error));
  }
}

std::string text_of(const Json& value, const Field& field, const std::string& shown) {
  using Kind = Field::Kind;
  const bool right = field.kind == Kind::integer   ? value.is_number_integer()
                     : field.kind == Kind::number  ? value.is_number()
                     : field.kind == Kind::switch_ ? value.is_boolean()
                                                   : value.is_string();
  if (!right) {
    const char* expected = field.kind == Kind::integer   ? "a whole number"
                           : field.kind == Kind::number  ? "a number"
                           : field.kind == Kind::switch_ ? "true or false"
                                                         : "a word in quotes";
    throw Error(Fault::usage, shown + " " + value.dump() + ": expected " + expected);
  }
  return field.kind == Kind::word ? value.get<std::string>() : value.dump();
}

}  // namespace

std::string to_json(const Config& config, Layout layout) {
  const bool lines = layout == Layout::lines;
  std::string text = "{";
  for (const Field& field : fields()) {
    const std::string value = value_text(config, field);
    text += field.index == 0 ? "" : ",";
    text += lines ? "\n  \"" : field.index == 0 ? "\"" : " \"";
    text += field.key;
    text += "\": ";
    text += field.kind == Field::Kind::word ? "\"" + value + "\"" : value;
  }
  return text + (lines ? "\n}\n" : "}");
}

void read_json(Config& config, std::string_view text, const std::string& name, Source source) {
  Config result = config;
  const Json json = parse_flat(text, name);
  for (const auto& [key, value] : json.items()) {
    const Field* field = find_field(key);
    if (!field) {
      std::vector<std::string> known;
      for (const Field& other : fields()) known.emplace_back(other.key);
      const std::string near = nearest(key, known);
      throw Error(Fault::usage, name + ": unknown key " + Json(key).dump() +
                                    (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
    }
    const std::string shown = name + ": \"" + key + "\"";
    set(result, *field, text_of(value, *field, shown), source, shown);
  }
  config = result;
}

}  // namespace primer::train
