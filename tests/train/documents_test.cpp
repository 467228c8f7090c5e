// Trainings on documents, each of which ends with <|endoftext|>, and on texts divided in blocks: --documents, --split.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/train/planned.h"
#include "tests/train/process.h"

using namespace primer::train;
using Json = nlohmann::json;

namespace {

Json told(const FreshDirectory& here, const std::string& arguments) {
  CAPTURE(arguments);
  const Outcome outcome = run_primer(here, arguments);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  return Json::parse(outcome.out);
}

}  // namespace

TEST_CASE("a sample ends with its document, unless it is to go on, and begins a new one unless it is prompted") {
  const MemoryDirectory here;
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += "{\"text\": \"abcd\"}\n";
  here.write("t.jsonl", lines);
  const std::string options =
      " --layers 1 --channels 16 --heads 2 --context 8 --batch 4 --dropout 0 --patience 0 --lr 0.02 --steps 300";
  const Outcome made = run_primer(here, "train t.jsonl --field text -o run" + options);
  CHECK(made.out.starts_with("abcd\n\n\n"));  // the excerpt
  const std::string sample = "sample run --greedy --tokens 16";
  CHECK(run_primer(here, sample).out == "abcd\n\n\n");
  CHECK(run_primer(here, sample + " --samples 2").out == "abcd\n\n\n---------------\nabcd\n\n\n");
  CHECK(run_primer(here, sample + " --ignore-eos").out == "abcd\n\nabcd\n\nab\n");
  CHECK(run_primer(here, sample + " --prompt 'ab'").out == "abcd\n\n\n");
  CHECK(run_primer(here, sample + " --prompt 'a<|endoftext|>a'").out == "a<|endoftext|>abcd\n\n\n");
  const Json eval = told(here, "eval run --json");
  CHECK(eval["loss"] < 0.1);
  here.write("one.jsonl", "{\"text\": \"abcd\"}\n{\"text\": \"bc\"}\n");
  const Json other = told(here, "eval run one.jsonl --json");
  CHECK(other["tokens"] == 6 + 1 + 4 + 1 - 1);
  // The ends of documents are predicted, and are no bytes of text.
  const double bits = other["loss"].get<double>() * 11 / std::log(2.0);
  CHECK(other["bits_per_byte"].get<double>() == doctest::Approx(bits / 10).epsilon(0.1));
}

TEST_CASE("several files and JSON lines are documents, one file is none unless its blank lines shall part it") {
  const MemoryDirectory here;
  here.write("f/1", prose(500) + "\n\n" + prose(300)), here.write("f/2", prose(900)), here.write("f/3", prose(700));
  here.write("t.jsonl", "{\"text\": \"" + std::string(500, 'a') + "\"}\n");
  const auto plan = [&](const std::string& options) { return told(here, "train --dry-run --json " + options); };
  const auto documents = [&](const std::string& options) { return plan(options)["config"]["documents"]; };
  const Json each = plan("f"), none = plan("f --documents none"), one = plan("f/1"),
             blank = plan("f/1 --documents blank-lines");
  CHECK(each["config"]["documents"] == "each");
  CHECK(each["vocabulary"] == none["vocabulary"].get<long>() + 1);
  const auto tokens = [](const Json& p) { return p["tokens"].get<long>() + p["validation_tokens"].get<long>(); };
  CHECK(tokens(each) == tokens(none) + 3);
  CHECK(one["config"]["documents"] == "none");
  CHECK(blank["config"]["documents"] == "blank-lines");
  CHECK(tokens(blank) > tokens(one));
  CHECK(documents("t.jsonl --field text") == "each");
  CHECK(documents("f/1 --validation f/2") == "none");
  CHECK(documents("f --objective mlm") == "none");
  CHECK(documents("f --answer-after e") == "none");
  CHECK(documents("f --preset nanogpt-cpu") == "none");
  CHECK(run_primer(here, "train f --dry-run").out.find("B, 3 documents, char") != std::string::npos);
  check_refusal(here, "train f --dry-run --documents each --objective mlm", 2, "--documents goes with --objective lm");
  check_refusal(here, "train f --dry-run --documents each --answer-after e", 2, "without --answer-after");

  REQUIRE(run_primer(here, "train f/1 -o plain -q --steps 1" + small_run).code == 0);
  CHECK(documents("f --tokenizer plain/tokenizer.json") == "none");
  CHECK(run_primer(here, "train f --dry-run --tokenizer plain/tokenizer.json")
            .out.find("note   the tokenizer has no <|") != std::string::npos);
  check_refusal(here, "train f --dry-run --tokenizer plain/tokenizer.json --documents each", 3,
                "the tokenizer has no <|endoftext|>");
  REQUIRE(run_primer(here, "train f -o parted -q --steps 1" + small_run).code == 0);
  CHECK(documents("f --init-from parted") == "each");
  CHECK(documents("f/1 --init-from parted") == "none");
  CHECK(documents("f --init-from plain") == "none");
}

TEST_CASE("what is kept of a text is spread over it, or is its tail where that is chosen; the plan says how much") {
  const MemoryDirectory here;
  here.write("t.txt", prose(30'000));
  for (int i = 0; i < 20; ++i) here.write("f/" + std::to_string(i), prose(500 + static_cast<std::size_t>(i)));
  for (const std::string tokenizer : {"char", "byte", "bpe:300"}) {
    CAPTURE(tokenizer);
    const std::string options = " t.txt --steps 2 --tokenizer " + tokenizer + small_run;
    const Json plan = told(here, "train --dry-run --json" + options);
    CHECK(plan["config"]["split"] == "spread");
    REQUIRE(run_primer(here, "train -q -o run --force" + options).code == 0);
    CHECK(told(here, "eval run --json")["tokens"] == plan["validation_tokens"].get<long>() - 1);
    CHECK(told(here, "info run --json")["config"]["split"] == "spread");
    CHECK(run_primer(here, "train --dry-run" + options).out.find(" to validate, spread over it\n") !=
          std::string::npos);
    const Json tail = told(here, "train --dry-run --json --split tail" + options);
    CHECK(tail["config"]["split"] == "tail");
    if (tokenizer != "bpe:300") CHECK(tail["tokens"] == 27'000);
  }
  const Json files = told(here, "train f --dry-run --json --documents none --tokenizer byte");
  const long held_back = files["validation_tokens"];
  CHECK(held_back >= 2 * 500);
  CHECK(held_back <= 2 * 519);
  CHECK(told(here, "train t.txt --dry-run --json --preset nanogpt-cpu")["config"]["split"] == "tail");
  CHECK(told(here, "train t.txt --dry-run --json --objective mlm")["config"]["split"] == "spread");
  CHECK(told(here, "train t.txt --dry-run --json --objective mlm --next-sentence")["config"]["split"] == "tail");
  check_refusal(here, "train t.txt --split tail --validation f/1", 2, "--split divides the text");
  check_refusal(here, "train t.txt --split spread --objective classify", 2, "--split says what is kept of a running");
  // The configuration of an older run says neither.
  Config older;
  read_json(older, "{\"layers\": 2}", "config.json", ChosenBy::file);
  CHECK(value_text(older, field_named("split")) == "tail");
  CHECK(value_text(older, field_named("documents")) == "none");
}

TEST_CASE("a run on documents that was cut, in a text divided in blocks, ends as one that was not") {
  const MemoryDirectory here;
  here.write("t.txt", prose(2'000) + "\n\n" + prose(900) + "\n\n" + prose(3'000));
  for (const std::string tokenizer : {"char", "bpe:280"}) {
    const std::string options =
        " --documents blank-lines -q --layers 1 --channels 16 --heads 2 --context 8 --batch 2 "
        "--dropout 0.2 --eval-every 15 --save-every 10 --keep 9 --steps 40 --tokenizer " +
        tokenizer;
    const Unbroken unbroken(here, options);
    REQUIRE(run_primer(here, "train t.txt -o run --force" + options).code == 0);
    CHECK(tree_of(here / "run").at("tokens") == unbroken.tree.at("tokens"));
    REQUIRE(run_primer(here, "train --resume -o run --checkpoint 20 -q").code == 0);
    for (const std::string file : {"metrics.jsonl", "checkpoints/step-000000040/model.safetensors"})
      CHECK(file_bytes(here / ("run/" + file)) == unbroken.tree.at(file));
    check_refusal(here, "train --resume -o run --steps 41 --split tail", 2, "--split tail (the run has spread)");
    check_refusal(here, "train --resume -o run --steps 41 --documents none", 2, "(the run has blank-lines)");
  }
}

TEST_CASE("with --separate-documents a document is judged alone, and a run that was cut ends as one that was not") {
  const MemoryDirectory here;
  std::string a, b;
  const std::string words = prose(9'000);
  for (std::size_t i = 0; i < 90; ++i) {
    std::string text = words.substr(100 * i, 7 + i % 31);
    std::replace(text.begin(), text.end(), '\n', ' ');
    (i % 3 ? a : b) += "{\"text\": \"" + text + "\"}\n";
  }
  here.write("t.txt", a + b), here.write("a", a), here.write("b", b);
  const std::string options =
      " --field text -q --layers 1 --channels 16 --heads 2 --context 12 --batch 4 --dropout 0.2 --eval-every 15 "
      "--save-every 10 --keep 9 --steps 40 ";
  for (const std::string body : {"", "--body gru"}) {
    const std::string own = options + (body.empty() ? "" : "--body gru ") + "--separate-documents";
    const bool is_recurrent = !body.empty();
    std::string shape = own;
    if (is_recurrent) shape.erase(shape.find("--heads 2 "), 10);
    const Unbroken unbroken(here, shape);
    REQUIRE(run_primer(here, "train t.txt -o run --force" + shape).code == 0);
    REQUIRE(run_primer(here, "train --resume -o run --checkpoint 20 -q").code == 0);
    CHECK(file_bytes(here / "run/metrics.jsonl") == unbroken.tree.at("metrics.jsonl"));
    const auto loss = [&](const std::string& run, const std::string& texts) {
      const Json told_of = told(here, "eval " + run + " " + texts + " --json");
      return std::pair(told_of["loss"].get<double>(), told_of["tokens"].get<double>());
    };
    const auto [of_a, n_a] = loss("run", "a");
    const auto [of_b, n_b] = loss("run", "b");
    const auto [of_both, n_both] = loss("run", "a b");
    CHECK(n_both == n_a + n_b);
    CHECK(of_both * n_both == doctest::Approx(of_a * n_a + of_b * n_b).epsilon(1e-6));
  }
  const Json plan =
      told(here, "train t.txt --dry-run --json --tokenizer char --split tail --separate-documents" + options);
  CHECK(plan["steps_per_epoch"].get<double>() * 4 > 81);  // most documents have more than one window
  REQUIRE(run_primer(here, "train t.txt -o epochs --separate-documents --tokenizer char" + options).code == 0);
  REQUIRE(run_primer(here, "train --resume -o epochs --epochs 3 -q").code == 0);
  const std::string log = file_bytes(here / "epochs/metrics.jsonl");
  const Json last = Json::parse(log.substr(log.rfind('\n', log.size() - 2) + 1));
  CHECK(last["epoch"].get<double>() == doctest::Approx(3).epsilon(0.2));
  check_refusal(here, "train t.txt --separate-documents", 2,
                "--separate-documents goes with --objective lm on several");
  check_refusal(here, "train t.txt --separate-documents --objective mlm --tokenizer char", 2,
                "--separate-documents goes with");
}
