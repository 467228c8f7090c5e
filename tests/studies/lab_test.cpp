// The laboratory: its loop is the trainer's, a claim that fails is seen to fail, and a report says what was found.
#include "studies/lab/lab.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "studies/lab/estimate.h"
#include "studies/lab/fit.h"
#include "studies/lab/report.h"
#include "tests/threads.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"
#include "train/step/trainer.h"

using namespace primer::studies;
namespace train = primer::train;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
train::Interruption none;

/// A study that finds these numbers.
double found_by_it = 0.5;
const Study answer{
    "answer", "tests", "Is it so?", "nobody", 0.1, [](Lab& lab) {
      lab.claim("half", exact(found_by_it), between(0.4, 0.6));
      lab.each_seed([&](std::uint64_t seed) { lab.claim("seeds", 1.0 * seed, at_least(1)); });
      lab.figure("something", exact(7));
      lab.picture(train::line_chart({"A line", "It rises."}, {.name = "x"}, {.name = "y"}, {{"line", {0, 1}, {0, 1}}}));
      lab.note("What <was> done.");
    }};

class AtOnce : public train::Interruption {
 public:
  int stop() override { return SIGTERM; }
};

}  // namespace

TEST_CASE("the loop's losses and weights are the trainer's on the same batches, bit for bit, dropout included") {
  const primer::test::Threads threads(2);
  const std::string text = prose(3000);
  const SurveyedText surveyed(text);
  const train::Plan plan = train::make_plan(wishes({{"val_fraction", "0"},
                                                    {"layers", "2"},
                                                    {"heads", "2"},
                                                    {"channels", "16"},
                                                    {"context", "16"},
                                                    {"batch", "4"},
                                                    {"dropout", "0.1"},
                                                    {"lr", "0.01"},
                                                    {"min_lr", "0.001"},
                                                    {"warmup", "3"},
                                                    {"clip", "0.5"},
                                                    {"steps", "12"}}),
                                            surveyed.facts);
  const train::Config& config = plan.config;
  const primer::data::TokenVector tokens(plan.tokenizer->encode(text));
  train::Trainer<float> trainer(config, *plan.tokenizer, tokens);
  std::vector<double> wanted;
  for (long i = 0; i < 12; ++i) wanted.push_back(trainer.step().loss);

  const train::TextTask task{config, *plan.tokenizer};
  primer::data::TrainingBatches examples(task.examples(tokens), static_cast<std::uint64_t>(config.seed));
  const auto seed = static_cast<std::uint64_t>(config.seed);
  Net<float> net(trainer.model().config(), seed);
  const std::vector<double> found = fit<float>(net,
                                               {.steps = 12,
                                                .lr = config.lr,
                                                .min_lr = config.min_lr,
                                                .warmup = config.warmup,
                                                .decay = config.schedule,
                                                .clip = config.clip,
                                                .beta1 = config.beta1,
                                                .beta2 = config.beta2,
                                                .weight_decay = config.weight_decay,
                                                .seed = seed},
                                               none, [&](long) {
                                                 primer::data::Batch batch;
                                                 examples.next(4, batch);
                                                 return batch;
                                               });
  CHECK(found == wanted);
  const auto& p = trainer.parameters();
  CHECK(std::equal(p.values(), p.values() + p.size(), net.parameters.values()));
}

TEST_CASE("a claim that fails is seen to fail, in the table, in the figures and as the verdict; a NaN never passes") {
  const FreshDirectory here;
  for (const auto& [value, holds] : {std::pair{0.5, true}, {0.61, false}, {not_a_number, false}}) {
    CAPTURE(value);
    found_by_it = value;
    const LabOptions options{.folder = here / ("study" + std::to_string(value)), .seeds = 2};
    const Report report = run_study(answer, options, none);
    CHECK(report.holds() == holds);
    const std::string table = table_of(report);
    CHECK(table.ends_with(holds ? "\nstudy answer: pass, 2 claims\n" : "\nstudy answer: FAIL, 1 of 2 claims\n"));
    CHECK((table.find("wanted 0.4 to 0.6  FAIL\n") != std::string::npos) == !holds);
    const auto json = nlohmann::json::parse(file_bytes(options.folder + "/figures.json"));
    CHECK(json["failed"] == (holds ? 0 : 1));
    CHECK(json["figures"][0]["holds"] == holds);
    CHECK(json["figures"][1]["count"] == 2);
    CHECK_FALSE(json["figures"][2].contains("wanted"));
    CHECK(finished(answer, options)->failed == (holds ? 0 : 1));
  }
}

TEST_CASE("a report is one page with its picture, whose data stand beside it; text is shown as text") {
  const FreshDirectory here;
  found_by_it = 0.5;
  const LabOptions options{.folder = here / "study"};
  run_study(answer, options, none);
  const std::string page = file_bytes(here / "study/report.html");
  CHECK(page.starts_with("<!doctype html>"));
  CHECK(page.find("<svg") != std::string::npos);
  CHECK(page.find("What &lt;was&gt; done.") != std::string::npos);
  CHECK(page.find("http://") == page.find("http://www.w3.org"));  // nothing is asked of a network
  CHECK(file_bytes(here / "study/picture-1.tsv").find("line\t1\t1") != std::string::npos);
}

TEST_CASE("a quick study claims nothing; what was asked otherwise is not finished; a folder is not written over") {
  const FreshDirectory here;
  found_by_it = 0.9;
  const LabOptions quick{.folder = here / "study", .quick = true};
  const Report report = run_study(answer, quick, none);
  CHECK(report.holds());
  CHECK(table_of(report).ends_with("\nstudy answer: quick, nothing is claimed\n"));
  CHECK(table_of(report).find("wanted") == std::string::npos);
  const auto json = nlohmann::json::parse(file_bytes(quick.folder + "/figures.json"));
  for (const char* key : {"claims", "failed"}) CHECK_FALSE(json.contains(key));
  for (const char* key : {"wanted", "holds"}) CHECK_FALSE(json["figures"][0].contains(key));
  CHECK(finished(answer, quick));
  CHECK_FALSE(finished(answer, {.folder = quick.folder}));
  CHECK_FALSE(finished(answer, {.folder = quick.folder, .seeds = 2, .quick = true}));
  CHECK_FALSE(finished(answer, {.folder = here / "elsewhere", .quick = true}));
  CHECK_THROWS_AS(run_study(answer, quick, none), primer::autograd::Error);
}

TEST_CASE("what was found is told before it is written, and a folder that is another one by now stays as it is") {
  const FreshDirectory here;
  found_by_it = 0.5;
  std::string told;
  const auto tell = [&](const Report& report) {
    told = table_of(report);
    std::filesystem::rename(here / "study", here / "moved");
    std::filesystem::create_directory(here / "study");
  };
  try {
    run_study(answer, {.folder = here / "study"}, none, tell);
    FAIL("it was written");
  } catch (const primer::autograd::Error& error) {
    CHECK(error.fault() == primer::autograd::Fault::io);
    CHECK(std::string(error.what()).find("the study is no longer at ") == 0);
  }
  CHECK(told.ends_with("study answer: pass, 2 claims\n"));
  CHECK(std::filesystem::is_empty(here / "study"));
}

TEST_CASE("a text that a study refuses changes nothing, also with --force") {
  const Study refuses{
      "refuses", "t", "?",
      "",        1,   [](Lab&) {
                        throw primer::autograd::Error(primer::autograd::Fault::input, "not this text"); }};
  const FreshDirectory here;
  std::filesystem::create_directory(here / "study");
  here.write("study/kept.txt", "kept");
  CHECK_THROWS_AS(run_study(refuses, {.folder = here / "study", .force = true}, none), primer::autograd::Error);
  CHECK(file_bytes(here / "study/kept.txt") == "kept");
  CHECK_FALSE(std::filesystem::exists(here / "study.1"));
}

TEST_CASE("a report says how to make it again, and which program made it; what fails does not look as if it passed") {
  const FreshDirectory here;
  found_by_it = 0.39996;
  const LabOptions options{.folder = here / "study", .seeds = 3, .quick = true, .text = "a b.txt", .version = "7.1"};
  CHECK(command_of(&answer, options).ends_with("/study --seeds 3 --text 'a b.txt' --quick"));
  CHECK(command_of(nullptr, {.folder = folder_of(nullptr, false)}) == "primer study all");
  run_study(answer, options, none);
  const std::string page = file_bytes(here / "study/report.html");
  CHECK(page.find("The same again: primer study answer --seeds 3 --text &#39;a b.txt&#39; --quick") !=
        std::string::npos);
  CHECK(page.find("Made by primer 7.1.") != std::string::npos);
  CHECK(nlohmann::json::parse(file_bytes(here / "study/figures.json"))["version"] == "7.1");
  const std::string table = table_of(run_study(answer, {.folder = here / "whole"}, none));
  CHECK(table.find("  0.39996  ") != std::string::npos);
  CHECK(table.find("  wanted 0.4 to 0.6  FAIL\n") != std::string::npos);
  CHECK(table.find("\nunder 1 s\n") != std::string::npos);
}

TEST_CASE("with one seed a tally estimates from its items, with several from the seeds' means") {
  Tally tally;
  tally.add({0, 1, 1});
  CHECK(tally.estimate().of == "sequences");
  CHECK(tally.estimate().count == 3);
  CHECK(tally.estimate().mean == doctest::Approx(2.0 / 3));
  tally.add({0});
  CHECK(tally.estimate().of == "seeds");
  CHECK(tally.estimate().count == 2);
  CHECK(tally.estimate().mean == doctest::Approx(1.0 / 3));
  CHECK(tally.estimate().error == doctest::Approx(1.0 / 3));
}

TEST_CASE("what each seed finds is one finding of all, a number or items; exact values and other findings stay") {
  for (const long seeds : {1L, 3L}) {
    Lab lab({.seeds = seeds}, none);
    lab.figure("before", exact(5));
    for (const char* name : {"one", "other"}) {
      lab.each_seed([&](std::uint64_t seed) {
        lab.claim(name, 2.0 * seed, at_least(0));
        lab.figure("the same", std::vector<double>{1, 1.0 + seed});
        lab.figure("the same", {{0, 3}, "nouns"});
        lab.figure("known", exact(7));
      });
    }
    lab.claim("behind", exact(6), at_most(6));
    CHECK(lab.findings.size() == 10);
    for (const std::size_t first : {1, 5}) {
      const Finding* found = &lab.findings[first];
      CHECK(found[0].found.mean == doctest::Approx(seeds + 1));
      CHECK((found[0].found.of == "seeds" && found[0].found.count == seeds && found[0].is_claim));
      CHECK(std::isnan(found[0].found.error) == (seeds == 1));
      CHECK(found[1].found.mean == doctest::Approx(1 + (seeds + 1) / 4.0));
      CHECK(found[1].found.of == (seeds == 1 ? "sequences" : "seeds"));
      CHECK(found[1].found.count == (seeds == 1 ? 2 : seeds));
      CHECK((found[2].found.mean == 1.5 && found[2].found.of == (seeds == 1 ? "nouns" : "seeds")));
      CHECK((found[3].found.of == "exact" && found[3].found.mean == 7 && !found[3].is_claim));
    }
    CHECK((lab.findings[0].what == "before" && lab.findings[9].what == "behind" && lab.findings[9].found.mean == 6));
  }
}

TEST_CASE("seeds that find different things, less or more, are a fault of the study") {
  for (const int difference : {0, 1, 2, 3, 4, 5}) {
    CAPTURE(difference);
    Lab lab({.seeds = 2}, none);
    const auto run = [&](std::uint64_t seed) {
      const bool other = seed == 2;
      lab.figure(other && difference == 0 ? "other" : "one", 1);
      if (other && difference == 3) lab.figure("claimed", 1);
      else lab.claim("claimed", 1, at_least(other && difference == 4 ? 0.5 : 0));
      if (difference == 5) lab.each_seed([](std::uint64_t) {});
      if (seed == 1 && difference == 1) lab.figure("two", 2);
      if (seed == 2 && difference == 2) lab.figure("two", 2);
    };
    CHECK_THROWS_AS(lab.each_seed(run), primer::autograd::Error);
  }
}

TEST_CASE("the larger of two numbers is kept, and a NaN stays") {
  double most = 0;
  raise_to(most, 2), raise_to(most, 1);
  CHECK(most == 2);
  raise_to(most, not_a_number), raise_to(most, 3);
  CHECK(std::isnan(most));
  CHECK_FALSE(at_most(1e-12).holds(most));
}

TEST_CASE("the header's example: a claim of items and a figure of numbers, one each a seed; labels are learned too") {
  const primer::nn::ModelConfig config{
      .vocabulary = 3, .context = 2, .layers = 0, .heads = 1, .channels = 4, .output = {.tie = false}};
  const auto batches = [](long) {
    primer::data::Batch batch = empty_batch(2, 2);
    batch.tokens = {0, 1, 1, 2}, batch.targets = {1, -1, 2, -1};
    return batch;
  };
  const auto run = [&](Lab& lab) {
    lab.each_seed([&](std::uint64_t seed) {
      Net<float> net(config, seed);
      const auto losses =
          fit<float>(net, {.steps = lab.steps(100), .lr = 0.1, .seed = seed}, lab.interruption, batches);
      lab.claim("what is right", correct(net.model, batches(0)), at_least(0.95));
      lab.figure("the last loss, nats", losses.back());
    });
  };
  Lab lab({}, none);
  run(lab);
  CHECK(lab.findings[0].holds());
  CHECK(lab.findings[0].found.count == 2);
  CHECK(lab.findings[1].found.mean < 0.1);

  Net<double> net({.vocabulary = 3,
                   .context = 2,
                   .layers = 0,
                   .heads = 1,
                   .channels = 4,
                   .causal = false,
                   .output = {.token = false, .pooling = primer::nn::Pooling::mean, .labels = 2}},
                  1);
  const auto labelled = [&](long step) {
    primer::data::Batch batch = batches(step);
    batch.labels = {0, 1};
    return batch;
  };
  const std::vector<double> losses = fit<double>(net, {.steps = 100, .lr = 0.1, .warmup = 1}, none, labelled);
  CHECK(losses.front() == doctest::Approx(std::log(2)).epsilon(0.2));
  CHECK(losses.back() < 0.1);
}

TEST_CASE("a training that a signal ends, or whose loss is not finite, says so") {
  const primer::nn::ModelConfig shape{.vocabulary = 3, .context = 2, .layers = 0, .heads = 1, .channels = 2};
  Net<double> net(shape, 1);
  const auto batches = [](long) {
    primer::data::Batch batch = empty_batch(1, 2);
    batch.targets = {1, 2};
    return batch;
  };
  AtOnce signal;
  CHECK_THROWS_AS(fit<double>(net, {.steps = 2}, signal, batches), StudyStopped);
  net.parameters.values()[0] = not_a_number;
  CHECK_THROWS_AS(fit<double>(net, {.steps = 2}, none, batches), primer::autograd::Error);
}

TEST_CASE("a study that is not there is refused") {
  CHECK(&study_named("gap") == all_studies().back());
  CHECK_THROWS_AS(study_named("chasm"), primer::autograd::Error);
}
