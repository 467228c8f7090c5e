#include "train/step/trainer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/train/planned.h"
#include "train/step/generate.h"

using namespace primer::train;
namespace data = primer::data;

namespace {

// A text in memory with all that a trainer needs.
struct Setting {
  Config config;
  std::shared_ptr<const data::Tokenizer> tokenizer;
  data::TokenVector tokens;

  Setting(const std::string& text, const std::vector<std::pair<std::string, std::string>>& options)
      : Setting(plan_of(text, options), text) {}

 private:
  Setting(const Plan& plan, const std::string& text)
      : config(plan.config), tokenizer(plan.tokenizer), tokens(plan.tokenizer->encode(text)) {}
  static Plan plan_of(const std::string& text, std::vector<std::pair<std::string, std::string>> options) {
    options.insert(options.begin(), {{"val_fraction", "0"},
                                     {"layers", "2"},
                                     {"heads", "2"},
                                     {"channels", "16"},
                                     {"context", "16"},
                                     {"batch", "4"},
                                     {"steps", "10"}});
    return make_plan(wishes(options), SurveyedText(text).facts);
  }
};

template <class T>
std::vector<T> values(Trainer<T>& trainer) {
  const auto& p = trainer.parameters();
  return {p.values(), p.values() + p.size()};
}

const char* const tale =
    "There was once a miller who left no more to his three sons than his mill, his ass, and his cat. The division "
    "was soon made; neither clerk nor attorney was sent for, as they would soon have eaten up all the poor heritage. "
    "The eldest had the mill, the second the ass, and the youngest nothing but the cat. The poor young fellow was "
    "quite downcast at so poor a lot. \"My brothers,\" said he, \"may get a handsome living by joining their shares "
    "together; but for my part, when I have eaten my cat and made a muff of its skin, I must die of hunger.\" The cat, "
    "who heard all this but feigned otherwise, said to him with a grave and serious air, \"Do not be troubled, my good "
    "master. You have only to give me a bag, and have a pair of boots made for me, that I may scamper through the "
    "brambles, and you shall see that you have not so poor a portion of me as you think.\" The master did not build "
    "very much on what the cat said, yet he had often seen him play a great many cunning tricks.\n";

}  // namespace

TEST_CASE("a short text is learnt by heart and recited") {
  const std::string text = tale;
  constexpr long context = 32;
  Setting s(
      text,
      {{"channels", "64"}, {"context", "32"}, {"batch", "16"}, {"lr", "0.004"}, {"dropout", "0"}, {"steps", "700"}});
  Trainer<float> trainer(s.config, *s.tokenizer, s.tokens);
  for (long i = 0; i < s.config.steps; ++i) {
    const double loss = trainer.step().loss;
    if (i == 0) CHECK(loss == doctest::Approx(std::log(s.tokenizer->vocabulary_size())).epsilon(0.05));
  }

  // Windows begin anywhere, so a window's first tokens are never certain. Each token after a whole context is.
  const std::vector<int> ids = s.tokenizer->encode(text);
  std::vector<int> tokens, targets;  // [N - 32, 32] each
  for (std::size_t end = context; end < ids.size(); ++end) {
    tokens.insert(tokens.end(), ids.begin() + static_cast<long>(end) - context, ids.begin() + static_cast<long>(end));
    targets.insert(targets.end(), context - 1, -1);
    targets.push_back(ids[end]);
  }
  primer::nn::Scores scores;
  primer::autograd::Tape<float> tape;
  const long windows = static_cast<long>(ids.size()) - context;
  trainer.model().loss(tape, {tokens, windows, context}, {targets, 1.0}, &scores);
  CHECK(scores.tokens.targets == windows);
  CHECK(scores.loss() < 0.05);

  const std::string prompt = text.substr(0, context);
  std::string recited = prompt;
  Sampling greedy;
  greedy.temperature = 0;
  generate(trainer.model(), tape, s.tokenizer->encode(prompt), windows, greedy, {}, [&](std::uint64_t, int id) {
    recited += s.tokenizer->token_text(id);
    return true;
  });
  CHECK(recited == text);
  const Evaluation evaluation = trainer.evaluate(s.tokens, text.size());
  CHECK(evaluation.bits_per_byte == doctest::Approx(evaluation.loss / std::log(2.0)));
}

TEST_CASE("a kilobyte is learnt to a loss below 0.05 over whole windows, and recited" * doctest::test_suite("long")) {
  const std::string text = tale;
  Setting s(
      text,
      {{"channels", "64"}, {"context", "128"}, {"batch", "8"}, {"lr", "0.004"}, {"dropout", "0"}, {"steps", "2500"}});
  Trainer<float> trainer(s.config, *s.tokenizer, s.tokens);
  double last = 0;  // mean of the last hundred losses
  for (long i = 0; i < s.config.steps; ++i) {
    const double loss = trainer.step().loss;
    if (i >= s.config.steps - 100) last += loss / 100;
  }
  CHECK(last < 0.05);
  CHECK(trainer.evaluate(s.tokens, text.size()).loss < 0.05);

  std::string recited = text.substr(0, 8);
  Sampling greedy;
  greedy.temperature = 0;
  primer::autograd::Tape<float> tape;
  const long rest = static_cast<long>(text.size() - recited.size());
  generate(trainer.model(), tape, s.tokenizer->encode(recited), rest, greedy, {}, [&](std::uint64_t, int id) {
    recited += s.tokenizer->token_text(id);
    return true;
  });
  CHECK(recited == text);
}

TEST_CASE("one batch of eight equals four of two that are accumulated") {
  const std::vector<std::pair<std::string, std::string>> common = {{"dropout", "0.2"}, {"context", "15"}};
  auto whole_options = common, parts_options = common;
  whole_options.insert(whole_options.end(), {{"batch", "8"}});
  parts_options.insert(parts_options.end(), {{"batch", "2"}, {"accumulate", "4"}});
  for (const std::string objective : {"lm", "mlm"}) {
    CAPTURE(objective);
    whole_options.push_back({"objective", objective});
    parts_options.push_back({"objective", objective});
    Setting whole(tale, whole_options), parts(tale, parts_options);
    Trainer<double> one(whole.config, *whole.tokenizer, whole.tokens);
    Trainer<double> four(parts.config, *parts.tokenizer, parts.tokens);
    for (int i = 0; i < 12; ++i) {  // past the end of an epoch, where windows are shorter than others
      const StepReport a = one.step(), b = four.step();
      CHECK(a.loss == doctest::Approx(b.loss).epsilon(1e-12));
      CHECK(a.grad_norm == doctest::Approx(b.grad_norm).epsilon(1e-11));
      CHECK(a.tokens == b.tokens);
    }
    const auto a = values(one), b = values(four);
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(a[i] - b[i]));
    CHECK(worst < 1e-9);
  }
}

TEST_CASE("an evaluation of some batches stands for the whole, and batches are counted in the task's own examples") {
  // Two halves that have nothing in common: what looks at the first alone does not see the second.
  std::string text;
  for (int i = 0; i < 400; ++i) text += "ab";
  for (int i = 0; i < 400; ++i) text += static_cast<char>('c' + (i * i) % 23);
  Setting s(text, {{"layers", "0"}, {"steps", "60"}, {"lr", "0.02"}});
  Trainer<float> trainer(s.config, *s.tokenizer, s.tokens);
  for (long i = 0; i < s.config.steps; ++i) trainer.step();
  const long all = trainer.batches_of(s.tokens);
  CHECK(all == 19);  // 1199 targets in windows of 16, 4 a batch
  const double whole = trainer.evaluate(s.tokens, text.size()).loss;
  CHECK(trainer.evaluate(s.tokens, text.size(), all).loss == whole);
  CHECK(std::abs(trainer.evaluate(s.tokens, text.size(), 3).loss - whole) < 0.25 * whole);

  Setting masked(text, {{"objective", "mlm"}, {"steps", "1"}});
  Trainer<float> masks(masked.config, *masked.tokenizer, masked.tokens);
  CHECK(masks.batches_of(masked.tokens) == 22);  // 1200 tokens in windows of 14, between [CLS] and [SEP]
}

TEST_CASE("both objectives learn") {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "pack my box with jugs. ";
  for (const std::string objective : {"lm", "mlm"}) {
    CAPTURE(objective);
    const char* const steps = objective == "lm" ? "150" : "1000";  // masks leave a seventh of the targets
    Setting s(text, {{"objective", objective}, {"channels", "32"}, {"batch", "32"}, {"lr", "0.006"}, {"steps", steps}});
    Trainer<float> trainer(s.config, *s.tokenizer, s.tokens);
    const Evaluation before = trainer.evaluate(s.tokens, s.tokens.size());
    // Even chances, but for what the first logits' variance costs, half of it: of a normed output times the token
    // table, in a BERT 768 * 0.02^2 at whatever width.
    const double chance = std::log(s.tokenizer->vocabulary_size()) + (objective == "mlm" ? 0.5 * 768 * 0.02 * 0.02 : 0);
    CHECK(before.loss == doctest::Approx(chance).epsilon(0.03));
    for (long i = 0; i < s.config.steps; ++i) trainer.step();
    const Evaluation after = trainer.evaluate(s.tokens, s.tokens.size());
    CHECK(after.loss < 0.7);  // a model that only counts letters stays above 2.7
    CHECK(after.accuracy > 0.7);
    CHECK(std::isnan(after.bits_per_byte) == (objective == "mlm"));
  }
}

TEST_CASE("every optimizer and schedule moves the loss down") {
  for (const std::string optimizer : {"adamw", "adam", "sgd"}) {
    for (const std::string schedule : {"cosine", "linear", "constant", "noam"}) {
      CAPTURE(optimizer);
      CAPTURE(schedule);
      Setting s(tale, {{"optimizer", optimizer}, {"schedule", schedule}, {"steps", "40"}});
      Trainer<float> trainer(s.config, *s.tokenizer, s.tokens);
      const double before = trainer.evaluate(s.tokens, s.tokens.size()).loss;
      for (long i = 0; i < s.config.steps; ++i) trainer.step();
      CHECK(trainer.evaluate(s.tokens, s.tokens.size()).loss < before - 0.05);
    }
  }
}

TEST_CASE("an evaluation leaves the training as it was") {
  Setting s(tale, {{"dropout", "0.1"}});
  Trainer<float> plain(s.config, *s.tokenizer, s.tokens), watched(s.config, *s.tokenizer, s.tokens);
  for (int i = 0; i < 10; ++i) {
    plain.step();
    const double first = watched.evaluate(s.tokens, s.tokens.size()).loss;
    CHECK(watched.evaluate(s.tokens, s.tokens.size()).loss == first);
    watched.step();
  }
  CHECK(values(plain) == values(watched));
  CHECK(plain.state().cursor == watched.state().cursor);
  CHECK(plain.state().tokens == watched.state().tokens);
}

TEST_CASE("the seed fixes a training, another seed makes another one") {
  Setting s(tale, {{"dropout", "0.1"}}), other(tale, {{"dropout", "0.1"}, {"seed", "7"}});
  Trainer<float> a(s.config, *s.tokenizer, s.tokens), b(s.config, *s.tokenizer, s.tokens);
  Trainer<float> c(other.config, *other.tokenizer, other.tokens);
  for (int i = 0; i < 5; ++i) {
    const double loss = a.step().loss;
    CHECK(b.step().loss == loss);
    CHECK(c.step().loss != loss);
  }
  CHECK(values(a) == values(b));
}

TEST_CASE("a learning rate of zero changes no bit") {
  Setting s(tale, {{"lr", "0"}, {"min_lr", "0"}});
  Trainer<float> trainer(s.config, *s.tokenizer, s.tokens);
  const auto before = values(trainer);
  for (int i = 0; i < 3; ++i) trainer.step();
  CHECK(values(trainer) == before);
}

TEST_CASE("a step whose gradient is not a number is skipped, three in a row are divergence") {
  Setting s(tale, {});
  Trainer<float> trainer(s.config, *s.tokenizer, s.tokens);
  trainer.step();
  float* const broken = trainer.parameters().at("blocks.0.attention.qkv.weight").data();
  const float whole = *broken;
  *broken = std::numeric_limits<float>::quiet_NaN();
  for (int i = 0; i < 2; ++i) {
    CHECK(trainer.step().skipped);
    CHECK_FALSE(trainer.has_diverged());
  }
  CHECK(trainer.optimizer().updates() == 1);
  *broken = whole;
  for (const float value : values(trainer)) REQUIRE(std::isfinite(value));
  CHECK_FALSE(trainer.step().skipped);
  CHECK(trainer.state().bad_in_a_row == 0);
  CHECK(trainer.state().bad_steps.count() == 2);
  *broken = std::numeric_limits<float>::infinity();
  for (int i = 0; i < 3; ++i) trainer.step();
  CHECK(trainer.has_diverged());
  CHECK(trainer.state().step == 7);
}

TEST_CASE("ten bad steps among a hundred are divergence even when they are scattered") {
  Setting s(tale, {});
  Trainer<float> trainer(s.config, *s.tokenizer, s.tokens);
  float* const broken = trainer.parameters().at("token.weight").data();
  for (int i = 0; i < 10; ++i) {
    CHECK_FALSE(trainer.has_diverged());
    const float whole = *broken;
    *broken = std::numeric_limits<float>::quiet_NaN();
    CHECK(trainer.step().skipped);
    *broken = whole;
    trainer.step();
  }
  CHECK(trainer.has_diverged());
}

TEST_CASE("generated tokens are a function of seed, sample and position") {
  Setting s(tale, {});
  Trainer<float> trainer(s.config, *s.tokenizer, s.tokens);
  trainer.step();
  primer::autograd::Tape<float> tape;
  const auto write = [&](long count, std::uint64_t seed, std::uint64_t sample) {
    Sampling sampling;
    sampling.seed = seed;
    std::vector<int> ids;
    generate(trainer.model(), tape, std::vector<int>{0}, count, sampling, {sample, 1}, [&](std::uint64_t, int id) {
      ids.push_back(id);
      return true;
    });
    return ids;
  };
  const std::vector<int> ids = write(40, 1, 0);
  CHECK(ids.size() == 40);
  CHECK(write(40, 1, 0) == ids);
  CHECK(write(20, 1, 0) == std::vector<int>(ids.begin(), ids.begin() + 20));
  CHECK(write(40, 2, 0) != ids);
  CHECK(write(40, 1, 1) != ids);
  CHECK(write(0, 1, 0).empty());
  long calls = 0;
  generate(trainer.model(), tape, std::vector<int>{0}, 40, {}, {}, [&](std::uint64_t, int) { return ++calls < 3; });
  CHECK(calls == 3);
}

TEST_CASE("a trainer whose weights are to be read draws none") {
  const Setting s(tale, {});
  Trainer<float> drawn(s.config, *s.tokenizer, s.tokens);
  Trainer<float> blank(s.config, *s.tokenizer, s.tokens, 0, 0, Weights::blank);
  const auto zeros = [](Trainer<float>& trainer) {
    const float* const values = trainer.parameters().values();
    return std::count(values, values + trainer.parameters().size(), 0.0f);
  };
  CHECK(zeros(blank) == blank.parameters().size());
  CHECK(zeros(drawn) < drawn.parameters().size() / 100);
}
