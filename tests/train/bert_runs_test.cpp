// Runs of a BERT: with next-sentence prediction, labelled lines, a frozen body; stopped and gone on with.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/threads.h"
#include "tests/train/process.h"
#include "tests/train/trained_run.h"
#include "train/checkpoints/loaded_run.h"
#include "train/checkpoints/prepare.h"
#include "train/use/pseudo_perplexity.h"
#include "train/use/reader.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;

namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

const Options small{{"layers", "1"}, {"channels", "16"}, {"heads", "2"}, {"context", "24"},   {"batch", "4"},
                    {"steps", "24"}, {"lr", "0.01"},     {"seed", "3"},  {"eval_every", "8"}, {"dropout", "0.1"}};

Options with(Options more) {
  more.insert(more.begin(), small.begin(), small.end());
  return more;
}

/// Documents about one thing each, so that a next sentence can be told.
std::string stories() {
  const char* const things[] = {"cats", "ships", "bread", "stars"};
  std::string text;
  for (int i = 0; i < 60; ++i) {
    const std::string thing = things[i % 4];
    for (int s = 0; s < 2 + i % 3; ++s) text += thing + (s % 2 ? " sleep. " : " are old. ");
    text += "\n\n";
  }
  return text;
}

/// Lines whose label is told by one word.
std::string moods(int lines = 120) {
  std::string text;
  for (int i = 0; i < lines; ++i) {
    text += i % 2 ? "glad\t" : "sad\t";
    for (int k = 0; k < i % 4; ++k) text += "xyz ";
    text += i % 2 ? "sun" : "rain";
    text += "\n";
  }
  return text;
}

Config inherited(const TrainedRun& source, const Options& options, Checkpoint& initial) {
  std::vector<std::string> warnings;
  initial = choose_checkpoint(CheckpointStore(source.paths.checkpoints()), {}, warnings);
  const Config own = inherit_model(wishes(options), initial.config, "source");
  check_choices(own, true);
  return own;
}

/// Trains a run until it ends or `interruption` stops it.
void train_on(const RunPaths& paths, Interruption& interruption) {
  const RunLock lock(paths.lock());
  OpenRun open = open_run(paths, Config{});
  Progress progress(Progress::Style::quiet, open.checkpoint.config.steps);
  train_run(open, progress, interruption);
}

/// A new run on labelled lines that begins with the model of `source`, not trained yet.
RunPaths to_be_tuned(const TrainedRun& source, const SurveyedText& text, const Options& options) {
  Checkpoint initial;
  const Config config = inherited(source, options, initial);
  primer::data::TextFacts facts = text.facts;
  Plan plan = make_plan(config, facts, read_text(config, text.sources, facts, initial.tokenizer));
  NewRun run(text.directory / "tuned", false);
  prepare_run(run.staging(), plan, text.sources, facts, &initial);
  return run.publish(nullptr);
}

}  // namespace

TEST_CASE("a run that was stopped anywhere ends as one that was not, whatever a BERT is trained to do") {
  const primer::test::Threads threads(1);
  const std::pair<std::string, Options> kinds[] = {
      {prose(3000), with({{"objective", "mlm"}})},
      {stories(), with({{"objective", "mlm"}, {"next_sentence", "true"}})},
      {moods(), with({{"objective", "classify"}})},
  };
  for (const auto& [text, options] : kinds) {
    CAPTURE(options.back().first);
    const TrainedRun unbroken(text, options);
    unbroken.train();
    for (const long asked : {2L, 7L, 13L, 19L, 25L}) {
      if (has_address_sanitizer && asked % 13 != 0) continue;  // which makes these trainings forty times slower
      const TrainedRun broken(text, options);
      RaiseAt signal(asked, SIGTERM);
      broken.train(signal);
      CHECK(signal.was_raised());
      broken.train();
      CHECK(broken.metrics() == unbroken.metrics());
      for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.cereal"}) {
        CHECK(broken.checkpoint(24, file) == unbroken.checkpoint(24, file));
      }
    }
  }
}

TEST_CASE("next sentences and labels are learned, and read back from the run") {
  const primer::test::Threads threads(1);
  const TrainedRun pairs(stories(), with({{"objective", "mlm"},
                                          {"next_sentence", "true"},
                                          {"steps", "400"},
                                          {"dropout", "0"},
                                          {"channels", "32"},
                                          {"tokenizer", "byte"}}));
  pairs.train();
  CHECK(pairs.metrics().find("val_next_sentence_accuracy") != std::string::npos);
  const TrainedRun lines(
      moods(),
      with({{"objective", "classify"}, {"steps", "300"}, {"dropout", "0"}, {"lr", "0.003"}, {"channels", "32"}}));
  lines.train();
  const auto loaded = load_run(lines.paths.directory);
  CHECK(loaded->labels == std::vector<std::string>{"glad", "sad"});
  Reader reader(*loaded);
  std::vector<std::vector<int>> texts{reader.ids("xyz sun", false), reader.ids("rain", false)};
  const std::vector<double> p = reader.classify(texts);
  REQUIRE(p.size() == 4);
  CHECK(p[0] > 0.9);
  CHECK(p[3] > 0.9);
  CHECK_THROWS_AS(reader.fill(texts[0], 3), Error);
  CHECK_THROWS_AS(reader.ids(std::string(40, 'x'), false), Error);
  bool cut = false;
  CHECK(reader.ids(std::string(40, 'x'), false, &cut).size() == 24);
  CHECK(cut);
}

TEST_CASE("a frozen body stays bit for bit, and its new head learns") {
  const primer::test::Threads threads(2);
  const TrainedRun source(prose(2000) + moods(), with({{"objective", "mlm"}}));
  source.train();
  const SurveyedText text(moods());
  const RunPaths run = to_be_tuned(
      source, text,
      {{"objective", "classify"}, {"freeze", "true"}, {"steps", "60"}, {"lr", "0.05"}, {"weight_decay", "0.5"}});
  Interruption none;
  train_on(run, none);
  const auto before = load_run(source.paths.directory), after = load_run(run.directory, {Choice::Kind::last, 0});
  CHECK(after->config.pooling == primer::nn::Pooling::mean);
  long same = 0, other = 0;
  for (const auto& entry : after->parameters.entries()) {
    CAPTURE(entry.path);
    const float* now = after->parameters.values() + entry.offset;
    if (entry.path.starts_with("label.")) {
      const double start = entry.shape.rank == 2 ? 0.1 : 0;  // weights began around 0.02, biases at 0
      other += std::any_of(now, now + entry.shape.size(), [&](float x) { return std::abs(x) > start; });
      continue;
    }
    const float* then = before->parameters.at(entry.path).data();
    CHECK(std::equal(now, now + entry.shape.size(), then));
    ++same;
  }
  CHECK(same > 10);
  CHECK(other == 2);
  Reader reader(*after);
  std::vector<std::vector<int>> texts{reader.ids("sun", false), reader.ids("rain", false)};
  const std::vector<double> p = reader.classify(texts);
  CHECK(p[0] > p[2]);
}

TEST_CASE("a frozen probe's checkpoint has moments of its head alone, and a stopped probe ends as one that was not") {
  const primer::test::Threads threads(1);
  const TrainedRun source(prose(2000) + moods(), with({{"objective", "mlm"}, {"steps", "2"}}));
  source.train();
  const Options options{
      {"objective", "classify"}, {"freeze", "true"}, {"steps", "12"}, {"batch", "4"}, {"eval_every", "4"}};
  const SurveyedText text(moods()), same_text(moods());
  const RunPaths unbroken = to_be_tuned(source, text, options), broken = to_be_tuned(source, same_text, options);
  Interruption none;
  train_on(unbroken, none);
  {
    RaiseAt signal(7, SIGTERM);
    train_on(broken, signal);
    CHECK(signal.was_raised());
  }
  train_on(broken, none);
  CHECK(file_bytes(broken.metrics()) == file_bytes(unbroken.metrics()));
  const auto path = [](const RunPaths& run, const char* file) {
    return CheckpointStore(run.checkpoints()).path({12, true}) + "/" + file;
  };
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.cereal"})
    CHECK(file_bytes(path(broken, file)) == file_bytes(path(unbroken, file)));
  std::set<std::string> names;
  const primer::data::SafetensorsFile moments(path(unbroken, "optimizer.safetensors"));
  for (const auto& tensor : moments.tensors()) names.insert(tensor.name);
  CHECK(names ==
        std::set<std::string>{"first.label.bias", "first.label.weight", "second.label.bias", "second.label.weight"});
}

TEST_CASE("fine-tuning keeps the body's shape, and refuses what does not go together") {
  const primer::test::Threads threads(1);
  const TrainedRun masked(prose(2000) + moods(), with({{"objective", "mlm"}, {"steps", "2"}}));
  masked.train();
  const TrainedRun causal(prose(2000) + moods(), with({{"steps", "2"}}));
  causal.train();
  const SurveyedText text(moods());
  const auto fault = [&](const TrainedRun& source, const Options& options) {
    try {
      Checkpoint initial;
      inherited(source, options, initial);
    } catch (const Error& error) {
      return error.fault();
    }
    return Fault::bug;
  };
  CHECK(fault(causal, {{"objective", "classify"}}) == Fault::usage);
  CHECK(fault(masked, {{"objective", "lm"}}) == Fault::usage);
  CHECK(fault(masked, {{"objective", "classify"}, {"freeze", "true"}, {"pooling", "cls"}}) == Fault::usage);
  CHECK(fault(masked, {{"freeze", "true"}}) == Fault::usage);
  CHECK(fault(masked, {{"objective", "classify"}, {"channels", "32"}}) == Fault::usage);
  CHECK(fault(masked, {{"objective", "classify"}, {"freeze", "true"}}) == Fault::bug);  // that is, none
  CHECK_THROWS_AS(check_choices(wishes({{"objective", "classify"}, {"freeze", "true"}}), false), Error);
  CHECK_THROWS_AS(check_choices(wishes({{"next_sentence", "true"}}), false), Error);
}

TEST_CASE("what fills a gap has the probability that an evaluation gives it") {
  const primer::test::Threads threads(1);
  const TrainedRun run(prose(3000), with({{"objective", "mlm"}, {"dropout", "0"}}));
  run.train();
  const auto loaded = load_run(run.paths.directory);
  Reader reader(*loaded);
  const std::vector<int> ids = reader.ids("abc[MASK]def", true);
  REQUIRE(ids.size() == 9);
  const auto fillings = reader.fill(ids, 1000);
  REQUIRE(fillings.size() == 1);
  CHECK(fillings[0].size() + 3 == static_cast<std::size_t>(loaded->tokenizer->vocabulary_size()));  // no specials
  CHECK(std::is_sorted(fillings[0].begin(), fillings[0].end(),
                       [](const Filling& a, const Filling& b) { return a.probability > b.probability; }));
  for (const Filling& filling : fillings[0]) {
    std::vector<int> filled = ids;
    filled[4] = filling.id;
    const std::vector<std::vector<int>> texts{filled};
    const std::vector<long> places{4};
    CHECK(std::exp(reader.expect(texts, places)[0].log_probability) ==
          doctest::Approx(filling.probability).epsilon(1e-4));
  }
  CHECK_THROWS_AS(reader.fill(reader.ids("abc", true), 3), Error);

  // vectors do not depend on their neighbours
  const std::vector<std::vector<int>> two{reader.ids("abc", false), reader.ids("a longer line", false)};
  const std::vector<float> both = reader.embed(two, Summary::mean);
  const std::vector<float> alone = reader.embed({two.data(), 1}, Summary::mean);
  for (std::size_t c = 0; c < alone.size(); ++c) CHECK(both[c] == doctest::Approx(alone[c]).epsilon(1e-4));
  CHECK_THROWS_AS(reader.embed(two, Summary::cls), Error);

  const primer::data::TokenFile tokens(run.paths.tokens());
  const PseudoPerplexity some = pseudo_perplexity(*loaded, tokens.validation(), 50);
  const PseudoPerplexity all = pseudo_perplexity(*loaded, tokens.validation(), 0);
  CHECK(some.tokens == 50);
  CHECK(all.tokens == tokens.validation_size());
  CHECK(all.loss == doctest::Approx(some.loss).epsilon(0.3));
  CHECK(all.loss > 1);
  CHECK(all.loss < std::log(loaded->tokenizer->vocabulary_size()));
}
