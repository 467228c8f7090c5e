// Prompts are read and answers are learned: what counts, in the plan, the training, its metrics and evaluations.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/threads.h"
#include "tests/train/process.h"
#include "tests/train/small_run.h"
#include "train/checkpoints/loaded_run.h"

using namespace primer;
using namespace primer::train;
using Json = nlohmann::json;

namespace {

/// i of n lines like "12+3=15\n", and blank ones and one without an answer among them.
std::string sums(int n) {
  std::string text = "Sums.\n\n";
  for (int i = 0; i < n; ++i)
    text += std::to_string(i) + "+" + std::to_string(i % 7) + "=" + std::to_string(i + i % 7) + "\n";
  return text;
}

/// Characters behind the = of each line, the line's end included.
std::uint64_t answer_characters(const std::string& text) {
  std::istringstream in(text);
  std::uint64_t count = 0;
  for (std::string line; std::getline(in, line);)
    if (line.find('=') != std::string::npos) count += line.size() - line.find('=');
  return count;
}

Options answering(Options more) {
  Options options = small({{"answer_after", "="}, {"context", "16"}});
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

}  // namespace

TEST_CASE("a plan counts the tokens of answers, and says which lines are left out") {
  const std::string text = sums(40);
  const SurveyedText surveyed(text);
  data::TextFacts facts = surveyed.facts;
  const Config config = wishes({{"answer_after", "="}});
  const Plan plan = make_plan(config, facts, read_text(config, surveyed.sources, facts, nullptr));
  CHECK(plan.answer_tokens == answer_characters(text));
  CHECK(plan.lines == 40);
  CHECK(plan.config.context == 8);  // the longest line, 39+4=43 and its end, has 7 tokens before its last
  REQUIRE(plan.notes.size() >= 1);
  CHECK(std::ranges::count(plan.notes, "1 line has no '=' with an answer behind it, and is left out") == 1);
  CHECK(plan_text(plan).find("learns " + std::to_string(plan.answer_tokens) + " of them, the answers of 40 lines\n") !=
        std::string::npos);
  CHECK(Json::parse(plan_json(plan)).at("answer_tokens") == plan.answer_tokens);
  CHECK(make_plan(wishes({}), surveyed.facts).answer_tokens == 0);
}

TEST_CASE("an epoch learns every answer once, and the metrics count what is learned") {
  const test::Threads threads(1);
  const std::string text = sums(40);
  const TrainedRun run(text, answering({{"val_fraction", "0"}, {"steps", "20"}}));  // two epochs of 4 lines a step
  run.train();
  std::istringstream in(run.metrics());
  std::vector<Json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  const auto at = [&](long step) {
    return *std::ranges::find_if(lines, [&](const Json& line) { return line.at("step") == step; });
  };
  CHECK(at(10).at("epoch") == 1.0);
  CHECK(at(10).at("tokens") == answer_characters(text));
  CHECK(at(20).at("tokens") == 2 * answer_characters(text));
}

TEST_CASE("the loss is that of the answers' tokens, each after all of its line before it") {
  const test::Threads threads(1);
  const TrainedRun run(sums(60), answering({{"steps", "30"}, {"dropout", "0"}}));
  run.train();
  const auto loaded = load_run(run.paths.directory, {});
  const data::TokenFile tokens(run.paths.tokens());
  autograd::Tape<float> tape;
  const TextTask task{loaded->config, *loaded->tokenizer};
  const Evaluation found = evaluate(*loaded->network, tape, task, tokens.validation(), tokens.validation_bytes(), 3, 0);
  double loss = 0;
  std::uint64_t count = 0;
  const auto runs = tokens.validation().examples();
  REQUIRE(runs.size() == 2 * 6);
  for (std::size_t i = 0; i < runs.size(); i += 2) {  // each line by itself
    const auto n = static_cast<long>(runs[i].tokens + runs[i + 1].tokens),
               V = static_cast<long>(loaded->tokenizer->vocabulary_size());
    std::vector<int> line(static_cast<std::size_t>(n));
    tokens.validation().read(runs[i].begin, line.size(), line.data());
    const auto pause = tape.pause();
    const auto logits = loaded->network->logits(tape, {line, 1, n});  // [1, n, V]
    for (long t = static_cast<long>(runs[i].tokens); t < n; ++t) {
      const float* const row = logits.data() + (t - 1) * V;
      double total = 0;
      for (long v = 0; v < V; ++v) total += std::exp(static_cast<double>(row[v]));
      loss += std::log(total) - row[line[static_cast<std::size_t>(t)]];
      ++count;
    }
  }
  CHECK(found.targets == count);
  CHECK(found.loss == doctest::Approx(loss / static_cast<double>(count)).epsilon(1e-5));
  CHECK(std::isnan(found.bits_per_byte));  // the bytes of prompts cost nothing: it would be no code
}

TEST_CASE("a model learns the answers and not the prompts") {
  const test::Threads threads(1);
  std::string text;
  for (int i = 0; i < 64; ++i)
    text += std::string(1, static_cast<char>('a' + i % 8)) + "=" + std::to_string(i % 8) + "\n";
  const TrainedRun run(text, answering({{"steps", "400"}, {"lr", "0.01"}, {"dropout", "0"}, {"context", "3"}}));
  run.train();
  const auto loaded = load_run(run.paths.directory, {});
  autograd::Tape<float> tape;
  const auto loss_of_next = [&](const std::string& before, const std::string& next) {
    const auto ids = loaded->tokenizer->encode(before), target = loaded->tokenizer->encode(next);
    std::vector<int> targets(ids.size(), -1);
    targets.back() = target[0];
    const auto pause = tape.pause();
    return loaded->network->loss(tape, {ids, 1, static_cast<long>(ids.size())}, {targets, 1}).item();
  };
  for (const char* line : {"a=0", "d=3", "h=7"}) {
    CHECK(loss_of_next(std::string(line, 2), line + 2) < 0.1);
    CHECK(loss_of_next(line, "\n") < 0.1);
    CHECK(loss_of_next(std::string(line, 1), "=") > 1);  // though every line has it
  }
}

TEST_CASE("answers are refused in one line where there are none to learn") {
  const FreshDirectory here;
  here.write("sums.txt", sums(40));
  const auto refused = [&](const std::string& options, int code, const std::string& part) {
    const Outcome result = run_primer(here, "train sums.txt " + options);
    CAPTURE(result.err);
    CHECK(result.code == code);
    CHECK(std::ranges::count(result.err, '\n') == 1);
    CHECK(result.err.find(part) != std::string::npos);
  };
  refused("--objective mlm --answer-after =", 2, "--answer-after goes with --objective lm");
  refused("--objective classify --answer-after =", 2, "--answer-after goes with --objective lm");
  refused("--answer-after '=>'", 3, "'=>' stands in no line, here or in a later file, with an answer behind it");
  here.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n=\n1\n##1\n+\n");
  refused("--answer-after = --tokenizer ./vocab.txt", 2, "answers are found by their bytes");
}
