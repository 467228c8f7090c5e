// The book keeps its word: every line and test that it names is where it says, and its examples are the files that run.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/places.h"

namespace fs = std::filesystem;

namespace {

const fs::path root = source_directory();

std::string read(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<fs::path> chapters() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  return found;
}

std::vector<std::smatch> all_matches(const std::string& text, const std::regex& pattern) {
  return {std::sregex_iterator(text.begin(), text.end(), pattern), std::sregex_iterator()};
}

/// Line `number` of a text, from 1; empty beyond its end.
std::string line_of(const std::string& text, long number) {
  std::istringstream lines(text);
  std::string line;
  for (long i = 0; i < number; ++i)
    if (!std::getline(lines, line)) return "";
  return line;
}

/// README's commands in their order, each with its continued lines and without its comment.
std::vector<std::string> readme_commands() {
  const std::string readme = std::regex_replace(read(root / "README.md"), std::regex("\\\\\n"), " ");
  std::vector<std::string> commands;
  for (const std::smatch& block : all_matches(readme, std::regex("```sh\n([^`]*)```"))) {
    std::istringstream lines(block[1].str());
    for (std::string line; std::getline(lines, line);)
      if (!line.empty()) commands.push_back(std::regex_replace(line, std::regex(" +#.*"), ""));
  }
  return commands;
}

}  // namespace

TEST_CASE("a line of code that the book names holds what the book says") {
  long checked = 0;
  for (const fs::path& chapter : chapters()) {
    const std::string text = read(chapter);
    // `autograd/tape.h:199` `Tensor<T> record(`
    for (const std::smatch& m : all_matches(text, std::regex("`([a-z_/0-9]+\\.(?:h|cpp)):([0-9]+)`\\s+`([^`]+)`"))) {
      INFO(chapter.filename().string() << ": " << m.str());
      const std::string line = line_of(read(root / m[1].str()), std::stol(m[2]));
      CHECK_MESSAGE(line.find(m[3].str()) != std::string::npos, "there stands: " << line);
      ++checked;
    }
    // a reference without its line would not be checked
    CHECK(all_matches(text, std::regex("`[a-z_/0-9]+\\.(h|cpp)`\\s+`")).empty());
  }
  CHECK(checked > 20);
}

TEST_CASE("a test that the book names exists") {
  long checked = 0;
  for (const fs::path& chapter : chapters()) {
    const std::string text = read(chapter);
    for (const std::smatch& m : all_matches(text, std::regex("`(tests/[a-z_/0-9]+\\.cpp)`\\s+\"([^\"]+)\""))) {
      INFO(chapter.filename().string() << ": " << m.str());
      CHECK(read(root / m[1].str()).find("\"" + m[2].str() + "\"") != std::string::npos);
      ++checked;
    }
  }
  CHECK(checked > 20);
}

TEST_CASE("the first chapter's program is the one that is built and run") {
  const std::string chapter = read(root / "docs/01-one-step.md"), program = read(root / "docs/examples/one_step.cpp");
  CHECK(program.size() > 500);
  CHECK(chapter.find("```cpp\n" + program + "```") != std::string::npos);
}

TEST_CASE("files that the documents link to exist") {
  std::vector<fs::path> documents = chapters();
  documents.push_back(root / "README.md");
  for (const fs::path& document : documents) {
    const std::string text = read(document);
    for (const std::smatch& m : all_matches(text, std::regex("\\]\\(([^):#]+)\\)"))) {
      INFO(document.filename().string() << ": " << m.str());
      CHECK(fs::exists(document.parent_path() / m[1].str()));
    }
  }
}

TEST_CASE("a text or run that a command of README takes is in docs/data, or made by a command before it") {
  std::set<std::string> made;
  long checked = 0;
  for (const std::string& command : readme_commands()) {
    CAPTURE(command);
    std::smatch m;
    for (const std::smatch& written : all_matches(command, std::regex("> ?([a-z.]+)"))) made.insert(written[1]);
    if (std::regex_search(command, m, std::regex("curl -O [^ ]*/([a-z.]+)"))) made.insert(m[1]);
    if (command.find("primer train") != std::string::npos && command.find("--resume") == std::string::npos) {
      if (std::regex_search(command, m, std::regex("-o (runs/[a-z]+)"))) made.insert(m[1]);
      else if (std::regex_search(command, m, std::regex("train (?:docs/data/)?([a-z]+)\\.(?:txt|tsv)")))
        made.insert("runs/" + m[1].str());
    }
    const std::regex text_or_run("\\b(runs/[a-z]+|(docs/data/)?[a-z]+\\.(txt|tsv))\\b");
    for (const std::smatch& taken : all_matches(command, text_or_run)) {
      const bool is_there = taken[2].matched ? fs::exists(root / taken[1].str()) : made.contains(taken[1]);
      CHECK_MESSAGE(is_there, "nothing made " << taken.str());
      ++checked;
    }
  }
  CHECK(checked > 20);
}
