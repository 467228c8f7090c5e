// A run that begins with another one's weights.
#include <doctest/doctest.h>

#include "tests/threads.h"
#include "tests/train/trained_run.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;

namespace {

const std::vector<std::pair<std::string, std::string>> small{{"layers", "1"},  {"channels", "16"},  {"heads", "2"},
                                                             {"context", "8"}, {"batch", "4"},      {"steps", "40"},
                                                             {"lr", "0.01"},   {"eval_every", "10"}};

// A new run on `text` that begins with the best checkpoint of `source`.
RunPaths begin_from(const TrainedRun& source, const SurveyedText& text, const Config& own) {
  primer::data::TextFacts facts = text.facts;
  std::vector<std::string> warnings;
  const Checkpoint initial = choose_checkpoint(CheckpointStore(source.paths.checkpoints()), {}, warnings);
  const Config config = inherit_model(own, initial.config, "source");
  Plan plan = make_plan(config, facts, read_text(config, text.sources, facts, initial.tokenizer));
  NewRun run(text.directory / "tuned", false);
  prepare_run(run.staging(), plan, text.sources, facts, &initial);
  return run.publish(nullptr);
}

}  // namespace

TEST_CASE("fine-tuning begins with the source's weights, tokenizer and shape, and with a fresh optimizer") {
  const primer::test::Threads threads(1);
  const TrainedRun source(prose(3000), small);
  const long best = source.train().best_step;
  const SurveyedText text(prose(500));
  const RunPaths run = begin_from(source, text, wishes({{"steps", "5"}, {"lr", "0.0001"}, {"dropout", "0.1"}}));
  CheckpointStore store(run.checkpoints());
  const Checkpoint start = open_checkpoint(store, store.recover().id);
  CHECK(start.id.step == 0);
  CHECK(start.config.channels == 16);
  CHECK(start.config.lr == 0.0001);
  CHECK(start.config.steps == 5);
  CHECK(start.tokenizer->json() == source.checkpoint(best, "tokenizer.json"));

  const primer::data::TokenFile tokens(run.tokens());
  Trainer<float> tuned(start.config, *start.tokenizer, tokens.train());
  restore_trainer(start, tuned);
  const primer::data::SafetensorsFile weights(CheckpointStore(source.paths.checkpoints()).path({best, true}) +
                                              "/model.safetensors");
  for (const auto& entry : tuned.parameters().entries()) {
    std::vector<float> expected(static_cast<std::size_t>(entry.shape.size()));
    weights.read(entry.path, expected.data(), expected.size());
    CHECK(std::equal(expected.begin(), expected.end(), tuned.parameters().values() + entry.offset));
  }
  CHECK(tuned.optimizer().updates() == 0);
  for (const auto& moment : tuned.optimizer().moments()) {
    CHECK(std::all_of(moment.data, moment.data + tuned.parameters().size(), [](float m) { return m == 0; }));
  }

  // It is a run like any other from then on.
  const RunLock lock(run.lock());
  OpenRun open = open_run(run, Config{});
  Progress progress(Progress::Style::quiet, 5);
  Interruption none;
  CHECK(train_run(open, progress, none).step == 5);
}

TEST_CASE("a model keeps its shape and its vocabulary") {
  const primer::test::Threads threads(1);
  const TrainedRun source(prose(3000), small);
  source.train();
  const SurveyedText text(prose(500));
  const auto fault = [&](const SurveyedText& on, const std::vector<std::pair<std::string, std::string>>& options) {
    try {
      begin_from(source, on, wishes(options));
    } catch (const Error& error) {
      return error.fault();
    }
    return Fault::bug;
  };
  CHECK(fault(text, {{"layers", "2"}}) == Fault::usage);
  CHECK(fault(text, {{"tokenizer", "byte"}}) == Fault::usage);
  CHECK(fault(text, {{"objective", "mlm"}}) == Fault::usage);  // it reads in one direction
  CHECK(fault(SurveyedText("!!!!!!!!!!!!"), {}) == Fault::input);
  CHECK(fault(SurveyedText("abc"), {}) == Fault::input);  // shorter than the context, which cannot shrink
}
