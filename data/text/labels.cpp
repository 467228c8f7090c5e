#include "data/text/labels.h"

#include <set>
#include <utility>

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

bool is_labelled(const std::vector<std::string>& label_and_text, const Records& records) {
  if (label_and_text.empty()) return false;
  if (is_blank(label_and_text[0])) records.refuse("it has no label");
  if (!can_be_shown(label_and_text[0])) records.refuse("its label cannot be shown as text");
  if (is_blank(label_and_text[1])) records.refuse("it has no text beside its label");
  return true;
}

std::vector<std::string> survey_labels(const Sources& sources) {
  std::set<std::string, std::less<>> labels;
  for (const Source& source : sources.files) {
    each_record(source, sources.fields, labelled_line, [&](const auto& texts, const Records& records) {
      if (is_labelled(texts, records)) labels.insert(without_blanks(texts[0]));
      if (labels.size() > most_labels) records.refuse("more than " + std::to_string(most_labels) + " labels");
    });
  }
  if (labels.size() < 2) {
    throw Error(Fault::input, "there is only one label, '" + printable(labels.empty() ? "" : *labels.begin()) +
                                  "'; a model that tells texts apart needs two or more");
  }
  return {labels.begin(), labels.end()};
}

}  // namespace primer::data
