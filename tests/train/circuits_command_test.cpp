// primer circuits as people meet it: a run becomes a page, or one JSON object, with every head of its model.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "nn/transformer.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"
#include "train/checkpoints/loaded_run.h"
#include "train/circuits/circuits.h"
#include "train/step/evaluate.h"

using namespace primer::train;
using nlohmann::json;

namespace {

const std::string size = " --layers 2 --channels 16 --heads 4 --batch 4 --steps 30 --lr 0.01 -q -o run";

void train(const FreshDirectory& here, const std::string& options, const std::string& text = prose(6000)) {
  here.write("t.txt", text);
  const Outcome outcome = run_primer(here, "train t.txt" + size + options);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
}

json circuits(const FreshDirectory& here, const std::string& options = "") {
  const Outcome outcome = run_primer(here, "circuits run --json" + options);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(std::count(outcome.out.begin(), outcome.out.end(), '\n') == 1);
  return json::parse(outcome.out);
}

}  // namespace

TEST_CASE("the JSON of a run has every head, with the figures of its model, and one that has learned nothing no name") {
  const FreshDirectory here;
  train(here, " --context 64");
  const json all = circuits(here);
  CHECK(all["layers"] == 2);
  CHECK(all["heads_per_layer"] == 4);
  CHECK(all["repeated"]["block"] == 16);  // four times over in a context of 64
  REQUIRE(all["heads"].size() == 8);
  const auto run = load_run(here / "run");
  const auto sums = token_sums_of(*run->network);
  for (std::size_t i = 0; i < 8; ++i) {
    const json& head = all["heads"][i];
    CHECK(head["layer"] == i / 4);
    CHECK(head["head"] == i % 4);
    CHECK(head["names"].empty());
    for (const char* where : {"repeated", "text"}) {
      REQUIRE(head[where].size() == 4);
      for (const json& score : head[where]) CHECK((score.is_number() && score >= 0 && score <= 1));
    }
    const auto weights = weights_of(*run->network, {static_cast<long>(i / 4), static_cast<long>(i % 4)});
    CHECK(head["ov_positivity"].get<double>() == doctest::Approx(ov_positivity(weights, sums)));
    CHECK(head["qk_positivity"].get<double>() == doctest::Approx(qk_positivity(weights, sums)));
    CHECK(head["added_loss"].is_number());
    CHECK(head["raises"].size() == 10);
  }
  REQUIRE(all["compositions"].size() == 1);
  CHECK(all["random_composition"] == 0.25);
  CHECK(all["compositions"][0]["later"] == 1);
  const auto composition = composition_of(*run->network, {1, 2}, {0, 3});
  CHECK(all["compositions"][0]["k"][2][3].get<double>() == doctest::Approx(composition.k));
  CHECK(all["compositions"][0]["q"].size() == 4);
}

TEST_CASE("a head that looks at the same token has that name and its score, and another none") {
  const FreshDirectory here;
  here.write("t.txt", prose(6000));
  const std::string shape = " --layers 2 --channels 16 --heads 1 --context 64 --position none --tokenizer char";
  REQUIRE(run_primer(here, "train t.txt -q -o run --steps 3 --batch 2" + shape).code == 0);
  const auto run = load_run(here / "run");
  const primer::data::TokenVector text(run->encode(prose(2000)));
  using Names = std::vector<std::vector<std::string>>;
  CHECK(named_heads(*run, text, 8) == Names(2));
  auto& body = dynamic_cast<primer::nn::Transformer<float>&>(*run->network->body);
  float* const qkv = body.blocks[0].attention.qkv.weight.data();  // [3 C, C]
  for (long i = 0; i < 2 * 16 * 16; ++i) qkv[i] = i / 16 % 16 == i % 16 ? 5.0f : 0.0f;
  const Names names = named_heads(*run, text, 8);
  REQUIRE(names.size() == 2);
  CHECK(names[1].empty());
  REQUIRE(names[0].size() == 1);
  CHECK(names[0][0].starts_with("duplicate-token 0."));
  // of a token and 1, 2 or 3 earlier ones like it the earlier ones have 1/2, 2/3 or 3/4
  CHECK(std::stod(names[0][0].substr(16)) == doctest::Approx((1.0 / 2 + 2.0 / 3 + 3.0 / 4) / 3).epsilon(0.03));
}

TEST_CASE("the loss is that of eval, and without a head that of a model whose head brings nothing") {
  const FreshDirectory here;
  train(here, " --context 32");
  here.write("other.txt", prose(700));
  const json all = circuits(here, " --text other.txt");
  const json eval = json::parse(run_primer(here, "eval run other.txt --json").out);
  CHECK(all["text"]["loss"].get<double>() == doctest::Approx(eval["loss"].get<double>()).epsilon(1e-6));
  CHECK(all["text"]["targets"] == eval["tokens"]);

  // The columns of its output projection are what a head brings.
  const auto run = load_run(here / "run");
  const long head = 2, D = 4, C = 16;
  float* weight = run->parameters.at("blocks.1.attention.output.weight").data();  // [C, C]
  for (long row = 0; row < C; ++row) std::fill_n(weight + row * C + head * D, D, 0.0f);
  const auto ids = run->tokenizer->encode(prose(700));
  const primer::data::TokenVector tokens(ids);
  primer::autograd::Tape<float> tape;
  const TextTask task{run->config, *run->tokenizer};
  const auto without = evaluate(*run->network, tape, task, tokens, 700, 4, 0);
  CHECK(all["heads"][6]["added_loss"].get<double>() ==
        doctest::Approx(without.loss - eval["loss"].get<double>()).epsilon(1e-3));
}

TEST_CASE("a text is a file, standard input or the argument itself, and a page holds what the JSON holds") {
  const FreshDirectory here;
  train(here, " --context 32");
  const std::string text = prose(300);
  here.write("other.txt", text);
  const json from_file = circuits(here, " --text other.txt");
  CHECK(circuits(here, " '" + text + "'") == from_file);
  CHECK(json::parse(run_primer(here, "circuits run --json --text -", "cat other.txt |").out) == from_file);
  CHECK(from_file != circuits(here));

  const Outcome saved = run_primer(here, "circuits run --text other.txt");
  CAPTURE(saved.err);
  REQUIRE(saved.code == 0);
  CHECK(saved.out.empty());
  CHECK(saved.err.find("saved  circuits.html") != std::string::npos);
  const std::string page = file_bytes(here / "circuits.html");
  CHECK(page.starts_with("<!doctype html>"));
  for (const char* part : {"Heads with a name", "Layer 1: the strongest pairs", "K-composition", "OV positivity",
                           "previous-token score, random tokens repeated"}) {
    CAPTURE(part);
    CHECK(page.find(part) != std::string::npos);
  }
  CHECK(run_primer(here, "circuits run --text other.txt -o -").out == page);
}

TEST_CASE("models of other shapes say what is left out: a BERT, labels, rotary positions, too small a context") {
  const FreshDirectory here;
  const auto notes = [](const json& all) {
    std::string text;
    for (const json& note : all["notes"]) text += note.get<std::string>() + "\n";
    return text;
  };
  train(here, " --context 32 --objective mlm");
  json all = circuits(here);
  CHECK(notes(all).find("reads in both directions") != std::string::npos);
  CHECK(all["heads"][0]["ov_positivity"].is_null());
  CHECK(all["heads"][0]["repeated"]["prefix_matching"].is_null());
  CHECK(all["heads"][0]["repeated"]["first_token"].is_number());
  CHECK(all["heads"][0]["added_loss"].is_number());
  CHECK(all["heads"][0]["raises"].empty());
  CHECK(run_primer(here, "circuits run -o bert.html").code == 0);

  train(here, " --context 32 --objective classify --force", [] {
    std::string lines;
    for (int i = 0; i < 60; ++i) lines += (i % 2 ? "odd\tis " : "even\tof ") + std::to_string(i) + "\n";
    return lines;
  }());
  all = circuits(here);
  CHECK(all["unit"] == "line");
  CHECK(all["heads"][0]["added_loss"].is_number());

  train(here, " --context 32 --position rotary --qk-norm --kv-heads 2 --norm-kind rms --force");
  all = circuits(here);
  CHECK(notes(all).find("Rotary") != std::string::npos);
  CHECK(notes(all).find("brought to one size") != std::string::npos);

  train(here, " --context 8 --norm none --ffn-channels -1 --val-fraction 0 --force");
  all = circuits(here);
  CHECK(notes(all).find("too small") != std::string::npos);
  CHECK(all["heads"][0]["repeated"]["first_token"].is_null());
  CHECK(all["heads"][0]["names"].empty());
  CHECK(run_primer(here, "circuits run -o small.html").code == 0);
}

TEST_CASE("what has no heads, or no text, is refused in one line") {
  const FreshDirectory here;
  train(here, " --context 16");
  check_refusal(here, "circuits missing", 3, "no run missing");
  check_refusal(here, "circuits run ''", 3, "the text is empty");
  check_refusal(here, "circuits run a", 3, "tokens");
  check_refusal(here, "circuits run --text missing.txt", 3, "missing.txt");
  check_refusal(here, "circuits run abc --text t.txt", 2, "--text");
  check_refusal(here, "circuits run --json -o x.html", 2, "-o");
  check_refusal(here, "circuits run -o run", 2, "run is there and no file");
  check_refusal(here, "circuits", 2, "RUN");
  REQUIRE(run_primer(here, "train t.txt --body gru --layers 1 --channels 16 --context 16 --steps 5 -q -o gru").code ==
          0);
  check_refusal(here, "circuits gru", 3, "gru is a model without attention");
  REQUIRE(run_primer(here, "train t.txt --layers 0 --channels 16 --context 16 --steps 5 -q -o flat").code == 0);
  check_refusal(here, "circuits flat --json", 3, "flat is a model without attention");
  CHECK(listing(here.path) == "flat gru run t.txt");
}

TEST_CASE("a signal leaves no temporary folder behind") {
  const FreshDirectory here;
  train(here, " --context 64");
  Process process(here,
                  "mkdir temporary && TMPDIR=temporary exec primer circuits run '" + prose(20'000) + "' -o x.html");
  CHECK(process.until([&] { return process.err().find("heads") != std::string::npos; }));
  CHECK(listing(here / "temporary").empty());
  process.send(SIGINT);
  process.wait();
  CHECK(listing(here / "temporary").empty());
}
