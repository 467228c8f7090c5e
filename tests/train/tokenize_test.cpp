// Tokenizers as people meet them: primer tokenize, and training with a tokenizer of one's own.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/train/planned.h"
#include "tests/train/process.h"

namespace fs = std::filesystem;

namespace {

const std::string tiny = " --layers 1 --channels 16 --heads 2 --context 16 --batch 4 --steps 6 ";

}  // namespace

TEST_CASE("a tokenizer is learned, encodes, decodes and counts from the command line") {
  const FreshDirectory here;
  const std::string text = prose(20'000) + "\xE4\xBD\xA0\xFF \r\n";
  here.write("t.txt", text);
  const Outcome learned = run_primer(here, "tokenize train t.txt --tokenizer bpe:400 -o own.json --special '[MASK]'");
  CAPTURE(learned.err);
  REQUIRE(learned.code == 0);
  CHECK(learned.err.starts_with("learn  400 pieces of words, from 20.0kB of text\n"));
  CHECK(learned.err.find("401 tokens") != std::string::npos);
  const Outcome encoded = run_primer(here, "tokenize encode t.txt --tokenizer own.json");
  REQUIRE(encoded.code == 0);
  CHECK(std::count(encoded.out.begin(), encoded.out.end(), '\n') == 1);
  here.write("ids", encoded.out);
  const Outcome decoded = run_primer(here, "tokenize decode ids --tokenizer own.json");
  CHECK(decoded.code == 0);
  CHECK(decoded.out == text);

  const Outcome counted = run_primer(here, "tokenize stats t.txt --tokenizer own.json --json --top 3");
  REQUIRE(counted.code == 0);
  const auto stats = nlohmann::json::parse(counted.out);
  CHECK(stats["bytes"] == text.size());
  CHECK(stats["tokens"] == std::count(encoded.out.begin(), encoded.out.end(), ' ') + 1);
  CHECK(stats["common"].size() == 3);
  CHECK(stats["common"][0]["count"] >= stats["common"][1]["count"]);
  CHECK(stats["long"][0]["token"].get<std::string>().size() >= stats["long"][1]["token"].get<std::string>().size());
  const Outcome table = run_primer(here, "tokenize stats t.txt --tokenizer own.json");
  CHECK(table.out.starts_with("tokenizer   bpe, vocabulary 401"));

  here.write("masked", "a [MASK]");
  CHECK(run_primer(here, "tokenize encode masked --tokenizer own.json --specials").out.ends_with(" 400\n"));
  CHECK(run_primer(here, "tokenize encode masked --tokenizer own.json").out.find("400") == std::string::npos);
}

TEST_CASE("characters and bytes save themselves in the same form") {
  const FreshDirectory here;
  here.write("t.txt", "abc");
  for (const std::string kind : {"char", "byte"}) {
    REQUIRE(run_primer(here, "tokenize train t.txt -q --tokenizer " + kind + " -o " + kind + ".json").code == 0);
    const std::string ids = kind == "char" ? "0 1 2\n" : "97 98 99\n";
    CHECK(run_primer(here, "tokenize encode t.txt --tokenizer " + kind + ".json").out == ids);
  }
}

TEST_CASE("wrong uses of tokenizers end with 2, wrong files with 3") {
  const FreshDirectory here;
  here.write("t.txt", prose(500));
  here.write("bad.json", "{}");
  here.write("ids", "x 1 2");
  check_refusal(here, "tokenize", 2, "primer tokenize --help");
  check_refusal(here, "tokenize trian", 2, "did you mean train?");
  check_refusal(here, "tokenize encode t.txt", 2, "--tokenizer");
  check_refusal(here, "tokenize encode t.txt --tokenzier x", 2, "--tokenizer");
  check_refusal(here, "tokenize train t.txt --tokenizer bpe:256", 2, "257");
  check_refusal(here, "tokenize train t.txt --tokenizer bpe:4k", 2, "bpe:SIZE");
  check_refusal(here, "tokenize train t.txt -o bad.json", 2, "exists");
  check_refusal(here, "tokenize train missing.txt", 3, "missing.txt");
  check_refusal(here, "tokenize encode t.txt --tokenizer bad.json", 3, "bad.json");
  check_refusal(here, "tokenize encode t.txt --tokenizer missing.json", 3, "no such file");
  REQUIRE(run_primer(here, "tokenize train t.txt -q --tokenizer byte -o byte.json").code == 0);
  check_refusal(here, "tokenize decode ids --tokenizer byte.json", 3, "\"x\" is no token");
  here.write("ids", "000000000000000000000000005");
  check_refusal(here, "tokenize decode ids --tokenizer byte.json", 3, "is no token; they are 0 to 255");
  here.write("ids", "256");
  check_refusal(here, "tokenize decode ids --tokenizer byte.json", 3, "\"256\" is no token; they are 0 to 255");
  check_refusal(here, "tokenize train t.txt -q -o x.json --special a", 2, "\"a\" has the name of a piece");
  check_refusal(here, "tokenize train t.txt -q -o x.json --tokenizer char --special a", 2, "cannot be the name");
  check_refusal(here, "train t.txt --tokenizer bpe:x", 2, "bpe:SIZE (257 to 1000000)");
  check_refusal(here, "train t.txt --tokenizer chra", 2, "did you mean char?");
  check_refusal(here, "train t.txt --tokenizer bpe", 2, "./NAME)\n");  // not: did you mean byte?
  check_refusal(here, "train t.txt --tokenizer ./missing.json", 3, "no such file");
  here.write("vocab.txt", "[UNK]\n[CLS]\na\n");
  for (const std::string tokenizer : {"./byte.json", "vocab.txt"}) {
    const std::string masked = "train t.txt --objective mlm --tokenizer " + tokenizer;
    check_refusal(here, masked, 3, "[SEP], [MASK], which --objective mlm needs");
    check_refusal(here, masked + " --dry-run", 3, "--special '[MASK]'");
  }
}

TEST_CASE("what is skipped of a folder is said, and what is about to be learned, unless quiet") {
  const FreshDirectory here;
  fs::create_directory(here / "texts");
  here.write("texts/a.txt", prose(3'000));
  here.write("texts/b.bin", std::string(10, '\0'));
  const Outcome learned = run_primer(here, "tokenize train texts --tokenizer bpe:300 -o own.json");
  CHECK(learned.code == 0);
  CHECK(learned.err.find("skipped 1 (1 with NUL bytes)") != std::string::npos);
  const Outcome encoded = run_primer(here, "tokenize encode texts --tokenizer own.json");
  CHECK(encoded.err.find("skipped 1") != std::string::npos);
  CHECK(std::count(encoded.out.begin(), encoded.out.end(), '\n') == 1);
  CHECK(run_primer(here, "tokenize train texts -q --tokenizer bpe:300 -o other.json").err.empty());

  const Outcome trained = run_primer(here, "train texts -o run --tokenizer bpe:300" + tiny);
  CHECK(trained.err.starts_with("learn  300 pieces of words, from 3.00kB of text\n"));
  CHECK(run_primer(here, "train texts -q -o other --tokenizer bpe:300" + tiny).err.empty());
  CHECK(run_primer(here, "train texts -o characters --tokenizer char" + tiny).err.find("learn") == std::string::npos);
}

TEST_CASE("a training with pieces of words is resumed to the same weights, and its samples are text") {
  const FreshDirectory here;
  here.write("t.txt", prose(30'000));
  const std::string three =
      " --layers 1 --channels 16 --heads 2 --context 16 --batch 4 --schedule constant --warmup 0 "
      "--eval-every 3 ";
  REQUIRE(run_primer(here, "train t.txt -q -o one --tokenizer bpe:300 --steps 6" + three).code == 0);
  REQUIRE(run_primer(here, "train t.txt -q -o two --tokenizer bpe:300 --steps 3" + three).code == 0);
  REQUIRE(run_primer(here, "train --resume -q -o two --steps 6").code == 0);
  const std::string last = "/checkpoints/step-000000006/";
  CHECK(file_bytes(here / ("one" + last + "tokenizer.json")) == file_bytes(here / ("two" + last + "tokenizer.json")));
  CHECK(file_bytes(here / ("one" + last + "optimizer.safetensors")) ==
        file_bytes(here / ("two" + last + "optimizer.safetensors")));
  const auto info = nlohmann::json::parse(run_primer(here, "info one --json").out);
  CHECK(info["tokenizer"] == "bpe");
  CHECK(info["vocabulary"] == 300);
  CHECK(info["config"]["tokenizer"] == "bpe:300");
  const Outcome sample = run_primer(here, "sample one --tokens 20 --prompt 'ab c'");
  CHECK(sample.code == 0);
  CHECK(sample.out.starts_with("ab c"));
  const auto evaluated = nlohmann::json::parse(run_primer(here, "eval one t.txt --json").out);
  const double nats_per_byte = evaluated["bits_per_byte"].get<double>() * 0.693147;
  CHECK(nats_per_byte < evaluated["loss"].get<double>());  // a token is more than a byte
}

TEST_CASE("a masked model is trained over pieces of words, and a run's tokenizer can be another's") {
  const FreshDirectory here;
  here.write("t.txt", prose(8'000));
  REQUIRE(run_primer(here, "train t.txt -q -o run --objective mlm --tokenizer bpe:300" + tiny).code == 0);
  CHECK(nlohmann::json::parse(run_primer(here, "info run --json").out)["vocabulary"] == 303);
  const std::string masked = "--objective mlm --tokenizer run/tokenizer.json" + tiny;
  const Outcome again = run_primer(here, "train t.txt -q -o again " + masked);
  CAPTURE(again.err);
  CHECK(again.code == 0);
  CHECK(file_bytes(here / "run/tokenizer.json") == file_bytes(here / "again/tokenizer.json"));
  here.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\n##b\nb\nc\n##c\n");
  REQUIRE(run_primer(here, "train t.txt -q -o words --tokenizer vocab.txt --objective lm" + tiny).code == 0);
  const auto evaluated = nlohmann::json::parse(run_primer(here, "eval words --json").out);
  CHECK(evaluated["bits_per_byte"].is_null());  // what is left of the text is no code for it
}
