// Runs that earlier versions of the program made, and what those said of them: tests/fixtures/, a folder a version.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/bytes/safetensors.h"
#include "tests/places.h"
#include "tests/train/process.h"

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

/// One objective's folder of one version: run/, and what was recorded beside it.
struct OlderRun {
  fs::path recorded;

  std::string name() const { return recorded.filename().string(); }
  bool has(const std::string& file) const { return fs::exists(recorded / file); }
  std::string bytes(const std::string& file) const { return file_bytes((recorded / file).string()); }
  bool is_labelled() const { return has("classify.json"); }

  /// The text that it was trained on.
  std::string text() const { return (recorded.parent_path() / (is_labelled() ? "kinds.tsv" : "stories.txt")).string(); }

  /// Its objective, said again for a run that begins with it.
  std::string options() const {
    if (is_labelled()) return name() == "frozen" ? " --objective classify --freeze" : " --objective classify";
    if (name() == "lm") return "";
    return name() == "pairs" ? " --objective mlm --next-sentence" : " --objective mlm";
  }
};

std::vector<OlderRun> older_runs() {
  std::vector<OlderRun> runs;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(source_directory()) / "tests/fixtures")) {
    if (entry.path().filename() == "run") runs.push_back({entry.path().parent_path()});
  }
  return runs;
}

/// A copy of the run, as here/run.
struct Copy : FreshDirectory {
  explicit Copy(const OlderRun& older) {
    fs::copy(older.recorded / "run", fs::path(*this / "run"), fs::copy_options::recursive);
  }
};

/// Another processor adds in another order: numbers are equal to 1e-4, of their size or of 1.
bool same(double expected, double found) {
  return std::abs(found - expected) <= 1e-4 * std::max(1.0, std::abs(expected));
}

/// All that is recorded is there; a later program may tell more.
void check_same(const Json& expected, const Json& found, const std::string& place) {
  CAPTURE(place);
  if (expected.is_number()) {
    REQUIRE(found.is_number());
    CHECK(same(expected.get<double>(), found.get<double>()));
  } else if (expected.is_structured()) {
    REQUIRE(found.type() == expected.type());
    if (expected.is_array()) REQUIRE(found.size() == expected.size());
    for (const auto& [key, value] : expected.items()) {
      if (expected.is_object()) REQUIRE(found.contains(key));
      check_same(value, expected.is_object() ? found.at(key) : found.at(std::stoul(key)), place + "/" + key);
    }
  } else {
    CHECK(found == expected);
  }
}

void check_same_table(const std::string& expected, const std::string& found) {
  CHECK(std::count(found.begin(), found.end(), '\t') == std::count(expected.begin(), expected.end(), '\t'));
  CHECK(std::count(found.begin(), found.end(), '\n') == std::count(expected.begin(), expected.end(), '\n'));
  std::istringstream numbers(expected), others(found);
  for (double one, other; numbers >> one;) {
    others >> other;
    REQUIRE(!others.fail());
    CHECK(same(one, other));
  }
}

std::string said(const FreshDirectory& here, const std::string& arguments) {
  CAPTURE(arguments);
  const Outcome outcome = run_primer(here, arguments);
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  return outcome.out;
}

Json told(const FreshDirectory& here, const std::string& arguments) {
  return Json::parse(said(here, arguments), nullptr, false);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The bytes of one tensor.
std::string tensor_bytes(const primer::data::SafetensorsFile& file, const std::string& name) {
  const primer::data::TensorEntry* const entry = file.find(name);
  REQUIRE(entry != nullptr);
  return file_bytes(file.path()).substr(entry->offset, entry->bytes);
}

std::string weights_of(const fs::path& run, const std::string& step) {
  return (run / "checkpoints" / ("step-0000000" + step) / "model.safetensors").string();
}

}  // namespace

TEST_CASE("there is an older run of every kind") {
  const auto runs = older_runs();
  for (const char* name : {"lm", "mlm", "pairs", "classify", "frozen"}) {
    CAPTURE(name);
    CHECK(std::any_of(runs.begin(), runs.end(), [&](const OlderRun& run) { return run.name() == name; }));
  }
}

TEST_CASE("of an older run the program says what the version that made it said, on that run's own split") {
  for (const OlderRun& older : older_runs()) {
    CAPTURE(older.recorded.string());
    const Copy here(older);
    for (const char* question : {"info", "eval"}) {
      Json expected = Json::parse(older.bytes(question + std::string(".json")));
      // That version took the perplexity of words and pairs together.
      if (expected.contains("masked_loss")) expected["perplexity"] = std::exp(expected["masked_loss"].get<double>());
      check_same(expected, told(here, question + std::string(" run --json")), question);
    }
    const Json config = told(here, "info run --json")["config"];  // of what that version did not know
    CHECK(config["split"] == "tail");
    CHECK(config["documents"] == "none");
    if (older.has("sample.txt")) {
      CHECK(said(here, "sample run --prompt 'The ' --tokens 40 --seed 7 --raw") == older.bytes("sample.txt"));
      CHECK(said(here, "sample run --prompt 'The ' --tokens 40 --greedy") == older.bytes("greedy.txt"));
    }
    if (older.has("fill.json")) {
      check_same(Json::parse(older.bytes("fill.json")), told(here, "fill run 'The b[MASK]ead is brown.' --json"), "");
      here.write("lines", "The bread is brown.\nA cat sleeps.\n");
      check_same_table(older.bytes("embed.tsv"), said(here, "embed run lines"));
    }
    if (older.is_labelled()) {
      here.write("lines", "a bowl of soup\n4, 11, 62\n");
      check_same(Json::parse(older.bytes("classify.json")), told(here, "classify run lines --json"), "");
    }
    CHECK(difference(tree_of((older.recorded / "run").string()), tree_of(here / "run")) == "");  // only read
  }
}

TEST_CASE("an older run goes on as the version that made it went on") {
  for (const OlderRun& older : older_runs()) {
    CAPTURE(older.recorded.string());
    const Copy here(older);
    said(here, "train --resume -o run --steps 40 --quiet");
    const std::string before = older.bytes("run/metrics.jsonl"), after = file_bytes(here / "run/metrics.jsonl");
    CHECK(after.starts_with(before));
    const auto expected = lines_of(older.bytes("metrics-40.jsonl")), found = lines_of(after);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = lines_of(before).size(); i < expected.size(); ++i) {
      Json line = Json::parse(expected[i]);
      line.erase("train_accuracy");  // once of the whole training part, now of as many lines as are validated on
      check_same(line, Json::parse(found[i]), std::to_string(i));
    }
    CHECK(fs::exists(weights_of(here / "run", "40")));
  }
}

TEST_CASE("a run begins with an older one's weights and vocabulary; only the head that tells labels is new") {
  for (const OlderRun& older : older_runs()) {
    CAPTURE(older.recorded.string());
    const Copy here(older);
    said(here, "train '" + older.text() + "' -o new --init-from run --lr 0 --min-lr 0 --steps 1 --quiet" +
                   older.options());  // a rate of 0: no step changes anything
    CHECK(file_bytes(here / "new/tokenizer.json") == older.bytes("run/tokenizer.json"));
    const primer::data::SafetensorsFile source(weights_of(older.recorded / "run", "20"));
    const primer::data::SafetensorsFile begun(weights_of(here / "new", "01"));
    CHECK(begun.tensors().size() == source.tensors().size());
    for (const auto& tensor : source.tensors()) {
      CAPTURE(tensor.name);
      const bool is_equal = tensor_bytes(begun, tensor.name) == tensor_bytes(source, tensor.name);
      CHECK(is_equal == !(older.is_labelled() && tensor.name.starts_with("label.")));
    }
  }
}
