// Plans for texts that a test makes up.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data/text/text.h"
#include "tests/train/fresh_directory.h"
#include "train/plan/plan.h"

/// A text in a directory of its own, surveyed.
struct SurveyedText {
  FreshDirectory directory;
  primer::data::Sources sources;
  primer::data::TextFacts facts;

  explicit SurveyedText(const std::string& text) {
    sources = primer::data::collect_sources({directory.write("text.txt", text)});
    facts = primer::data::survey(sources);
  }
};

/// A configuration in which the user gave these options, as {"context", "32"}.
inline primer::train::Config wishes(const std::vector<std::pair<std::string, std::string>>& options) {
  using namespace primer::train;
  Config config;
  for (const auto& [key, text] : options) set(config, field_named(key), text, ChosenBy::flag, key);
  return config;
}

/// Letters, spaces and line feeds that repeat only after a long time.
inline std::string prose(std::size_t bytes) {
  std::string text;
  unsigned state = 1;
  while (text.size() < bytes) {
    state = state * 1664525u + 1013904223u;
    const unsigned drawn = state >> 27;
    text += drawn < 26 ? static_cast<char>('a' + drawn) : drawn < 31 ? ' ' : '\n';
  }
  return text;
}
