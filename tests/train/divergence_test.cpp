// Losses that are not numbers: the update is skipped, and a training that makes too many of them ends.
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "autograd/error.h"
#include "tests/threads.h"
#include "tests/train/process.h"
#include "tests/train/trained_run.h"
#include "train/checkpoints/loaded_run.h"

using namespace primer::train;
using Json = nlohmann::json;

namespace {

/// A run in which every batch that holds a Z has a loss that is not a number: its row of the embedding is finite, but
/// so large that its variance is not.
struct PoisonedRun : TrainedRun {
  using Options = std::vector<std::pair<std::string, std::string>>;

  PoisonedRun(const std::string& words, const Options& more) : TrainedRun(words, with(more)) {
    OpenRun open = open_run(paths, {});
    Trainer<float> trainer(open.checkpoint.config, *open.checkpoint.tokenizer, open.tokens->train());
    restore_trainer(open.checkpoint, trainer);
    const auto table = trainer.parameters().at("token.weight");  // [V, C]
    const long channels = table.shape[1];
    std::fill_n(table.data() + open.checkpoint.tokenizer->encode("Z").at(0) * channels, channels, 3e38f);
    save_checkpoint(open.store, snapshot({0, true}, trainer, open.checkpoint.state), trainer.parameters(),
                    open.checkpoint.config, *open.checkpoint.tokenizer);
  }

  static Options with(const Options& more) {
    Options options{{"layers", "1"},  {"channels", "16"},  {"heads", "2"},       {"context", "8"},
                    {"batch", "2"},   {"dropout", "0.1"},  {"tie", "false"},     {"patience", "0"},
                    {"keep", "1000"}, {"save_every", "1"}, {"eval_every", "10"}, {"steps", "120"}};
    options.insert(options.end(), more.begin(), more.end());
    return options;
  }

  std::vector<Json> lines() const {
    std::vector<Json> all;
    std::istringstream in(metrics());
    for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
    return all;
  }

  std::vector<long> skipped() const {
    std::vector<long> steps;
    for (const Json& line : lines()) {
      if (line.contains("skipped")) steps.push_back(line["step"]);
    }
    return steps;
  }

  // The bytes of the parameters, without the file's header, which names the step.
  std::string parameters(long step) const {
    const std::string file = checkpoint(step, "model.safetensors");
    std::uint64_t header = 0;
    std::memcpy(&header, file.data(), sizeof header);
    return file.substr(8 + header);
  }

  TrainingState state(long step) const { return decode_state(checkpoint(step, "state.cereal"), "state"); }

  std::string diverge(Interruption&& interruption = Interruption()) const {
    try {
      train(interruption);
      return {};
    } catch (const primer::autograd::Error& error) {
      CHECK(error.fault() == primer::autograd::Fault::diverged);
      return error.what();
    }
  }
};

// Prose with a Z after every `distance` letters of the training part.
std::string with_poison(std::size_t distance) {
  std::string text = prose(1200);
  for (std::size_t at = distance / 2; at < 1070; at += distance) text[at] = 'Z';
  return text;
}

void check_finite(const RunPaths& run) {
  const auto ids = CheckpointStore(run.checkpoints()).list();
  REQUIRE_FALSE(ids.empty());
  for (const CheckpointId id : ids) {
    CAPTURE(id.step);
    CHECK_NOTHROW(load_run(run.directory, {Choice::Kind::step, id.step}));  // which refuses what is not a number
  }
}

}  // namespace

TEST_CASE("an evaluation in which nothing counts knows no loss, and is never the best") {
  const TrainedRun run(prose(300), {{"objective", "mlm"},
                                    {"layers", "1"},
                                    {"channels", "16"},
                                    {"heads", "2"},
                                    {"context", "8"},
                                    {"batch", "2"},
                                    {"steps", "4"},
                                    {"eval_every", "2"}});
  OpenRun open = open_run(run.paths, {});
  Trainer<float> trainer(open.checkpoint.config, *open.checkpoint.tokenizer, open.tokens->train());
  const auto evaluate = [&](int id) { return trainer.evaluate(primer::data::TokenVector(std::vector<int>{id}), 1); };
  const Evaluation none = evaluate(open.checkpoint.tokenizer->special("[SEP]"));  // which is never hidden
  CHECK(none.targets == 0);
  CHECK(std::isnan(none.loss));
  CHECK(std::isnan(none.accuracy));
  CHECK_FALSE(none.loss < std::numeric_limits<double>::infinity());
  CHECK(evaluate(0).targets == 1);
}

TEST_CASE("a step whose loss is not a number changes no parameter and no moment, and says so") {
  const primer::test::Threads threads(1);
  const InMemory memory;
  const PoisonedRun run(with_poison(1000), {});
  CHECK(run.train().step == 120);
  const std::vector<long> skipped = run.skipped();
  REQUIRE(skipped.size() >= 1);
  REQUIRE(skipped.size() <= 4);  // of two epochs, or of three
  const auto lines = run.lines();
  REQUIRE(lines.size() == 121);
  for (const long step : skipped) {
    CAPTURE(step);
    const Json& line = lines[static_cast<std::size_t>(step)];
    CHECK(line["skipped"] == true);
    CHECK((line["loss"].is_null() || line["grad_norm"].is_null()));
    CHECK(run.parameters(step) == run.parameters(step - 1));
    CHECK(run.checkpoint(step, "optimizer.safetensors") == run.checkpoint(step - 1, "optimizer.safetensors"));
    CHECK(run.state(step).updates == run.state(step - 1).updates);
    CHECK(run.state(step).trainer.bad_in_a_row == 1);
    CHECK(run.parameters(step + 1) != run.parameters(step));
    CHECK(run.state(step + 1).trainer.bad_in_a_row == 0);
  }
  check_finite(run.paths);

  // Cut right after a skipped step, and before.
  for (const long look : {skipped[0] - 1, skipped[0], skipped[0] + 1}) {
    const PoisonedRun cut(with_poison(1000), {{"save_every", "1000"}});
    RaiseAt signal(look, SIGTERM);
    CHECK(cut.train(signal).signal == SIGTERM);
    cut.train();
    CHECK(cut.metrics() == run.metrics());
    CHECK(cut.parameters(120) == run.parameters(120));
  }
}

TEST_CASE("three losses in a row that are not numbers end a training with 7") {
  const InMemory memory;
  const PoisonedRun run(with_poison(3), {});
  const Outcome outcome = Process(run.text.directory, "exec primer train --resume -o run").wait();
  CAPTURE(outcome.err);
  CHECK(outcome.code == 7);
  CHECK(outcome.err.find("diverged at step 3: its loss is no longer a number") != std::string::npos);
  CHECK(outcome.err.find("the newest checkpoint is that of step 2") != std::string::npos);
  CHECK(run.skipped() == std::vector<long>{1, 2, 3});
  CHECK(run.state(2).trainer.bad_in_a_row == 2);
  CHECK(run.parameters(2) == run.parameters(0));
  check_finite(run.paths);
  // Again the same: the count goes on.
  const std::string metrics = run.metrics();
  CHECK(Process(run.text.directory, "exec primer train --resume -o run").wait().code == 7);
  CHECK(run.metrics() == metrics);
}

TEST_CASE("ten losses among a hundred that are not numbers end a training, wherever it was cut") {
  const primer::test::Threads threads(1);
  const InMemory memory;
  const std::string text = with_poison(140);  // eight in an epoch of 68 steps
  const PoisonedRun run(text, {});
  const std::string message = run.diverge();
  const std::vector<long> skipped = run.skipped();
  REQUIRE(skipped.size() == 10);
  CHECK(message.find("diverged at step " + std::to_string(skipped.back())) != std::string::npos);
  CHECK(skipped.back() - skipped.front() < 100);
  CHECK(run.lines().back()["step"] == skipped.back());
  check_finite(run.paths);
  for (const long look : {1L, skipped[0], skipped[4] + 2, skipped[8]}) {
    CAPTURE(look);
    const PoisonedRun cut(text, {});
    cut.diverge(RaiseAt(look, SIGINT));
    CHECK(cut.metrics() != run.metrics());
    CHECK(cut.diverge() == message);
    CHECK(cut.metrics() == run.metrics());
    CHECK(cut.parameters(skipped.back() - 1) == run.parameters(skipped.back() - 1));
  }
}

TEST_CASE("a training that ends where it could have guessed says that nothing was learned") {
  const MemoryDirectory here;
  std::string verse;
  for (int i = 0; i < 100; ++i) verse += "abcd efgh\n";
  here.write("t.txt", verse);
  const std::string command =
      "train t.txt --layers 1 --channels 16 --heads 2 --context 8 --batch 4 --warmup 5 --no-unknown-symbol ";
  const auto said = [&](const std::string& options) {
    const Outcome outcome = run_primer(here, command + options);
    CHECK(outcome.code == 0);
    return outcome.err;
  };
  CHECK(said("-o dead --steps 40 --lr 0 --min-lr 0")
            .find("the loss is that of a guess among all 10, ln 10 = 2.3026: the model has learned nothing") !=
        std::string::npos);
  CHECK(said("-o well --steps 40 --lr 0.02").find("learned nothing") == std::string::npos);
  CHECK(said("-o short --steps 3 --lr 0 --min-lr 0").find("learned nothing") == std::string::npos);
}

TEST_CASE("a training that runs away leaves checkpoints of numbers only") {
  const MemoryDirectory here;
  here.write("t.txt", prose(500));
  const Outcome outcome =
      run_primer(here,
                 "train t.txt -q -o run --optimizer sgd --schedule constant --norm none --clip 0 --lr 1000 --min-lr 0 "
                 "--warmup 0 --layers 3 --channels 16 --heads 2 --context 16 --batch 4 --steps 200 --save-every 1 "
                 "--keep 999");
  CAPTURE(outcome.err);
  CHECK(outcome.code == 7);
  check_finite({here / "run"});
}
