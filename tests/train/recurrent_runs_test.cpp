// Runs of recurrent bodies: cut and resumed, on other numbers of threads, begun from, sampled, and what they refuse.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/nn/small_model.h"
#include "tests/threads.h"
#include "tests/train/process.h"
#include "tests/train/small_run.h"
#include "train/checkpoints/loaded_run.h"
#include "train/step/generate.h"
#include "train/tasks/presets.h"
#include "train/use/attend.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::nn::BodyKind;
using primer::test::Threads;

namespace {

const std::string bodies[] = {"rnn", "gru", "lstm"};

Options small_body(const std::string& body, Options more = {}) {
  Options options{{"body", body},  {"layers", "2"},     {"channels", "15"},  {"context", "8"},
                  {"batch", "3"},  {"dropout", "0.2"},  {"accumulate", "2"}, {"patience", "0"},
                  {"steps", "40"}, {"eval_every", "7"}, {"lr", "0.01"}};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

std::string refusal(const Options& options) {
  try {
    check_choices(wishes(options), false);
  } catch (const Error& error) {
    CHECK(error.fault() == primer::autograd::Fault::usage);
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a recurrent run that is cut anywhere ends as the unbroken one, byte for byte") {
  const Threads threads(1);
  for (const std::string& body : bodies) {
    CAPTURE(body);
    const TrainedRun whole(prose(900), small_body(body));
    REQUIRE(whole.train().step == 40);
    for (const long look : {0L, 9L, 30L, 61L}) {
      const TrainedRun cut(prose(900), small_body(body));
      RaiseAt signal(look, SIGTERM);
      REQUIRE(cut.train(signal).signal == SIGTERM);
      cut.train();
      CHECK(essence(cut, 40) == essence(whole, 40));
    }
  }
}

TEST_CASE("a recurrent training writes the same weights on any number of threads") {
  for (const std::string& body : bodies) {
    CAPTURE(body);
    check_threads(prose(3000),
                  small_body(body, {{"channels", "40"}, {"context", "32"}, {"batch", "14"}, {"steps", "6"}}), 6);
  }
}

TEST_CASE("a recurrent training that is killed ends as the unbroken one") {
  for (const std::string& body : bodies) {
    CAPTURE(body);
    const MemoryDirectory here;
    here.write("t.txt", prose(1200));
    const std::string options = " --body " + body + " --layers 1 --channels 16 --context 8 --batch 4 --steps 60 " +
                                "--save-every 1 --eval-every 20 --patience 0 -q";
    const Unbroken unbroken(here, options);
    Process process(here, "exec primer train t.txt -o run" + options);
    process.until([&] { return std::filesystem::exists(here / "run"); });
    process.send(SIGKILL);
    process.wait();
    CHECK(run_primer(here, "train --resume -o run -q").code == 0);
    CHECK(difference(unbroken.tree, tree_of(here / "run")) == "");
  }
}

TEST_CASE("a recurrent run begins with another's weights, which keep their shape") {
  const FreshDirectory here;
  here.write("t.txt", prose(3000));
  const std::string steps = " --steps 30 --context 8 --batch 4 -q";
  for (const std::string& body : bodies) {
    CAPTURE(body);
    REQUIRE(run_primer(here, "train t.txt -o " + body + " --body " + body + " --layers 1 --channels 16" + steps).code ==
            0);
    CHECK(run_primer(here, "train t.txt -o next-" + body + " --init-from " + body + " --steps 3 -q").code == 0);
    CHECK(load_run(here / ("next-" + body), {})->network->config().body ==
          primer::autograd::word<BodyKind>(body).value());
    const auto other = run_primer(here, "train t.txt -o no --init-from " + body + " --body transformer --steps 3 -q");
    CHECK(other.code == 2);
    CHECK(other.err.find("leave out --body transformer (the model has " + body + ")") != std::string::npos);
    CHECK(run_primer(here, "eval " + body).code == 0);
    CHECK(run_primer(here, "sample " + body + " --tokens 40").code == 0);
    const auto attention = run_primer(here, "attention " + body + " abc");
    CHECK(attention.code == 3);
    CHECK(attention.err.find(body + " is a model without attention to show\n") != std::string::npos);
    CHECK(std::count(attention.err.begin(), attention.err.end(), '\n') == 1);
    // Its own configuration, all of it, makes such a run again.
    CHECK(run_primer(here, "train t.txt --config " + body + "/config.json --dry-run").code == 0);
  }
}

TEST_CASE("what a recurrent body does not have is refused where it was chosen, and does not matter where it was not") {
  CHECK(refusal({{"body", "lstm"}, {"heads", "4"}}) == "--body lstm has nothing of a transformer's: leave out --heads");
  CHECK(refusal({{"norm", "pre"}, {"body", "gru"}, {"position", "none"}}) ==
        "--body gru has nothing of a transformer's: leave out --position, --norm");
  CHECK(refusal({{"body", "rnn"}, {"ffn_channels", "0"}}).ends_with("leave out --ffn-channels"));
  CHECK(refusal({{"body", "rnn"}, {"activation", "relu"}}).ends_with("leave out --activation"));
  for (const char* objective : {"mlm", "classify"})
    CHECK(refusal({{"body", "gru"}, {"objective", objective}}) ==
          "--objective " + std::string(objective) +
              " reads in both directions, and --body gru in one: leave out one of them");
  CHECK(refusal({{"body", "lstm"}, {"layers", "3"}, {"channels", "30"}, {"bias", "false"}, {"tie", "false"}}) == "");
  CHECK(refusal({{"body", "transformer"}, {"heads", "3"}}) == "");
  Config config = wishes({{"body", "lstm"}});
  read_json(config, R"({"heads": 4})", "f", ChosenBy::file);
  CHECK_NOTHROW(check_choices(config, false));
  read_json(config, R"({"heads": 2})", "f", ChosenBy::file);
  CHECK_THROWS_AS(check_choices(config, false), Error);

  // A preset is made for a transformer: of it a recurrent body takes what it has.
  config = Config{};
  apply_preset(config, "nanogpt-gpu");
  choose(config, &Config::body, BodyKind::lstm, ChosenBy::flag);
  SurveyedText text(prose(20'000));
  const Config planned = make_plan(config, text.facts, read_text(config, text.sources, text.facts, {})).config;
  CHECK(planned.channels == 384);
  CHECK(planned.heads == Config{}.heads);
  CHECK(planned.activation == Config{}.activation);
  CHECK_FALSE(planned.bias);  // the preset's choice
}

TEST_CASE("an LSTM has biases unless they are left out, and heads are not asked to divide its channels") {
  SurveyedText text(prose(20'000));
  const auto planned = [&](const Options& options) {
    const Config own = wishes(options);
    return make_plan(own, text.facts, read_text(own, text.sources, text.facts, {}));
  };
  const Plan plan = planned({{"body", "lstm"}, {"channels", "30"}});
  CHECK(plan.config.bias);
  CHECK_FALSE(planned({{"body", "lstm"}, {"bias", "false"}}).config.bias);
  CHECK_FALSE(planned({}).config.bias);
  CHECK(plan_text(plan).find("lstm, 3 layers, 30 channels, context") != std::string::npos);
}

TEST_CASE("a recurrent text goes on past the context from its state: nothing is read twice, nothing forgotten") {
  for (const BodyKind body : {BodyKind::rnn, BodyKind::gru, BodyKind::lstm}) {
    constexpr long V = 29;
    primer::test::SmallModel<float> model({.body = body, .vocabulary = V, .context = 6, .layers = 2, .channels = 16});
    model.stir();
    const std::vector<int> prompt = primer::test::random_ids(20, V, "prompt");  // longer than the context
    std::vector<int> text = prompt;
    model.tape.multiplier.work = {};
    generate(model.gpt, model.tape, prompt, 60, {.temperature = 0}, {}, [&](std::uint64_t, int id) {
      text.push_back(id);
      return true;
    });
    const double flop = model.tape.multiplier.work.flop;
    REQUIRE(text.size() == 80);
    const auto logits = model.logits(text, 1);  // [80, V], the whole text at once
    for (std::size_t i = prompt.size(); i < text.size(); ++i) {
      const float* row = &logits[(i - 1) * V];
      CHECK(*std::max_element(row, row + V) - row[text[i]] < 1e-4);
    }
    model.tape.multiplier.work = {};
    model.logits(std::vector<int>(text.begin(), text.end() - 1), 1);
    CHECK(flop <= model.tape.multiplier.work.flop);
  }
}
