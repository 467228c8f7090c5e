// The configuration as a file: JSON with comments allowed, one flat object.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "autograd/error.h"
#include "data/bytes/strict_json.h"
#include "data/bytes/utf8.h"
#include "data/text/nearest.h"
#include "train/tasks/config.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;
using data::JsonValue;

namespace {

constexpr std::size_t longest_file = 1 << 20;  // bytes

// A string of the file for a message: in quotes, cut, and fit for one line.
std::string shown_string(const std::string& text) { return data::printable(data::json_quoted(text.substr(0, 100))); }

std::string shown_value(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::string: return shown_string(value.text);
    case JsonValue::Kind::boolean: return value.boolean ? "true" : "false";
    case JsonValue::Kind::null: return "null";
    default: return value.text;
  }
}

// The value as `set` reads it. A whole number is written with digits alone: not 4.0, not 1e3.
std::string text_of(const JsonValue& value, const Field& field, const std::string& shown) {
  using Kind = Field::Kind;
  const bool number = value.kind == JsonValue::Kind::integer || value.kind == JsonValue::Kind::number;
  const bool whole = number && value.text.find_first_of(".eE") == std::string::npos;
  const bool right = field.kind == Kind::integer   ? whole
                     : field.kind == Kind::number  ? number
                     : field.kind == Kind::switch_ ? value.kind == JsonValue::Kind::boolean
                                                   : value.kind == JsonValue::Kind::string;
  if (!right) {
    const char* expected = field.kind == Kind::integer   ? "a whole number"
                           : field.kind == Kind::number  ? "a number"
                           : field.kind == Kind::switch_ ? "true or false"
                                                         : "a word in quotes";
    throw Error(Fault::usage, shown + " " + shown_value(value) + ": expected " + expected);
  }
  return field.kind == Kind::word ? value.text : shown_value(value);
}

const Field& field_named(const std::string& key, const std::string& name) {
  if (const Field* const field = find_field(key)) return *field;
  std::vector<std::string> known;
  for (const Field& field : fields()) known.emplace_back(field.key);
  const std::string near = data::nearest(key, known);
  throw Error(Fault::usage,
              name + ": unknown key " + shown_string(key) + (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

// A list as it is read: the array comes first, then what is in it, which is joined by line feeds.
void add_to_list(std::string& list, const data::JsonPath& at, const JsonValue& value, const std::string& shown) {
  const bool is_whole = at.size() == 1;
  const bool fits = is_whole ? value.kind == JsonValue::Kind::array
                             : value.kind == JsonValue::Kind::string && !value.text.empty() &&
                                   value.text.find('\n') == std::string::npos;
  if (!fits) throw Error(Fault::usage, shown + " " + shown_value(value) + ": expected a list of names in quotes");
  list += (list.empty() ? "" : "\n") + value.text;
}

// The lines of `value`.
std::string json_list(std::string_view value) {
  std::string list;
  while (!value.empty()) {
    const auto end = std::min(value.find('\n'), value.size());
    list += (list.empty() ? "" : ", ") + data::json_quoted(std::string(value.substr(0, end)));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return "[" + list + "]";
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
    text += field.kind == Field::Kind::word   ? data::json_quoted(value)
            : field.kind == Field::Kind::list ? json_list(value)
                                              : value;
  }
  return text + (lines ? "\n}\n" : "}");
}

void read_json(Config& config, std::string_view text, const std::string& name, ChosenBy source) {
  if (text.size() > longest_file) {
    throw Error(Fault::usage,
                name + ": longer than a configuration can be (" + std::to_string(longest_file) + " bytes)");
  }
  Config result = config;
  std::map<const Field*, std::string> lists;
  const auto take = [&](const data::JsonPath& at, const JsonValue& value) {
    const bool nests = value.kind == JsonValue::Kind::object || value.kind == JsonValue::Kind::array;
    if (at.empty()) {
      if (value.kind == JsonValue::Kind::object) return;
      throw Error(Fault::usage, name + ": a configuration is an object {\"key\": value, ...}");
    }
    const std::string shown = name + ": \"" + at[0] + "\"";
    if (const Field* const list = find_field(at[0]); list && list->kind == Field::Kind::list) {
      add_to_list(lists[list], at, value, shown);
      return;
    }
    if (nests) {
      throw Error(Fault::usage,
                  name + ": a configuration is one flat object {\"key\": value, ...}, and this one is nested");
    }
    const Field& field = field_named(at[0], name);
    set(result, field, text_of(value, field, shown), source, shown);
  };
  try {
    data::read_json(text, {.depth = 2, .keys = longest_file, .comments = true}, take);
  } catch (const data::JsonError& error) {
    throw Error(Fault::usage, name + ": " + error.what());
  }
  for (const auto& [field, list] : lists) {
    set(result, *field, list, source, name + ": \"" + std::string(field->key) + "\"");
  }
  config = result;
}

}  // namespace primer::train
