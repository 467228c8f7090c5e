#include "train/tasks/config.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/text/nearest.h"
#include "data/tokenizers/bpe_training.h"
#include "train/tasks/numbers.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr bool FITS = true, FIXED = false;

bool is_choice(std::string_view choice, std::string_view text) {
  if (choice == "PATH") return names_file(text) && data::printable(text) == text;
  if (choice == "bpe:SIZE") return bpe_size(text) > 0;
  if (choice == "TEXT" || choice == "NAMES") return data::printable(text) == text;
  return choice == text;
}

template <class Text>
std::vector<Text> split(std::string_view all, char between) {
  std::vector<Text> list;
  while (!all.empty()) {
    const auto end = all.find(between);
    list.emplace_back(all.substr(0, end));
    all = end == std::string_view::npos ? std::string_view() : all.substr(end + 1);
  }
  return list;
}

// How a value of each type is written and read. Reading leaves the value alone when the text is none.
std::string text_of(long value) { return std::to_string(value); }
std::string text_of(double value) { return number_text(value); }
std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(const std::string& value) { return value; }
std::string text_of(const std::vector<std::string>& value) {
  std::string text;
  for (const std::string& one : value) text += (text.empty() ? "" : "\n") + one;
  return text;
}
std::string text_of(const Objective& value) { return std::string(value->name()); }
template <autograd::Word E>
std::string text_of(E value) {
  return std::string(autograd::name(value));
}

bool read_value(long& value, const Field& field, std::string_view text) {
  long read = 0;
  if (!read_whole(text, read) || read < field.low || read > field.high) return false;
  value = read;
  return true;
}

bool read_value(double& value, const Field& field, std::string_view text) {
  double read = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
  // Written so that nan is refused as well: it is in no range.
  if (error != std::errc() || end != text.data() + text.size() || !(read >= field.low && read <= field.high))
    return false;
  value = read;
  return true;
}

bool read_value(bool& value, const Field&, std::string_view text) {
  if (text != "true" && text != "false") return false;
  value = text == "true";
  return true;
}

bool read_value(std::string& value, const Field& field, std::string_view text) {
  const auto fits = [&](std::string_view choice) { return is_choice(choice, text); };
  if (std::none_of(field.choices.begin(), field.choices.end(), fits)) return false;
  value = text;
  return true;
}

bool read_value(std::vector<std::string>& value, const Field&, std::string_view text) {
  std::vector<std::string> read = split<std::string>(text, '\n');
  if (std::ranges::any_of(read, [](const auto& one) { return one.empty() || data::printable(one) != one; }))
    return false;
  value = std::move(read);
  return true;
}

bool read_value(Objective& value, const Field&, std::string_view text) {
  for (const Task* const task : tasks()) {
    if (task->name() != text) continue;
    value = *task;
    return true;
  }
  return false;
}

template <autograd::Word E>
bool read_value(E& value, const Field&, std::string_view text) {
  const std::optional<E> read = autograd::word<E>(text);
  if (read) value = *read;
  return read.has_value();
}

template <autograd::Word E>
std::vector<std::string_view> choices_of(E value) {
  const auto list = words(value);
  return {list.begin(), list.end()};
}

std::vector<std::string_view> choices_of(const Objective&) {
  std::vector<std::string_view> list;
  for (const Task* const task : tasks()) list.push_back(task->name());
  return list;
}

// Whether --init-from keeps it. Dropout is no part of a model that is trained; tokens and their projection are.
bool shapes_model(std::string_view key, bool is_of_model) {
  return key == "tokenizer" || key == "source_tokenizer" || key == "unknown_symbol" || key == "tie" ||
         (is_of_model && key != "dropout");
}

std::vector<Field> make_fields() {
  using Kind = Field::Kind;
  std::vector<Field> list;
#define PRIMER_FIELD(name, kind, low, high, choices, fits, group, help)                                                \
  list.push_back(                                                                                                      \
      {static_cast<int>(list.size()), #name, kind, low, high, choices, fits,                                           \
       shapes_model(#name,                                                                                             \
                    [](const auto& model) {                                                                            \
                      return requires { model.name; };                                                                 \
                    }(nn::ModelConfig())),                                                                             \
       group, help, [](const Config& config) { return text_of(config.name); },                                         \
       [](Config& config, const Field& field, std::string_view text) { return read_value(config.name, field, text); }, \
       [](const Config& config) -> const void* { return &config.name; }});
#define PRIMER_INTEGER(name, value, low, high, fits, group, help) \
  PRIMER_FIELD(name, Kind::integer, low, high, {}, fits, group, help)
#define PRIMER_NUMBER(name, value, low, high, fits, group, help) \
  PRIMER_FIELD(name, Kind::number, low, high, {}, fits, group, help)
#define PRIMER_SWITCH(name, value, fits, group, help) PRIMER_FIELD(name, Kind::switch_, 0, 1, {}, fits, group, help)
#define PRIMER_WORD(name, value, fits, group, help) \
  PRIMER_FIELD(name, Kind::word, 0, 0, choices_of(value), fits, group, help)
#define PRIMER_TEXT(name, value, choices, fits, group, help) \
  PRIMER_FIELD(name, Kind::word, 0, 0, split<std::string_view>(choices, '|'), fits, group, help)
#define PRIMER_LIST(name, fits, group, help) PRIMER_FIELD(name, Kind::list, 0, 0, {}, fits, group, help)
  PRIMER_CONFIG_FIELDS(PRIMER_INTEGER, PRIMER_NUMBER, PRIMER_SWITCH, PRIMER_WORD, PRIMER_TEXT, PRIMER_LIST)
#undef PRIMER_INTEGER
#undef PRIMER_NUMBER
#undef PRIMER_SWITCH
#undef PRIMER_WORD
#undef PRIMER_TEXT
#undef PRIMER_LIST
#undef PRIMER_FIELD
  return list;
}

[[noreturn]] void refuse(std::string_view shown, std::string_view text, const std::string& expected) {
  throw Error(Fault::usage, std::string(shown) + " " + data::printable(text.substr(0, 100)) + ": expected " + expected);
}

std::string expected(const Field& field, std::string_view text) {
  switch (field.kind) {
    case Field::Kind::integer:
    case Field::Kind::number:
      return (field.kind == Field::Kind::integer ? "a whole number from " : "a number from ") + number_text(field.low) +
             " to " + number_text(field.high);
    case Field::Kind::switch_: return "true or false";
    case Field::Kind::list: return "names of files, in printable characters";
    case Field::Kind::word: break;
  }
  std::string all = "one of";
  for (const std::string_view choice : field.choices) {
    all += " " + std::string(choice);
    if (choice == "bpe:SIZE") {
      all += " (" + std::to_string(data::fewest_bpe_tokens) + " to " + std::to_string(data::most_bpe_tokens) + ")";
    }
    if (choice == "TEXT" || choice == "NAMES") all += " in printable characters";
    if (choice == "PATH") all += " (with a / or a dot in it: ./NAME)";
  }
  if (text.starts_with("bpe")) return all;  // it lacks its size
  const std::string near = data::nearest(text, {field.choices.begin(), field.choices.end()});
  return all + (near.empty() ? "" : "; did you mean " + near + "?");
}

}  // namespace

int bpe_size(std::string_view tokenizer) {
  constexpr std::string_view name = "bpe:";
  if (!tokenizer.starts_with(name)) return 0;
  const char* const last = tokenizer.data() + tokenizer.size();
  int size = 0;
  const auto [end, error] = std::from_chars(tokenizer.data() + name.size(), last, size);
  const bool fits = size >= data::fewest_bpe_tokens && size <= data::most_bpe_tokens;
  return error == std::errc() && end == last && fits ? size : 0;
}

bool names_file(std::string_view tokenizer) { return tokenizer.find_first_of("/.") != std::string_view::npos; }

std::string Field::option() const {
  std::string name(key);
  for (char& c : name) {
    if (c == '_') c = '-';
  }
  return name;
}

std::span<const Field> fields() {
  static const std::vector<Field> list = make_fields();
  return list;
}

const Field* find_field(std::string_view key) {
  for (const Field& field : fields()) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

const Field& field_named(std::string_view key) {
  if (const Field* const field = find_field(key)) return *field;
  std::vector<std::string> keys;
  for (const Field& field : fields()) keys.emplace_back(field.key);
  const std::string near = data::nearest(std::string(key), keys);
  throw Error(Fault::usage,
              "unknown option " + data::printable(key) + (near.empty() ? "" : "; did you mean " + near + "?"));
}

void set(Config& config, const Field& field, std::string_view text, ChosenBy source, std::string_view shown) {
  if (!field.read(config, field, text)) refuse(shown, text, expected(field, text));
  config.sources[static_cast<std::size_t>(field.index)] = source;
}

std::string value_text(const Config& config, const Field& field) { return field.text(config); }

data::TextFields text_fields(const Config& config) {
  if (config.field.empty()) return {};
  const std::vector<std::string> names = split<std::string>(config.field, ',');
  const std::set<std::string> distinct(names.begin(), names.end());
  const std::string_view wanted = config.objective->fields();
  const auto commas = std::ranges::count(wanted, ',');
  const bool fits = std::ranges::count(config.field, ',') == commas && std::ssize(distinct) == commas + 1;
  if (fits && !distinct.contains("")) return {names, config.objective->has_labels() ? 1u : 0u};
  throw Error(Fault::usage, "--field " + config.field + ": --objective " + std::string(config.objective->name()) +
                                " reads fields such as --field " + std::string(wanted) +
                                ": as many names, all different");
}

const Field& field_at(const Config& config, const void* place) {
  for (const Field& field : fields()) {
    if (field.place(config) == place) return field;
  }
  throw Error(Fault::bug, "a member of the configuration is not in its list");
}

}  // namespace primer::train
