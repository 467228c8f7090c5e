// The texts in docs/data are what their README says.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

#include "data/bytes/file.h"
#include "data/bytes/utf8.h"
#include "tests/data/fixture.h"
#include "tests/places.h"

namespace primer::data {

namespace {

std::string shipped(const std::string& name) {
  const std::string text = read_file(std::string(source_directory()) + "/docs/data/" + name, 1 << 20);
  CAPTURE(name);
  REQUIRE(!text.empty());
  CHECK(text.back() == '\n');
  long strange = 0;  // stray bytes, byte order marks, and control characters but tab and line feed
  each_symbol(text, [&](Symbol s, int) {
    strange += (is_stray(s) || s == 0xFEFF || (s < 0x20 && s != '\t' && s != '\n')) ? 1 : 0;
  });
  CHECK(strange == 0);
  return text;
}

/// How often each paragraph stands in a text of one line a paragraph, empty lines between them.
std::map<std::string, long> paragraphs(const std::string& text) {
  std::map<std::string, long> times;
  std::istringstream lines(text);
  bool begins = true;
  for (std::string line; std::getline(lines, line); begins = line.empty())
    if (!line.empty()) {
      CAPTURE(line);
      CHECK(begins);
      ++times[line];
    }
  return times;
}

}  // namespace

TEST_CASE("the story is text of some 30 kB, in which no paragraph stands twice") {
  const std::string story = shipped("story.txt");
  CHECK(story.size() > 25000);
  CHECK(story.size() < 35000);
  for (const auto& [paragraph, times] : paragraphs(story)) {
    CAPTURE(paragraph);
    CHECK(times == 1);
  }
}

TEST_CASE("the novel is text of 300 to 500 kB, a paragraph a line, with all its chapters") {
  const std::string novel = shipped("novel.txt");
  CHECK(novel.size() > 300000);
  CHECK(novel.size() < 500000);
  const auto found = paragraphs(novel);
  CHECK(found.size() > 900);
  for (int chapter = 1; chapter <= 24; ++chapter) CHECK(found.contains("Chapter " + std::to_string(chapter)));
}

TEST_CASE("the messages are 300 lines of four labels, 75 of each, and no text stands twice") {
  std::map<std::string, long> labels;
  std::set<std::string> texts;
  std::istringstream lines(shipped("messages.tsv"));
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    const std::size_t tab = line.find('\t');
    REQUIRE(tab != std::string::npos);
    CHECK(line.find('\t', tab + 1) == std::string::npos);
    CHECK(line.size() > tab + 1);
    ++labels[line.substr(0, tab)];
    CHECK(texts.insert(line.substr(tab + 1)).second);
  }
  CHECK(labels == std::map<std::string, long>{{"complaint", 75}, {"praise", 75}, {"question", 75}, {"request", 75}});
}

}  // namespace primer::data
