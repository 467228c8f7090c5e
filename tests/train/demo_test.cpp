// What `make demo` shows a newcomer.
#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "tests/places.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"

namespace {

/// The commands of a target of the Makefile that call the program.
std::vector<std::string> commands_of(const std::string& makefile, const std::string& target) {
  std::vector<std::string> commands;
  std::istringstream lines(makefile);
  bool is_there = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('\t')) is_there = line.starts_with(target + ":");
    const std::string program = "\tbuild/primer ";
    if (is_there && line.starts_with(program)) commands.push_back(line.substr(program.size()));
  }
  return commands;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\'') word += c;
    else if (!word.empty()) words.push_back(std::exchange(word, {}));
  }
  return words;
}

}  // namespace

TEST_CASE("a training whose validation loss rises again says when it was lowest") {
  const FreshDirectory here;
  here.write("t.txt", prose(1'000));  // letters at random: what is learned of them beyond their frequencies is noise
  const Outcome risen =
      run_primer(here, "train t.txt -o run --split tail --layers 1 --channels 32 --heads 2 --lr 0.01 --steps 400");
  CHECK(risen.code == 0);
  const std::size_t at = risen.err.find("note   the validation loss was lowest at step ");
  REQUIRE(at != std::string::npos);
  CHECK(risen.err.find("is of the training part alone", at) != std::string::npos);
  const Outcome fallen = run_primer(here, "train t.txt -o short --layers 1 --channels 32 --heads 2 --steps 4");
  CHECK(fallen.code == 0);
  CHECK(fallen.err.find("was lowest at step") == std::string::npos);
}

TEST_SUITE("long") {
  TEST_CASE("the demo ends with words of its story, in an order of its own") {
    const FreshDirectory here;
    const std::string source = source_directory();
    std::filesystem::create_symlink(source + "/docs", here / "docs");
    const std::vector<std::string> commands = commands_of(file_bytes(source + "/Makefile"), "demo");
    REQUIRE(commands.size() == 2);
    Outcome shown;
    for (const std::string& command : commands) {
      shown = run_primer(here, command);
      CAPTURE(shown.err);
      REQUIRE(shown.code == 0);
    }
    const std::string story = file_bytes(here / "docs/data/story.txt");
    const std::vector<std::string> known = words_of(story);
    std::vector<std::string> words = words_of(shown.out);
    REQUIRE(words.size() > 100);
    words.pop_back();  // may be cut
    const std::set<std::string> vocabulary(known.begin(), known.end());
    const auto right = std::ranges::count_if(words, [&](const std::string& word) { return vocabulary.contains(word); });
    CAPTURE(shown.out);
    CHECK(static_cast<double>(right) >= 0.95 * static_cast<double>(words.size()));
    for (std::size_t i = 0; i + 40 <= shown.out.size(); ++i)
      CHECK(story.find(shown.out.substr(i, 40)) == std::string::npos);
  }
}
