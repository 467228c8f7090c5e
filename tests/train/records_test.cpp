// Trainings on texts in JSON lines, CSV and TSV: --field.
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

/// A field of CSV.
std::string csv_field(std::string text) {
  for (std::size_t at = 0; (at = text.find('"', at)) != text.npos; at += 2) text.insert(at, 1, '"');
  return '"' + text + '"';
}

/// Documents with what JSON and CSV spell otherwise, as both and as a text with empty lines between.
struct Texts {
  std::string json, csv = "text;id\r\n", plain;

  explicit Texts(int documents) {
    const std::string words = prose(static_cast<std::size_t>(60 * documents));
    for (int i = 0; i < documents; ++i) {
      std::string text = words.substr(static_cast<std::size_t>(60 * i), 60);
      std::replace(text.begin(), text.end(), '\n', '"');
      text += ".\nSo it is\\is not, " + std::string(i % 2 ? "\xC3\xA4" : "\xE4\xBD\xA0") + ".";
      json += Json{{"id", i}, {"text", text}, {"tags", {1, 2}}}.dump() + "\n";
      csv += csv_field(text) + ";" + std::to_string(i) + "\r\n";
      plain += text + "\n\n";
    }
  }
};

/// The same labelled lines, as JSON, as CSV and with tabs.
struct Labelled {
  std::string json, csv = "x,y\n", tabs;

  explicit Labelled(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string text = (i % 2 ? "is \"" : "of \"") + std::to_string(i) + "\"";
      json += Json{{"y", i % 2}, {"x", text}}.dump() + "\n" + (i % 3 ? "" : "\n");
      csv += csv_field(text) + "," + std::to_string(i % 2) + "\n" + (i % 3 ? "" : "\n");
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

TEST_CASE("a training on JSON lines or CSV is that on their texts: metrics, weights, evaluations") {
  const MemoryDirectory here;
  const Texts learned(40), held_back(9);
  const Labelled labels(60);
  here.write("t.jsonl", learned.json), here.write("t.csv", learned.csv), here.write("t.txt", learned.plain);
  here.write("v.jsonl", held_back.json), here.write("v.csv", held_back.csv), here.write("v.txt", held_back.plain);
  here.write("l.jsonl", labels.json), here.write("l.csv", labels.csv), here.write("l.tsv", labels.tabs);
  std::string pairs, tabs, named = "y\tx\n";
  for (int i = 0; i < 40; ++i) {
    const std::string word = "is " + std::to_string(i * 37 % 90), turned(word.rbegin(), word.rend());
    pairs += Json{{"y", turned}, {"x", word}}.dump() + "\n";
    tabs += word + "\t" + turned + "\r\n";
    named += turned + "\t" + word + "\n";
  }
  here.write("p.jsonl", pairs), here.write("p.csv", named), here.write("p.tsv", tabs);
  const std::tuple<std::string, std::string, std::string> trainings[] = {
      // records, text, the context and more
      {"t.jsonl --field text", "t.txt --documents blank-lines", "8"},
      {"t.csv --field text", "t.txt --documents blank-lines", "8 --tokenizer bpe:280"},
      {"t.jsonl --validation v.csv --field text", "t.txt --validation v.txt --documents blank-lines",
       "8 --tokenizer byte"},
      {"t.jsonl --field text", "t.txt", "8 --objective mlm"},
      {"t.csv --field text", "t.txt", "24 --objective mlm --next-sentence"},
      {"t.jsonl --field text", "t.txt", "24 --answer-after is"},
      {"l.jsonl --field y,x", "l.tsv", "24 --objective classify --tokenizer byte"},
      {"l.csv --field y,x", "l.tsv", "24 --objective classify --tokenizer bpe:270"},
      {"p.csv --field x,y", "p.tsv", "24 --objective translate"},
      {"p.jsonl --field x,y", "p.tsv", "24 --objective translate --tokenizer bpe:265 --source-tokenizer char"},
  };
  for (const auto& [records, text, options] : trainings) {
    CAPTURE(options);
    REQUIRE(run_primer(here, "train " + records + " -o j --force" + quick + options).code == 0);
    REQUIRE(run_primer(here, "train " + text + " -o t --force" + quick + options).code == 0);
    for (const std::string file : {"metrics.jsonl", "tokenizer.json"}) {
      CHECK(!file_bytes(here / ("j/" + file)).empty());
      CHECK(file_bytes(here / ("j/" + file)) == file_bytes(here / ("t/" + file)));
    }
    const std::string weights = "checkpoints/step-000000030/model.safetensors";
    CHECK(arrays_of(here / ("j/" + weights)) == arrays_of(here / ("t/" + weights)));
    const std::string lines = records.starts_with("l") || records.starts_with("p") ? records.substr(0, 1) : "";
    const Json own = Json::parse(run_primer(here, "eval j --json").out);
    const Json found = Json::parse(run_primer(here, "eval j --json " + (lines.empty() ? "v" : lines) + ".jsonl").out);
    const Json table = Json::parse(run_primer(here, "eval j --json " + (lines.empty() ? "v" : lines) + ".csv").out);
    const Json wanted =
        Json::parse(run_primer(here, "eval t --json " + (lines.empty() ? "v.txt" : lines + ".tsv")).out);
    CHECK(own["loss"] == Json::parse(run_primer(here, "eval t --json").out)["loss"]);
    CHECK(found["loss"].is_number());
    CHECK(found["loss"] == wanted["loss"]);
    CHECK(table["loss"] == wanted["loss"]);
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
  check_refusal(here, "eval run new.txt", 3,
                "'new.txt': line 1: it is no JSON object, and as a header it has no column");
}

TEST_CASE("a run that was trained on fields answers them in CSV and JSON lines, and lines as they are") {
  const MemoryDirectory here;
  here.write("l.csv", Labelled(60).csv);
  REQUIRE(run_primer(here, "train l.csv -o run --field y,x --objective classify" + quick + "24").code == 0);
  here.write("new.csv", "id;x\n1;\"is \"\"1\"\"\"\n\n2;of 22\n3;\"is\n2\"\n4;\n");
  here.write("new.jsonl", "{\"x\":\"is \\\"1\\\"\"}\n{\"x\":\"of 22\"}\n{\"x\":\"is\\n2\"}\n{\"x\":\"\"}\n");
  here.write("new.txt", "is \"1\"\nof 22\n1\tis 3\nis 3\n");
  const std::string table = run_primer(here, "classify run new.csv").out;
  CHECK(std::ranges::count(table, '\n') == 4);
  CHECK(table.find("\tis 2\n") != table.npos);  // on one line
  CHECK(table.ends_with("\n\n"));
  CHECK(run_primer(here, "classify run new.jsonl").out == table);
  CHECK(run_primer(here, "classify run - < new.csv").out == table);
  const Outcome lines = run_primer(here, "classify run new.txt");
  const std::size_t second = table.find('\n', table.find('\n') + 1) + 1;
  CHECK(lines.out.starts_with(table.substr(0, second)));
  const std::string answer = lines.out.substr(lines.out.rfind('\n', lines.out.size() - 2) + 1);  // label, p, text
  const std::string verdict = answer.substr(0, answer.rfind('\t') + 1);
  CHECK(lines.out.ends_with("\n" + verdict + "1\tis 3\n" + verdict + "is 3\n"));
  CHECK(lines.err.find("1 line has a label already") != std::string::npos);
  CHECK(run_primer(here, "embed run new.csv --pooling cls").out ==
        run_primer(here, "embed run new.jsonl --pooling cls").out);
  here.write("bad.csv", "x\nso\n\"is \n");
  CHECK(run_primer(here, "classify run bad.csv").out.find("\tso\n") != std::string::npos);
  check_refusal(here, "eval run bad.csv --checkpoint last", 3,
                "'bad.csv': line 1: it is no JSON object, and as a header it has no column 'y'; it has x");

  std::string pairs = "de,en\n";
  for (int i = 0; i < 40; ++i) pairs += std::to_string(i) + ",is " + std::to_string(i) + "\n";
  here.write("pairs.csv", pairs);
  REQUIRE(run_primer(here, "train pairs.csv -o pairs --field en,de --objective translate" + quick + "24").code == 0);
  here.write("new.tsv", "id\ten\n1\tis 1\n2\t\"is\n2\"\n");
  here.write("plain.txt", "is 1\nis 2\n");
  CHECK(run_primer(here, "translate pairs new.tsv --scores").out ==
        run_primer(here, "translate pairs plain.txt --scores").out);
  CHECK(run_primer(here, "translate pairs plain.txt --scores").out.size() > 10);
}

TEST_CASE("names of fields that an objective has no use for, and lines that lack them, are refused in one line") {
  const MemoryDirectory here;
  here.write("t.jsonl", Texts(9).json);
  here.write("l.jsonl", Labelled(20).json);
  here.write("l.csv", Labelled(20).csv);
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
  check_refusal(here, "train l.csv --objective classify --field label,x", 3,
                "'l.csv': line 1: it is no JSON object, and as a header it has no column 'label'; it has x, y");
  check_refusal(here, "train l.csv --objective classify", 3,
                "line 1: it has no tab; expected label<TAB>text; train --field");
  CHECK(listing(here.path) == "l.csv l.jsonl t.jsonl");
  const Config forged = wishes({{"objective", "classify"}, {"field", "x"}});  // whoever reads it refuses it again
  CHECK_THROWS_AS(text_fields(forged), primer::autograd::Error);
}
