// Texts of one's own to validate with: --validation.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/train/planned.h"
#include "tests/train/process.h"

using Json = nlohmann::json;

namespace {

Json last_line(const std::string& path) {
  const std::string text = file_bytes(path);
  return Json::parse(text.substr(text.rfind('\n', text.size() - 2) + 1));
}

const std::string quick = small_run + "--steps 4 -q ";

}  // namespace

TEST_CASE("a text of one's own is validated with, all of the other is learned from, and the run says so") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  here.write("v.txt", prose(400) + "!");  // a symbol that only it has
  const std::string options = "train t.txt --validation v.txt --dry-run";
  const Json plan = Json::parse(run_primer(here, options + " --json" + small_run).out);
  CHECK(plan["tokens"] == 1200);
  CHECK(plan["validation_tokens"] == 401);
  CHECK(plan["config"]["validation"] == Json::array({"v.txt"}));
  CHECK(plan["config"]["val_fraction"] == 0);
  CHECK(run_primer(here, options + small_run).out.find("1200 to train, 401 to validate, of v.txt") !=
        std::string::npos);

  REQUIRE(run_primer(here, "train t.txt --validation v.txt -o run" + quick).code == 0);
  const Json own = Json::parse(run_primer(here, "eval run --json").out);
  const Json same = Json::parse(run_primer(here, "eval run v.txt --json").out);
  CHECK(own["loss"] == same["loss"]);
  CHECK(own["bits_per_byte"] == same["bits_per_byte"]);
  CHECK(own["tokens"] == 399);  // the symbol that occurs once is [UNK], which is not predicted
  const Json last = Json::parse(run_primer(here, "eval run --checkpoint last --json").out);
  CHECK(last_line(here / "run/metrics.jsonl")["val_loss"] == last["loss"]);
  CHECK(Json::parse(run_primer(here, "info run --json").out)["config"]["validation"] == Json::array({"v.txt"}));
  CHECK(run_primer(here, "train --resume -o run --steps 6 -q").code == 0);
  check_refusal(here, "train --resume -o run --steps 7 -q --validation t.txt", 2,
                "--validation t.txt (the run has v.txt)");
}

TEST_CASE("a run that was stopped, with texts of its own to validate with, ends as one that was not") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  here.write("v.txt", prose(300));
  const std::string options =
      " --validation v.txt -q --layers 1 --channels 16 --heads 2 --context 8 --batch 2 --dropout 0.2 --eval-every 15 "
      "--save-every 10 --keep 9 --steps 40";
  const Unbroken unbroken(here, options);
  REQUIRE(run_primer(here, "train t.txt -o unbroken" + options).code == 0);
  REQUIRE(run_primer(here, "train --resume -o unbroken --checkpoint 20 -q").code == 0);
  CHECK(file_bytes(here / "unbroken/metrics.jsonl") == unbroken.tree.at("metrics.jsonl"));
}

TEST_CASE("a folder may hold the text to validate with: it is not learned from") {
  const MemoryDirectory here;
  here.write("d/a.txt", prose(900));
  here.write("d/v.txt", prose(300));
  const Outcome plan = run_primer(here, "train d --validation d/v.txt --dry-run --json" + small_run);
  CHECK(Json::parse(plan.out)["tokens"] == 900);
  CHECK(Json::parse(plan.out)["validation_tokens"] == 300);
  check_refusal(here, "train d/v.txt --validation d/v.txt -q", 3, "none is left to learn from");
}

TEST_CASE("what does not go with a text of one's own is refused in one line") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  here.write("v.txt", prose(400));
  here.write("odd.txt", prose(400) + "!");
  here.write("one.txt", "x");
  check_refusal(here, "train t.txt --validation v.txt --val-fraction 0.2", 2, "--val-fraction divides the text");
  check_refusal(here, "train t.txt --validation none.txt", 3, "no such file");
  check_refusal(here, "train t.txt --validation one.txt", 3, "--validation is too short: it has 1 token");
  check_refusal(here, "train - --validation - < t.txt", 2, "standard input (-) is given twice");
  REQUIRE(run_primer(here, "train t.txt -o first" + quick).code == 0);
  CHECK(run_primer(here, "train t.txt --init-from first --validation odd.txt --dry-run")
            .out.find("\"!\" (U+0021) is not") != std::string::npos);
}

TEST_CASE("a label that is in one part only is refused with both counts; lines of one's own are validated with") {
  const MemoryDirectory here;
  std::string lines, own = "even\tof 100\nodd\tis 101\nodd\tis 103\n";
  for (int i = 0; i < 40; ++i) lines += (i % 2 ? "odd\tis " : "even\tof ") + std::to_string(i) + "\n";
  here.write("l.tsv", lines);
  here.write("more.tsv", lines + "none\tat all\n");
  here.write("v.tsv", own);
  here.write("w.tsv", own + "none\tat all\nnone\tat all\n");
  const std::string classify = " --objective classify" + quick;
  check_refusal(here, "train l.tsv --validation w.tsv" + classify, 3,
                "the label 'none' has 0 lines to learn from and 2 to validate with");
  check_refusal(here, "train more.tsv --validation v.tsv" + classify, 3,
                "the label 'none' has 1 line to learn from and 0 to validate with");
  REQUIRE(run_primer(here, "train l.tsv --validation v.tsv -o run" + classify).code == 0);
  CHECK(Json::parse(run_primer(here, "eval run --json").out)["tokens"] == 3);
  const Json plan = Json::parse(run_primer(here, "train l.tsv --validation v.tsv --dry-run --json" + classify).out);
  CHECK(plan["steps_per_epoch"] == 10);  // 40 lines, 4 a step
}

TEST_CASE("documents of one's own are validated with") {
  const MemoryDirectory here;
  std::string documents;
  for (int i = 0; i < 60; ++i) documents += "it is " + std::to_string(i) + (i % 5 == 4 ? ".\n\n" : ".\n");
  here.write("d.txt", documents);
  here.write("v.txt", documents.substr(0, 300));
  here.write("one.txt", "it is 1. it is 2.");
  const std::string options =
      " --objective mlm --next-sentence --context 24 -q --layers 1 --channels 16 --heads 2 --steps 3";
  REQUIRE(run_primer(here, "train d.txt --validation v.txt -o run" + options).code == 0);
  const Json own = Json::parse(run_primer(here, "eval run --json").out);
  CHECK(own["loss"] == Json::parse(run_primer(here, "eval run v.txt --json").out)["loss"]);
  CHECK(own["perplexity"] == doctest::Approx(std::exp(own["masked_loss"].get<double>())));  // of words, not of pairs
  check_refusal(here, "train d.txt --validation one.txt" + options, 3, "found 1 document, 2 sentences");
}

TEST_CASE("eval says which share of the text it has read, if it was not all") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  REQUIRE(run_primer(here, "train t.txt --split tail -o run" + quick).code == 0);
  CHECK(run_primer(here, "eval run").out.find("read ") == std::string::npos);
  CHECK(Json::parse(run_primer(here, "eval run --json").out)["share"] == 1);
  const Json some = Json::parse(run_primer(here, "eval run --eval-batches 2 --json").out);  // of 15 windows 4
  CHECK(some["share"].get<double>() == doctest::Approx(4.0 / 15));
  CHECK(some["cut"] == 0);
  CHECK(run_primer(here, "eval run --eval-batches 2").out.find("read        26.7 % of the text, spread over it\n") !=
        std::string::npos);
}
