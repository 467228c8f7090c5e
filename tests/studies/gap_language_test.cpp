// The word lists are whole, and in the order that ranges and vocabulary count on.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "studies/gap_corpus.h"

using namespace primer::studies;

TEST_CASE("390 different words of lower-case ASCII; sentences of one length, all with a noun and an adjective") {
  const GapLanguage language = gap_language();
  CHECK(language.size() == 30 + 8 * 30 + 2 * 60);
  CHECK(language.first_noun() == 30);
  CHECK(language.first_adjective() == 270);
  CHECK(std::set<std::string>(language.words.begin(), language.words.end()).size() == language.words.size());
  for (const std::string& word : language.words)
    CHECK(std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; }));
  for (const std::string& letters : language.templates) {
    CAPTURE(letters);
    CHECK(letters.size() == 9);
    CHECK(letters.find('a') != std::string::npos);
    CHECK(letters.find('n') != std::string::npos);
    for (const char letter : letters)
      for (int theme = 0; theme < language.themes(); ++theme) CHECK(language.range(letter, theme).count > 0);
  }
  // each list begins and ends where it should
  CHECK(language.words[static_cast<std::size_t>(language.range('d', 5).first)] == "the");
  CHECK(language.words[static_cast<std::size_t>(language.range('c', 5).first + 5)] == "because");
  CHECK(language.words[static_cast<std::size_t>(language.range('n', language.theme(7, 1)).first)] == "computer");
  CHECK(language.words[static_cast<std::size_t>(language.range('n', language.theme(6, 0)).first + 29)] == "pharmacy");
  CHECK(language.words[static_cast<std::size_t>(language.range('a', language.theme(3, 0)).first)] == "bad");
  CHECK(language.words[static_cast<std::size_t>(language.range('a', language.theme(3, 1)).first)] == "good");
  CHECK(language.words.back() == "tasty");
}

TEST_CASE("the vocabulary has the special tokens, then a word a line in the order of the words") {
  const GapLanguage language = gap_language();
  std::vector<std::string> lines;
  std::istringstream text(gap_vocabulary(language));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  CHECK(lines.size() == 395);
  CHECK(lines[0] == "[PAD]");
  CHECK(lines[4] == "[MASK]");
  for (std::size_t i = 0; i < language.words.size(); ++i) CHECK(lines[5 + i] == language.words[i]);
}
