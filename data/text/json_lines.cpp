#include "data/text/json_lines.h"

#include <algorithm>
#include <optional>

#include "autograd/error.h"
#include "data/bytes/checksum.h"
#include "data/bytes/strict_json.h"

namespace primer::data {

namespace {

/// What a field's value is as a text, if it may be one.
std::optional<std::string> text_of(const JsonValue& value, bool is_label) {
  using Kind = JsonValue::Kind;
  const bool is_number = value.kind == Kind::integer || value.kind == Kind::number;
  if (value.kind == Kind::string || (is_label && is_number)) return value.text;
  if (is_label && value.kind == Kind::boolean) return value.boolean ? "true" : "false";
  return {};
}

}  // namespace

std::vector<std::string> fields_of(std::string_view line, const JsonFields& fields, const LineCutter& lines) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return {};
  std::vector<std::optional<std::string>> found(fields.names.size());
  std::string others;  // the first fields that nobody asked for, to be named where one is missing
  try {
    read_json(line, {}, [&](const JsonPath& path, const JsonValue& value) {
      if (path.empty() && value.kind != JsonValue::Kind::object) throw JsonError("it is no JSON object");
      if (path.size() != 1) return;
      const auto name = std::ranges::find(fields.names, path.front());
      if (name == fields.names.end()) {
        if (others.size() < 60) others += (others.empty() ? "" : ", ") + printable(path.front().substr(0, 60));
        return;
      }
      const std::size_t i = static_cast<std::size_t>(name - fields.names.begin());
      found[i] = text_of(value, i < fields.labels);
      if (!found[i]) {
        throw JsonError("its field '" + *name + "' is no string" +
                        (i < fields.labels ? ", number, true or false" : ""));
      }
    });
  } catch (const JsonError& error) {
    lines.refuse(error.what());
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) {
      lines.refuse("it has no field '" + fields.names[i] + "'" + (others.empty() ? "" : "; it has " + others));
    }
    texts.push_back(std::move(*found[i]));
  }
  return texts;
}

std::vector<std::string> parts_of(std::string_view line, const JsonFields& fields, const char* expected,
                                  const LineCutter& lines) {
  if (fields.names.size() == 2) return fields_of(line, fields, lines);
  if (!fields.names.empty()) autograd::refuse("parts of a line", "two fields are needed", Fault::bug);
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) {
    lines.refuse("it has no tab; expected " + std::string(expected));
  }
  return {std::string(line.substr(0, tab)), std::string(line.substr(tab + 1))};
}

std::uint32_t each_block(const Source& source, const JsonFields& fields, std::uint32_t checksum,
                         const std::function<void(std::string_view)>& each) {
  TextReader reader(source);
  LineCutter lines;
  const auto decode = [&](std::string_view line) {
    const std::vector<std::string> texts = fields_of(line, fields, lines);
    for (std::size_t i = fields.labels; i < texts.size(); ++i) each(document_of(texts[i]));
  };
  for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) {
    checksum = crc32c(block, checksum);
    if (fields.names.empty()) each(block);
    else naming(source, [&] { lines.feed(block, decode); });
  }
  naming(source, [&] { lines.finish(decode); });
  return checksum;
}

}  // namespace primer::data
