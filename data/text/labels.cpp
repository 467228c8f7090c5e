#include "data/text/labels.h"

#include <set>
#include <utility>

#include "data/text/json_lines.h"

namespace primer::data {

namespace {

constexpr std::size_t most_labels = 10'000;

}  // namespace

bool can_be_shown(std::string_view label) {
  std::string shown;
  each_symbol(label, [&](Symbol s, int) {
    if (s != 0x200C && s != 0x200D) append_symbol(shown, s);
  });
  return !shown.empty() && printable(shown) == shown;
}

std::string without_blanks(std::string_view label) {
  while (!label.empty() && is_space(label.back())) label.remove_suffix(1);
  while (!label.empty() && is_space(label.front())) label.remove_prefix(1);
  return std::string(label);
}

std::vector<std::string> label_and_text(std::string_view line, const JsonFields& fields, const LineCutter& lines) {
  if (is_blank(line)) return {};
  std::vector<std::string> parts = parts_of(line, fields, "label<TAB>text", lines);
  if (is_blank(parts[0])) lines.refuse("it has no label");
  if (!can_be_shown(parts[0])) lines.refuse("its label cannot be shown as text");
  if (is_blank(parts[1])) lines.refuse("it has no text beside its label");
  return parts;
}

std::vector<std::string> survey_labels(const Sources& sources) {
  std::set<std::string, std::less<>> labels;
  for (const Source& source : sources.files) {
    each_line(source, [&](std::string_view line, const LineCutter& lines) {
      std::vector<std::string> parts = label_and_text(line, sources.fields, lines);
      if (!parts.empty()) labels.insert(without_blanks(parts[0]));
      if (labels.size() > most_labels) lines.refuse("more than " + std::to_string(most_labels) + " labels");
    });
  }
  if (labels.size() < 2) {
    throw Error(Fault::input, "there is only one label, '" + printable(labels.empty() ? "" : *labels.begin()) +
                                  "'; a model that tells texts apart needs two or more");
  }
  return {labels.begin(), labels.end()};
}

}  // namespace primer::data
