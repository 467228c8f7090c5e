// Trainings on texts in JSON lines: --field.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

#include "autograd/error.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"

using namespace primer::train;
using Json = nlohmann::json;

namespace {

const std::string quick =
    " --layers 1 --channels 16 --heads 2 --batch 2 --dropout 0.2 --eval-every 15 --save-every 10 --keep 9 --steps 30 "
    "-q --context ";

/// Documents with what JSON spells otherwise, as JSON lines and as a text with empty lines between.
struct Texts {
  std::string json, plain;

  explicit Texts(int documents) {
    const std::string words = prose(static_cast<std::size_t>(60 * documents));
    for (int i = 0; i < documents; ++i) {
      std::string text = words.substr(static_cast<std::size_t>(60 * i), 60);
      std::replace(text.begin(), text.end(), '\n', '"');
      text += ".\nSo it is\\is not, " + std::string(i % 2 ? "\xC3\xA4" : "\xE4\xBD\xA0") + ".";
      json += Json{{"id", i}, {"text", text}, {"tags", {1, 2}}}.dump() + "\n";
      plain += text + "\n\n";
    }
  }
};

/// The same labelled lines, as JSON and with tabs.
struct Labelled {
  std::string json, tabs;

  explicit Labelled(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string text = (i % 2 ? "is \"" : "of \"") + std::to_string(i) + "\"";
      json += Json{{"y", i % 2}, {"x", text}}.dump() + "\n" + (i % 3 ? "" : "\n");
      tabs += std::to_string(i % 2) + "\t" + text + "\n";
    }
  }
};

/// The arrays of a safetensors file, behind its header, in which the configuration is told.
std::string arrays_of(const std::string& path) {
  const std::string bytes = file_bytes(path);
  std::uint64_t header = 0;
  REQUIRE(bytes.size() > 8);
  std::memcpy(&header, bytes.data(), 8);
  return bytes.substr(8 + header);
}

}  // namespace

TEST_CASE("a training on JSON lines is that on their texts: metrics, weights, evaluations") {
  const MemoryDirectory here;
  const Texts learned(40), held_back(9);
  const Labelled labels(60);
  here.write("t.jsonl", learned.json), here.write("t.txt", learned.plain);
  here.write("v.jsonl", held_back.json), here.write("v.txt", held_back.plain);
  here.write("l.jsonl", labels.json), here.write("l.tsv", labels.tabs);
  std::string pairs, tabs;
  for (int i = 0; i < 40; ++i) {
    const std::string word = "is " + std::to_string(i * 37 % 90), turned(word.rbegin(), word.rend());
    pairs += Json{{"y", turned}, {"x", word}}.dump() + "\n";
    tabs += word + "\t" + turned + "\r\n";
  }
  here.write("p.jsonl", pairs), here.write("p.tsv", tabs);
  const std::tuple<std::string, std::string, std::string> trainings[] = {
      // JSON, text, the context and more
      {"t.jsonl --field text", "t.txt --documents blank-lines", "8"},
      {"t.jsonl --field text", "t.txt --documents blank-lines", "8 --tokenizer bpe:280"},
      {"t.jsonl --validation v.jsonl --field text", "t.txt --validation v.txt --documents blank-lines",
       "8 --tokenizer byte"},
      {"t.jsonl --field text", "t.txt", "8 --objective mlm"},
      {"t.jsonl --field text", "t.txt", "24 --objective mlm --next-sentence"},
      {"t.jsonl --field text", "t.txt", "24 --answer-after is"},
      {"l.jsonl --field y,x", "l.tsv", "24 --objective classify --tokenizer byte"},
      {"p.jsonl --field x,y", "p.tsv", "24 --objective translate"},
      {"p.jsonl --field x,y", "p.tsv", "24 --objective translate --tokenizer bpe:265 --source-tokenizer char"},
  };
  for (const auto& [json, text, options] : trainings) {
    CAPTURE(options);
    REQUIRE(run_primer(here, "train " + json + " -o j --force" + quick + options).code == 0);
    REQUIRE(run_primer(here, "train " + text + " -o t --force" + quick + options).code == 0);
    for (const std::string file : {"metrics.jsonl", "tokenizer.json"}) {
      CHECK(!file_bytes(here / ("j/" + file)).empty());
      CHECK(file_bytes(here / ("j/" + file)) == file_bytes(here / ("t/" + file)));
    }
    const std::string weights = "checkpoints/step-000000030/model.safetensors";
    CHECK(arrays_of(here / ("j/" + weights)) == arrays_of(here / ("t/" + weights)));
    const std::string lines = json.starts_with("l") || json.starts_with("p") ? json.substr(0, 1) : "";
    const Json own = Json::parse(run_primer(here, "eval j --json").out);
    const Json found = Json::parse(run_primer(here, "eval j --json " + (lines.empty() ? "v" : lines) + ".jsonl").out);
    const Json wanted =
        Json::parse(run_primer(here, "eval t --json " + (lines.empty() ? "v.txt" : lines + ".tsv")).out);
    CHECK(own["loss"] == Json::parse(run_primer(here, "eval t --json").out)["loss"]);
    CHECK(found["loss"].is_number());
    CHECK(found["loss"] == wanted["loss"]);
    CHECK(found["bits_per_byte"] == wanted["bits_per_byte"]);
  }
}

TEST_CASE("a run on JSON lines says so, and a stopped one ends as one that was not, without its text") {
  const MemoryDirectory here;
  here.write("t.txt", Texts(40).json);
  const std::string options = quick + "8 --field text";
  CHECK(run_primer(here, "train t.txt --dry-run --field text").out.find("B of text, 40 documents, bpe:") !=
        std::string::npos);
  const Unbroken unbroken(here, options);
  REQUIRE(run_primer(here, "train t.txt -o run" + options).code == 0);
  CHECK(Json::parse(file_bytes(here / "run/config.json"))["field"] == "text");
  CHECK(Json::parse(run_primer(here, "info run --json").out)["config"]["field"] == "text");
  std::filesystem::remove(here / "t.txt");
  REQUIRE(run_primer(here, "train --resume -o run --checkpoint 10 -q").code == 0);
  for (const std::string file : {"metrics.jsonl", "checkpoints/step-000000030/model.safetensors"}) {
    CHECK(file_bytes(here / ("run/" + file)) == unbroken.tree.at(file));
  }
  check_refusal(here, "train --resume -o run --steps 31 --field body", 2, "--field body (the run has text)");
  here.write("new.txt", Texts(9).plain);  // a new run has texts of its own kind
  CHECK(run_primer(here, "train new.txt --init-from run -o new -q --steps 2").code == 0);
  check_refusal(here, "eval run new.txt", 3, "'new.txt': line 1: it is not valid JSON");
}

TEST_CASE("names of fields that an objective has no use for, and lines that lack them, are refused in one line") {
  const MemoryDirectory here;
  here.write("t.jsonl", Texts(9).json);
  here.write("l.jsonl", Labelled(20).json);
  const std::string one = "reads fields such as --field text: as many names", two = "such as --field label,text: ";
  for (const char* names : {"a,b", "text,", ",text", ","}) {
    check_refusal(here, std::string("train t.jsonl --field ") + names, 2, one);
    check_refusal(here, std::string("train t.jsonl --objective mlm --field ") + names, 2, one);
  }
  for (const char* names : {"x", "x,y,z", "x,x", "x,", ",x"}) {
    check_refusal(here, std::string("train l.jsonl --objective classify --field ") + names, 2, two);
  }
  check_refusal(here, "train t.jsonl --field body", 3, "'t.jsonl': line 1: it has no field 'body'; it has id, ");
  check_refusal(here, "train t.jsonl --field id", 3, "'t.jsonl': line 1: its field 'id' is no string");
  check_refusal(here, "train t.jsonl l.jsonl --field text", 3,
                "'l.jsonl': line 1: it has no field 'text'; it has x, y");
  check_refusal(here, "train l.jsonl --objective classify --field x,y", 3, "line 1: its field 'y' is no string");
  check_refusal(here, "train l.jsonl --objective classify", 3, "line 1: it has no tab");
  CHECK(listing(here.path) == "l.jsonl t.jsonl");
  const Config forged = wishes({{"objective", "classify"}, {"field", "x"}});  // whoever reads it refuses it again
  CHECK_THROWS_AS(json_fields(forged), primer::autograd::Error);
}
