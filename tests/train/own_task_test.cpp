// A task of one's own, with examples and a body that the program has not, through the whole life of a run.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "autograd/error.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "tests/train/fresh_directory.h"
#include "train/checkpoints/loaded_run.h"
#include "train/checkpoints/recipe.h"
#include "train/step/evaluate.h"
#include "train/step/generate.h"
#include "train/tasks/task.h"

using namespace primer;
using namespace primer::train;

namespace {

/// Windows that begin at every second token, each of half the context.
class EverySecond final : public data::Examples {
 public:
  EverySecond(const data::TokenSequence& tokens, long context) : Examples(context), tokens_(&tokens) {}
  void begin(data::Purpose, std::uint64_t) override {}
  std::uint64_t count() const override { return (tokens_->size() - static_cast<std::uint64_t>(width())) / 2; }
  long write(std::uint64_t index, data::ExampleRow& row) const override {
    tokens_->read(2 * index, static_cast<std::uint64_t>(width()), row.tokens.data());
    tokens_->read(2 * index + 1, static_cast<std::uint64_t>(width()), row.targets.data());
    return width();
  }
  bool varies() const override { return true; }
  long length(std::uint64_t) const override { return width(); }

 private:
  long width() const { return context() / 2; }
  const data::TokenSequence* tokens_;
};

/// A token's row through one linear layer: the next token is read from the last one alone. Its state is a count.
template <class T>
struct LastToken final : nn::Body<T> {
  struct Count final : nn::State<T> {
    explicit Count(long most) : nn::State<T>(most) { this->clear(most); }
    void copy(long, long) override {}
  };

  nn::Embedding<T> token;
  nn::Linear<T> layer;

  LastToken(autograd::Parameters<T>& parameters, const nn::ModelConfig& c)
      : nn::Body<T>(c),
        token(parameters, "token", {.rows = c.vocabulary, .channels = c.channels}),
        layer(parameters, "layer", {.in = c.channels, .out = c.channels, .deviation = 0.2}) {}
  nn::Tensor<T> hidden(nn::Tape<T>& tape, const nn::Sequences& in, nn::State<T>* state) const override {
    if (state) state->advance(in.length);
    return layer(token(tape, in.tokens, in.batch, in.length));
  }
  std::unique_ptr<nn::State<T>> state(long most) const override { return std::make_unique<Count>(most); }
  nn::Tensor<T> token_rows() const override { return token.weight; }
};

class Bigrams final : public Task {
 public:
  Bigrams() : Task("bigrams", "the next token from the last one alone") {}
  Room room(const Config&) const override { return {.fewest_tokens = 64, .fewest_places = 2, .framing = -1}; }
  std::unique_ptr<data::Examples> examples(const Config& config, const data::Tokenizer&,
                                           const data::TokenSequence& tokens) const override {
    return std::make_unique<EverySecond>(tokens, config.context);
  }
  double count(const Config&, double tokens, double) const override { return tokens / 2; }
  double targets(double length) const override { return length / 2; }
  bool writes() const override { return true; }
  bool causal() const override { return true; }
  void shape(const Config&, nn::ModelConfig& model) const override { model.output.tie = false; }
  std::unique_ptr<nn::Body<float>> body(autograd::Parameters<float>& p, const nn::ModelConfig& c) const override {
    return std::make_unique<LastToken<float>>(p, c);
  }
  std::unique_ptr<nn::Body<double>> body(autograd::Parameters<double>& p, const nn::ModelConfig& c) const override {
    return std::make_unique<LastToken<double>>(p, c);
  }
};

const Task& bigrams() {
  static const Bigrams task;
  [[maybe_unused]] static const bool added = (add_task(task), true);
  return task;
}

class StopAfter : public Interruption {
 public:
  explicit StopAfter(int looks) : left_(looks) {}
  int stop() override { return --left_ < 0 ? SIGTERM : 0; }

 private:
  int left_;
};

Recipe recipe_for(const std::string& text) {
  Recipe recipe{.texts = {text}, .wishes = {}, .from = {}};
  choose(recipe.wishes, &Config::objective, Objective(bigrams()), ChosenBy::flag);
  choose(recipe.wishes, &Config::channels, 16, ChosenBy::flag);
  choose(recipe.wishes, &Config::heads, 1, ChosenBy::flag);
  choose(recipe.wishes, &Config::context, 16, ChosenBy::flag);
  choose(recipe.wishes, &Config::lr, 0.02, ChosenBy::flag);
  choose(recipe.wishes, &Config::steps, 80, ChosenBy::flag);
  return recipe;
}

}  // namespace

TEST_CASE("a task of one's own, with its examples and body, is trained, stopped, resumed, evaluated and sampled") {
  const FreshDirectory here;
  std::string text;
  for (int i = 0; i < 400; ++i) text += "abcd";  // what follows is certain
  here.write("t.txt", text);
  Interruption none;
  const TrainingResult whole = train_new(recipe_for(here / "t.txt"), here / "whole", Progress::Style::quiet, none);
  CHECK(whole.step == 80);
  CHECK(whole.best_val_loss < 0.1);

  StopAfter stop(30);
  const TrainingResult half = train_new(recipe_for(here / "t.txt"), here / "run", Progress::Style::quiet, stop);
  CHECK(half.signal == SIGTERM);
  CHECK(half.step < 40);
  train_more(here / "run", {}, Progress::Style::quiet, none);
  const auto one = load_run(here / "whole", {Choice::Kind::last, 0}),
             two = load_run(here / "run", {Choice::Kind::last, 0});
  REQUIRE(one->parameters.size() == two->parameters.size());
  CHECK(std::equal(one->parameters.values(), one->parameters.values() + one->parameters.size(),
                   two->parameters.values()));
  CHECK(one->parameters.at("layer.weight").shape == autograd::Shape{16, 16});

  const data::TokenFile tokens(two->paths.tokens());
  autograd::Tape<float> tape;
  const TextTask task{two->config, *two->tokenizer};
  const Evaluation seen = evaluate(*two->network, tape, task, tokens.validation(), tokens.validation_bytes(), 8, 0);
  CHECK(seen.accuracy == 1);
  CHECK(seen.targets == 8 * ((tokens.validation_size() - 8) / 2));  // its own examples, of 8 targets each

  std::string sample;
  generate(*two->network, tape, two->tokenizer->encode("b"), 5, {.temperature = 0}, {}, [&](std::uint64_t, int id) {
    sample += two->tokenizer->token_text(id);
    return true;
  });
  CHECK(sample == "cdabc");
}

TEST_CASE("a second task of the same name is refused") {
  bigrams();
  CHECK_THROWS_AS(add_task(bigrams()), autograd::Error);
}
