// The rules of the house, checked on its own sources: which way a room may look, and how large the core may be.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/autograd/check.h"
#include "tests/places.h"

namespace fs = std::filesystem;

namespace {

const fs::path root = source_directory();

struct Source {
  std::string path;  // from the root: nn/model.h
  std::string text;

  bool in(const std::string& room) const { return path.starts_with(room + "/"); }
  bool is_header() const { return path.ends_with(".h"); }
  long lines() const { return std::count(text.begin(), text.end(), '\n'); }
};

std::vector<std::string> matches(const std::string& text, const std::string& pattern) {
  std::vector<std::string> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator i(text.begin(), text.end(), regex), end; i != end; ++i) found.push_back((*i)[1]);
  return found;
}

/// Every C++ file of every room that exists.
const std::vector<Source>& sources() {
  static const std::vector<Source> all = [] {
    std::vector<Source> found;
    for (const char* room : {"autograd", "nn", "optim", "data", "train", "studies", "program", "tests"}) {
      if (!fs::exists(root / room)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
        const std::string extension = entry.path().extension();
        if (extension != ".h" && extension != ".cpp") continue;
        std::stringstream text;
        text << std::ifstream(entry.path()).rdbuf();
        found.push_back({fs::relative(entry.path(), root).generic_string(), text.str()});
      }
    }
    return found;
  }();
  return all;
}

std::vector<std::string> own_includes(const Source& s) { return matches(s.text, "#include \"([^\"]+)\""); }
std::vector<std::string> foreign_includes(const Source& s) { return matches(s.text, "#include <([^>]+)>"); }

/// A room and what it may include: folders end in '/', files do not.
const std::vector<std::pair<std::string, std::vector<std::string>>> directions = {
    {"autograd", {"autograd/"}},
    {"nn", {"nn/", "autograd/"}},
    {"optim", {"optim/", "autograd/"}},
    {"data/bytes", {"data/bytes/", "autograd/random.h", "autograd/error.h"}},
    {"data/text", {"data/text/", "data/bytes/", "autograd/random.h", "autograd/error.h"}},
    {"data/tokenizers", {"data/tokenizers/", "data/text/", "data/bytes/", "autograd/error.h"}},
    {"data/examples", {"data/", "autograd/random.h", "autograd/error.h"}},
    {"train/tasks", {"train/tasks/", "data/", "optim/", "nn/", "autograd/"}},
    {"train/step", {"train/step/", "train/tasks/", "data/", "optim/", "nn/", "autograd/"}},
    {"train/plan", {"train/plan/", "train/step/", "train/tasks/", "data/", "optim/", "nn/", "autograd/"}},
    {"train/checkpoints",
     {"train/checkpoints/", "train/plan/", "train/step/", "train/tasks/", "data/", "optim/", "nn/", "autograd/"}},
    {"train/pages", {"train/pages/", "data/text/", "data/bytes/", "autograd/error.h"}},
    {"train/use",
     {"train/use/", "train/pages/", "train/checkpoints/", "train/plan/", "train/step/", "train/tasks/", "data/", "nn/",
      "autograd/"}},
    {"train/circuits",
     {"train/circuits/", "train/pages/", "train/checkpoints/", "train/step/", "train/tasks/", "data/", "nn/",
      "autograd/"}},
    {"train/bench",
     {"train/bench/", "train/use/", "train/checkpoints/", "train/step/", "train/tasks/", "data/", "optim/", "nn/",
      "autograd/"}},
    {"studies", {"studies/", "train/", "data/", "optim/", "nn/", "autograd/"}},
    {"program", {"program/", "studies/", "train/", "data/", "optim/", "nn/", "autograd/"}},
    {"tests", {"tests/", "program/", "studies/", "train/", "data/", "optim/", "nn/", "autograd/"}},
};

bool allowed(const std::string& include, const std::vector<std::string>& may) {
  return std::any_of(may.begin(), may.end(),
                     [&](const std::string& m) { return m.ends_with('/') ? include.starts_with(m) : include == m; });
}

/// The files right in autograd/ops, without folder and extension.
std::vector<std::string> op_files() {
  std::vector<std::string> stems;
  for (const Source& s : sources())
    if (s.in("autograd/ops")) stems.push_back(fs::path(s.path).stem());
  return stems;
}

std::string text_of(const std::string& path) {
  for (const Source& s : sources())
    if (s.path == path) return s.text;
  FAIL("no file " << path);
  return "";
}

}  // namespace

TEST_CASE("every room looks only where it may") {
  std::map<std::string, long> seen;
  for (const Source& s : sources()) {
    CAPTURE(s.path);
    const auto room = std::find_if(directions.begin(), directions.end(), [&](const auto& d) { return s.in(d.first); });
    REQUIRE(room != directions.end());
    for (const std::string& include : own_includes(s)) {
      CAPTURE(include);
      CHECK(allowed(include, room->second));
      CHECK(fs::exists(root / include));
      ++seen[room->first];
    }
  }
  for (const auto& [room, may] : directions) CHECK(seen[room] > 0);
}

TEST_CASE("an objective is asked for what it does: no other file compares or names it") {
  const std::regex named(R"re("(lm|mlm)"|objective(->name\(\))?\s*[!=]=\s*("|\w+_task)|_task\(\)\s*[!=]=)re");
  long asked = 0;
  for (const Source& s : sources()) {
    if (!s.in("train") && !s.in("program") && !s.in("studies") && !s.in("nn") && !s.in("data")) continue;
    asked += static_cast<long>(s.text.find("objective->") != std::string::npos);
    if (s.in("train/tasks")) continue;
    std::smatch found;
    CAPTURE(s.path);
    const bool is_named = std::regex_search(s.text, found, named);
    CAPTURE(found.str());
    CHECK_FALSE(is_named);
  }
  CHECK(asked > 5);
}

TEST_CASE("a file's namespace is its folder's") {
  for (const Source& s : sources()) {
    if (s.in("tests") || s.path == "program/main.cpp") continue;
    CAPTURE(s.path);
    const std::string room = s.path.substr(0, s.path.find('/'));
    CHECK(s.text.find("namespace primer::" + room) != std::string::npos);
  }
}

TEST_CASE("doctest stays in the tests, and the headers that are installed need neither cereal, json nor CLI11") {
  const std::set<std::string> foreign{"cereal", "nlohmann", "CLI", "cblas.h", "utf8proc.h"};
  for (const Source& s : sources()) {
    CAPTURE(s.path);
    const bool installed = s.is_header() && !s.in("studies") && !s.in("program") && !s.in("tests");
    for (const std::string& include : foreign_includes(s)) {
      CAPTURE(include);
      if (include.starts_with("doctest")) CHECK(s.in("tests"));
      if (include.starts_with("CLI/")) CHECK((s.in("program") || s.in("tests")));
      CHECK(!(installed && foreign.contains(include.substr(0, include.find('/')))));
      if (include == "cblas.h") CHECK(s.path == "autograd/blas.cpp");
    }
    if (s.is_header()) CHECK(s.text.find("#pragma once") != std::string::npos);
  }
}

TEST_CASE("ops and kernels are compiled by whoever calls them, under a name that says who") {
  for (const Source& s : sources()) {
    if (!s.in("autograd/ops") && !s.in("autograd/kernels")) continue;
    CAPTURE(s.path);
    CHECK(s.text.find("namespace primer::autograd::PRIMER_COMPILED {") != std::string::npos);
  }
}

TEST_CASE("no header above the engine includes an op: a change to one recompiles only what computes with it") {
  for (const Source& s : sources()) {
    if (!s.is_header() || s.in("autograd") || s.in("tests")) continue;
    CAPTURE(s.path);
    for (const std::string& include : own_includes(s)) {
      CAPTURE(include);
      CHECK(!include.starts_with("autograd/ops"));
      CHECK(!include.starts_with("autograd/kernels/"));
    }
  }
}

// Lines of a source without its ops' examples, from which their tests are made.
static long lines_without_examples(const Source& s) {
  long lines = 0;
  bool in_example = false;
  std::istringstream text(s.text);
  for (std::string line; std::getline(text, line);) {
    if (line.find("_examples(Table& table) {") != std::string::npos) in_example = true;
    lines += in_example ? 0 : 1;
    if (line == "}") in_example = false;
  }
  return lines;
}

TEST_CASE(
    "the core stays small: autograd, nn and optim within 6,283 lines without kernels and examples, kernels "
    "within 1,792") {
  const std::set<std::string> kernels{"autograd/vector_math.h", "autograd/blas.h", "autograd/blas.cpp",
                                      "autograd/product.h", "autograd/product.cpp"};
  std::map<std::string, long> lines;
  for (const Source& s : sources())
    for (const char* room : {"autograd", "nn", "optim"})
      if (s.in(room))
        lines[s.in("autograd/kernels") || kernels.contains(s.path) ? "kernels" : room] += lines_without_examples(s);
  const long total = lines["autograd"] + lines["nn"] + lines["optim"];
  MESSAGE("autograd " << lines["autograd"] << ", nn " << lines["nn"] << ", optim " << lines["optim"] << ": " << total
                      << " lines, and kernels " << lines["kernels"]);
  CHECK(total > 1000);
  CHECK(total <= 6283);
  CHECK(lines["kernels"] <= 1792);
}

TEST_CASE("studies stay small: all within 10,404 lines, the laboratory 960, the gap 820, a study 250") {
  long all = 0, laboratory = 0, gap = 0;
  for (const Source& s : sources()) {
    if (!s.in("studies")) continue;
    all += s.lines();
    if (s.in("studies/lab")) laboratory += s.lines();
    if (s.path.starts_with("studies/gap")) gap += s.lines();
    CAPTURE(s.path);
    if (!s.in("studies/lab") && s.path.find("/gap") == std::string::npos) CHECK(s.lines() <= 250);
  }
  MESSAGE("studies " << all << " lines, the laboratory " << laboratory << ", the gap " << gap);
  CHECK(all > 1000);
  CHECK(all <= 10404);
  CHECK(laboratory <= 960);
  CHECK(gap > 500);
  CHECK(gap <= 820);
}

TEST_CASE("a file is read in one sitting: code within 320 lines, tests within 400") {
  for (const Source& s : sources()) {
    CAPTURE(s.path);
    CHECK(s.lines() <= (s.in("tests") ? 400 : 320));
  }
}

TEST_CASE("a folder is seen at a glance: at most 26 files, and what a room is cut into has at least 6") {
  const std::set<std::string> not_yet{"tests/train"};
  std::set<fs::path> folders;
  for (const Source& s : sources()) folders.insert(fs::path(s.path).parent_path());
  for (const fs::path& folder : folders) {
    CAPTURE(folder.string());
    const auto files = std::count_if(fs::directory_iterator(root / folder), fs::directory_iterator(),
                                     [](const fs::directory_entry& entry) { return entry.is_regular_file(); });
    CHECK(files >= 1);
    CHECK((files > 26) == not_yet.contains(folder.string()));
    const bool is_cut_out = folder.has_parent_path() && folder.begin()->string() != "tests";
    if (is_cut_out) CHECK(files >= 6);
  }
}

TEST_CASE("every file of autograd/ops is in the table of contents, with its examples") {
  const std::string table = text_of("autograd/ops.h");
  const std::vector<std::string> stems = op_files();
  CHECK(stems.size() >= 14);
  for (const std::string& stem : stems) {
    CAPTURE(stem);
    CHECK(table.find("#include \"autograd/ops/" + stem + ".h\"") != std::string::npos);
    CHECK(table.find("\n  " + stem + "_examples(table);") != std::string::npos);
  }
}

TEST_CASE("every op that the sources name is in the table of tested ops, and every tested name exists") {
  std::set<std::string> tested, named;
  for (const primer::test::Case& c : primer::test::op_cases()) tested.insert(c.example.op);
  for (const Source& s : sources()) {
    if (!s.in("autograd")) continue;
    for (const char* call :
         {"record\\(\\s*\"([^\"]*)\"", "elementwise\\(\\s*\"([^\"]*)\"", "row_norm<[a-z]+>\\(\\s*\"([^\"]*)\""})
      for (const std::string& name : matches(s.text, call)) named.insert(name);
    // an op recorded under a computed name would escape this test: only the loops that ops share do so
    const std::size_t literal = matches(s.text, "[.>]record\\(\\s*(\")").size();
    const std::size_t calls = matches(s.text, "[.>](record)\\(").size();
    const bool shares = s.path == "autograd/ops/elementwise.h" || s.path == "autograd/ops/layer_norm.h";
    CHECK(calls - literal == (shares ? 1 : 0));
  }
  CHECK(named.size() > 25);
  for (const std::string& name : named) {
    CAPTURE(name);
    CHECK(tested.contains(name));
  }
  named.insert("reshape");  // records nothing: it shares its input's node
  for (const std::string& name : tested) {
    CAPTURE(name);
    CHECK(named.contains(name));
  }
}

TEST_CASE("every op that its examples record is in the table, primitives of the textbooks included") {
  std::set<std::string> tested;
  for (const primer::test::Case& c : primer::test::op_cases()) tested.insert(c.example.op);
  for (const primer::test::Case& c : primer::test::op_cases())
    for (const auto& call : {c.call, c.textbook}) {
      if (!call) continue;
      primer::autograd::Tape<double> tape;
      std::vector<primer::autograd::Tensor<double>> inputs;
      for (const auto& shape : c.example.shapes.front())
        inputs.push_back(tape.input(shape, std::vector<double>(shape.size(), 1)));
      call(inputs);
      tape.each_recorded([&](std::string_view op) {
        CAPTURE(std::string(op));
        CHECK(tested.contains(std::string(op)));
      });
    }
}

TEST_CASE("what a browser runs lies in a file of its own kind, where its own tools read it") {
  for (const Source& s : sources()) {
    if (s.path == "tests/house/house_test.cpp") continue;
    CAPTURE(s.path);
    for (const char* literal : {"R\"js(", "R\"css("}) CHECK(s.text.find(literal) == std::string::npos);
  }
}

TEST_CASE("no source names a place of the machine that it was written on") {
  const std::regex absolute("[\"' (](/(work|home|root|Users|mnt)/[^\"' )]*)");
  for (const Source& s : sources()) {
    CAPTURE(s.path);
    if (s.path == "tests/house/house_test.cpp") continue;  // which spells them
    std::smatch found;
    const bool named = std::regex_search(s.text, found, absolute);
    CAPTURE((named ? found[1].str() : std::string()));
    CHECK(!named);
  }
}
