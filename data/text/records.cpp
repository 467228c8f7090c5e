#include "data/text/records.h"

#include <algorithm>
#include <optional>
#include <set>

#include "autograd/error.h"
#include "data/bytes/checksum.h"
#include "data/bytes/strict_json.h"
#include "data/text/labels.h"
#include "data/text/nearest.h"

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

/// What parts the columns of a header, outside of its quotes. Of one column, a line feed, which parts no line.
char separator_of(std::string_view header) {
  bool is_quoted = false;
  for (const char separator : {'\t', ',', ';'}) {
    is_quoted = false;
    for (const char c : header) {
      if (c == '"') is_quoted = !is_quoted;
      else if (c == separator && !is_quoted) return separator;
    }
  }
  return is_quoted ? ',' : '\n';  // the name of its first column goes on in the next line
}

}  // namespace

Records::Records(TextFields fields, std::string expected)
    : fields_(std::move(fields)),
      expected_(std::move(expected)),
      form_(!fields_.names.empty() ? Form::unknown
            : !expected_.empty()   ? Form::parts
                                   : Form::lines) {
  if (!expected_.empty() && fields_.names.size() == 1) {
    autograd::refuse("parts of a line", "two fields are needed", Fault::bug);
  }
}

void Records::refuse(const std::string& why) const {
  throw Error(Fault::input, "line " + std::to_string(first_) + ": " + why);
}

void Records::refuse_quote() const {
  throw Error(Fault::input, "line " + std::to_string(quote_) +
                                ": a field's quote begins here and does not end, or not within a record of " +
                                std::to_string(LineCutter::longest) + " bytes; a quote inside of a field is doubled");
}

void Records::refuse_name(const std::string& what, const std::string& name,
                          const std::vector<std::string>& others) const {
  std::string all;  // the first others
  for (const std::string& other : others)
    if (all.size() < 60) all += (all.empty() ? "; it has " : ", ") + printable(other.substr(0, 60));
  const std::string near = nearest(name, others);
  refuse(what + " '" + printable(name) + "'" + all + (near.empty() ? "" : "; did you mean " + printable(near) + "?"));
}

bool Records::take(std::string_view line) {
  texts_.clear();
  if (quote_ == 0) first_ = lines_.number();
  if (form_ == Form::lines || (quote_ == 0 && is_blank(line))) {
    if (form_ == Form::lines || (form_ == Form::unknown && fields_.or_lines)) texts_.emplace_back(line);
    return true;
  }
  if (form_ == Form::unknown) {
    form_ = line[line.find_first_not_of(" \t")] == '{' ? Form::objects : Form::table;
    separator_ = separator_of(line);
    if (form_ == Form::table && fields_.or_lines) {
      try {
        take_row(line);
        if (quote_ == 0) return false;
      } catch (const Error&) {}  // it is no header
      form_ = Form::lines;
      quote_ = 0;
      return take(line);
    }
  }
  if (form_ == Form::table) return take_row(line);
  if (form_ == Form::objects) {
    take_object(line);
    return true;
  }
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) refuse("it has no tab; expected " + expected_);
  texts_ = {std::string(line.substr(0, tab)), std::string(line.substr(tab + 1))};
  return true;
}

void Records::take_object(std::string_view line) {
  std::vector<std::optional<std::string>> found(fields_.names.size());
  std::vector<std::string> others;  // the first fields that nobody asked for, to be named where one is missing
  try {
    read_json(line, {}, [&](const JsonPath& path, const JsonValue& value) {
      if (path.empty() && value.kind != JsonValue::Kind::object) throw JsonError("it is no JSON object");
      if (path.size() != 1) return;
      const auto name = std::ranges::find(fields_.names, path.front());
      if (name == fields_.names.end()) {
        if (others.size() < 30) others.push_back(path.front());
        return;
      }
      const std::size_t i = static_cast<std::size_t>(name - fields_.names.begin());
      found[i] = text_of(value, i < fields_.labels);
      if (!found[i]) {
        throw JsonError("its field '" + *name + "' is no string" +
                        (i < fields_.labels ? ", number, true or false" : ""));
      }
    });
  } catch (const JsonError& error) {
    refuse(error.what());
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) refuse_name("it has no field", fields_.names[i], others);
    texts_.push_back(std::move(*found[i]));
  }
}

bool Records::take_row(std::string_view line) {
  if (quote_ == 0) {
    row_.assign(1, {});
    row_bytes_ = 0;
  }
  add_to_row(line);
  if (quote_ > 0) return false;
  if (columns_.empty()) {
    take_header();
    return false;
  }
  if (row_.size() != width_) {
    refuse("it has " + std::to_string(row_.size()) + (row_.size() == 1 ? " field" : " fields") + ", and the header " +
           std::to_string(width_) + "; a field with " +
           (separator_ == '\t' ? std::string("a tab") : std::string(1, separator_)) +
           " or a line end in it stands between quotes");
  }
  for (const std::size_t column : columns_) texts_.push_back(std::move(row_[column]));
  return true;
}

/// A quote that does not end in the line stays open.
void Records::add_to_row(std::string_view line) {
  row_bytes_ += line.size() + 1;
  if (row_bytes_ > LineCutter::longest && quote_ > 0) refuse_quote();
  bool is_closed = false;  // the quote of the field
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote_ > 0) {
      is_closed = c == '"' && !line.substr(i + 1).starts_with('"');
      if (is_closed) quote_ = 0;
      else row_.back() += c;
      if (c == '"' && !is_closed) ++i;
    } else if (c == separator_) {
      row_.emplace_back();
      is_closed = false;
    } else if (is_closed) {
      refuse("behind the quote that ends field " + std::to_string(row_.size()) +
             " stands more; a quote inside of a field is doubled");
    } else if (c == '"' && row_.back().empty()) {
      quote_ = lines_.number();
    } else {
      row_.back() += c;
    }
  }
  if (quote_ > 0) row_.back() += lines_.had_return() ? "\r\n" : "\n";
}

void Records::take_header() {
  std::set<std::string> distinct;
  for (std::string& name : row_) {
    name = without_blanks(name);
    if (!name.empty() && !distinct.insert(name).second) {
      refuse("the column '" + printable(name.substr(0, 60)) + "' stands twice in the header");
    }
  }
  width_ = row_.size();
  for (const std::string& name : fields_.names) {
    const auto at = std::ranges::find(row_, name);
    if (at == row_.end()) refuse_name("it is no JSON object, and as a header it has no column", name, row_);
    columns_.push_back(static_cast<std::size_t>(at - row_.begin()));
  }
}

std::uint32_t each_block(const Source& source, const TextFields& fields, std::uint32_t checksum,
                         const std::function<void(std::string_view)>& each) {
  TextReader reader(source);
  Records records(fields);
  const auto give = [&](const std::vector<std::string>& texts) {
    for (std::size_t i = fields.labels; i < texts.size(); ++i) each(document_of(texts[i]));
  };
  for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) {
    checksum = crc32c(block, checksum);
    if (fields.names.empty()) each(block);
    else naming(source, [&] { records.feed(block, give); });
  }
  naming(source, [&] { records.finish(give); });
  return checksum;
}

}  // namespace primer::data
