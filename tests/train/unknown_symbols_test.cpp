// Runs whose vocabulary of characters has [UNK], runs that meet symbols they lack, and vocabularies that grow.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/tokenizers/tokenizer.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"
#include "train/checkpoints/loaded_run.h"
#include "train/checkpoints/recipe.h"
#include "train/step/generate.h"

using namespace primer::train;
using Json = nlohmann::json;

namespace {

const std::string quick = small_run + " --tokenizer char -q ";

Json evaluated(const MemoryDirectory& here, const std::string& run, const std::string& text) {
  return Json::parse(run_primer(here, "eval " + run + " " + text + " --json").out);
}

}  // namespace

TEST_CASE("a new vocabulary of characters has [UNK], which an eighth of the symbols that occur once teaches it") {
  const MemoryDirectory here;
  std::string rare;
  for (char c = 'A'; c <= 'P'; ++c) rare += c;
  here.write("t.txt", prose(900) + rare + prose(900));
  const Json plan = Json::parse(run_primer(here, "train t.txt --tokenizer char --dry-run --json" + small_run).out);
  CHECK(plan["vocabulary"] == 28 + 14 + 1);
  CHECK(plan["config"]["unknown_symbol"] == true);
  CHECK(run_primer(here, "train t.txt --tokenizer char --dry-run" + small_run)
            .out.find("2 symbols that occur once are read as [UNK]") != std::string::npos);
  const auto vocabulary = [&](const std::string& options) {
    return Json::parse(run_primer(here, "train t.txt --dry-run --json " + options).out)["vocabulary"];
  };
  CHECK(vocabulary("--tokenizer char --no-unknown-symbol") == 44);
  CHECK(vocabulary("--preset nanogpt-cpu --context 8") == 44);
  check_refusal(here, "train t.txt --tokenizer byte --unknown-symbol --dry-run", 2, "goes with --tokenizer char");

  REQUIRE(run_primer(here, "train t.txt -o run --steps 2" + quick).code == 0);
  const auto run = load_run(here / "run");
  CHECK(run->tokenizer->unknown() == 42);
  const primer::data::TokenFile tokens(run->paths.tokens());
  CHECK(tokens.train_size() + tokens.validation_size() == 1816);
  CHECK(tokens.train_bytes() + tokens.validation_bytes() == 1814);
}

TEST_CASE("what a text has beyond the vocabulary is not scored, its share is told, and every command says so") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1500) + "!");
  here.write("odd.txt", prose(300) + "\xC3\x9F" + prose(99));
  REQUIRE(run_primer(here, "train t.txt -o with --steps 4" + quick).code == 0);
  REQUIRE(run_primer(here, "train t.txt -o without --no-unknown-symbol --steps 4" + quick).code == 0);
  const Json with = evaluated(here, "with", "odd.txt"), without = evaluated(here, "without", "odd.txt");
  CHECK(with["tokens"] == 398);
  CHECK(with["unknown_share"] == doctest::Approx(1.0 / 399));
  // 399 bytes are known; the loss is the mean over 398 targets, the first token being none.
  CHECK(with["bits_per_byte"].get<double>() ==
        doctest::Approx(with["loss"].get<double>() / std::log(2.0)).epsilon(1e-4));
  CHECK(without["tokens"] == 398);
  CHECK(without["unknown_share"] == 0);
  const std::string told = run_primer(here, "eval with odd.txt").err;
  CHECK(told.find("the symbol \"\xC3\x9F\" (U+00DF) is not in the vocabulary and is read as [UNK]") != told.npos);
  for (const std::string command : {"eval without odd.txt", "sample without --prompt 'a\xC3\x9F' --tokens 3",
                                    "attention without 'a\xC3\x9F' -o a.html"}) {
    const auto done = run_primer(here, command);
    CHECK_MESSAGE(done.code == 0, command);
    CHECK_MESSAGE(done.err.find("(U+00DF) is not in the vocabulary and is left out") != done.err.npos, command);
  }
  here.write("none.txt", "\xC3\x9F\xC3\xB6");
  check_refusal(here, "eval with none.txt", 3, "nothing of the text is in the vocabulary");
}

TEST_CASE("[UNK] is never written") {
  const MemoryDirectory here;
  here.write("t.txt", "aQ" + prose(300));
  REQUIRE(run_primer(here, "train t.txt -o run --steps 1" + quick).code == 0);
  const auto run = load_run(here / "run");
  const int unknown = run->tokenizer->unknown();
  REQUIRE(unknown >= 0);
  const auto drawn = [&](int never) {
    primer::autograd::Tape<float> tape;
    long count = 0;
    generate(*run->network, tape, run->encode("a"), 100, {.temperature = 2}, {0, 8},
             [&](std::uint64_t, int id) { return count += id == unknown, true; }, {never});
    return count;
  };
  CHECK(drawn(-1) > 0);
  CHECK(drawn(unknown) == 0);
}

TEST_CASE("a vocabulary that is extended keeps its rows bit for bit, and learns the symbols that are new") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1500));
  here.write("new.txt", prose(700) + "\xC3\x9F!" + prose(700) + "!\xC3\x9F" + prose(300));
  for (const std::string& tie : {std::string("--tie"), std::string("--no-tie")}) {
    const std::string first = "first" + tie, second = "second" + tie;
    REQUIRE(run_primer(here, "train t.txt -o " + first + " --steps 3 " + tie + quick).code == 0);
    const auto plain = run_primer(here, "train new.txt --init-from " + first + " -o plain" + tie + " --steps 3 -q");
    CHECK(plain.code == 0);
    REQUIRE(run_primer(here, "train new.txt --extend-vocabulary --init-from " + first + " -o " + second +
                                 " --steps 3 --keep 9 --save-every 1 -q")
                .code == 0);
    const auto before = load_run(here / first), begun = load_run(here / second, parse_choice("0"));
    const int old_size = before->tokenizer->vocabulary_size();
    CHECK(begun->tokenizer->vocabulary_size() == old_size + 2);
    CHECK(begun->encode("!\xC3\x9F") == std::vector<int>{old_size, old_size + 1});
    CHECK(begun->unknown.symbols == 0);
    int grown = 0;
    const auto entries = before->parameters.entries();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto& a = entries[i];
      const auto& b = begun->parameters.entries()[i];
      REQUIRE(a.path == b.path);
      CHECK(std::equal(before->parameters.values() + a.offset, before->parameters.values() + a.offset + a.shape.size(),
                       begun->parameters.values() + b.offset));
      if (b.shape.size() == a.shape.size()) continue;
      ++grown;
      const float* const rows = begun->parameters.values() + b.offset + a.shape.size();
      CHECK(std::any_of(rows, rows + (b.shape.size() - a.shape.size()), [](float x) { return x != 0; }));
    }
    CHECK(grown == (tie == "--tie" ? 1 : 2));
    CHECK(evaluated(here, second, "new.txt")["unknown_share"] == 0);
    REQUIRE(run_primer(here, "train --resume -o " + second + " --steps 5 -q").code == 0);
  }
  check_refusal(here, "train new.txt --extend-vocabulary --dry-run", 2, "goes with --init-from");
  REQUIRE(run_primer(here, "train t.txt -o bytes --steps 1 --tokenizer byte -q" + small_run).code == 0);
  check_refusal(here, "train new.txt --extend-vocabulary --init-from bytes --dry-run", 2, "a vocabulary of characters");
}
