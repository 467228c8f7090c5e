// What it brings that attention needs no state, and what it costs. A tanh net and an LSTM read a text of T tokens by T
// products one after the other; attention reads it by as many products whatever T is, each larger. For that it looks
// again at all that was read, for every token. Where the next token is not known before the last one, in generating,
// nothing is side by side any more, and only what it costs is left.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "studies/lab/fit.h"
#include "studies/meaning/cost.h"
#include "studies/studies.h"
#include "train/step/stopwatch.h"

namespace primer::studies {

using nn::BodyKind, nn::ModelConfig;

namespace {

constexpr long shortest = 16, longest = 1024, layers = 2;

/// Channels are such that all have about as many weights.
struct Reader {
  std::string name;
  BodyKind body;
  long channels;

  ModelConfig shape(long context) const {
    return {.body = body,
            .vocabulary = 64,
            .context = context,
            .layers = layers,
            .heads = 4,
            .channels = channels,
            .position = nn::Position::rotary,
            .output = {.tie = false}};
  }
};
const Reader readers[]{
    {"tanh", BodyKind::rnn, 156}, {"LSTM", BodyKind::lstm, 78}, {"attention", BodyKind::transformer, 64}};

/// Microseconds a token of training on one text, and of generating behind it: the shortest of a few.
struct Times {
  double training = INFINITY, generating = INFINITY;

  Times(Lab& lab, const Reader& reader, long length) {
    const long tokens = lab.size(16, 2);
    Net<float> net(reader.shape(length + tokens), 1);
    data::Batch batch = empty_batch(1, length);
    batch.targets = batch.tokens;
    train::Stopwatch watch;
    fit<float>(net,
               {.steps = lab.size(5, 2),
                .after =
                    [&](long made) {
                      if (made > 1) training = std::min(training, 1e6 * watch.seconds() / length);
                      watch = {};
                    }},
               lab.interruption, [&](long) { return batch; });
    autograd::Tape<float> tape;
    const auto pause = tape.pause();
    const auto state = net.model.body->state(1);
    net.model.decode(tape, *state, batch.tokens);
    for (long i = 0; i < tokens; ++i) {
      watch = {};
      net.model.decode(tape, *state, std::span(batch.tokens).first(1));
      generating = std::min(generating, 1e6 * watch.seconds());
    }
  }
};

double furthest(const Cost& a, const Cost& b) {
  return std::max({std::abs(a.operations - b.operations), std::abs(a.bytes - b.bytes), std::abs(a.steps - b.steps)});
}

void run(Lab& lab) {
  std::vector<train::Curve> at_once, operations, bytes, steps, training, generating;
  const double most = static_cast<double>(lab.size(longest, 4 * shortest));
  for (const Reader& reader : readers) {
    lab.at(reader.name);
    const std::string& name = reader.name;
    std::vector<Cost> trained, next;
    std::vector<Times> times;
    std::vector<double> lengths;
    double off = 0;
    for (long T = shortest; T <= static_cast<long>(most); T *= 2) {
      const ModelConfig shape = reader.shape(T + 1);
      lengths.push_back(static_cast<double>(T));
      trained.push_back(cost_of_training(shape, 1, T));
      next.push_back(cost_of_next(shape, T));
      raise_to(off, furthest(trained.back(), training_formula(shape, 1, T)));
      raise_to(off, furthest(next.back(), next_formula(shape, T)));
      times.emplace_back(lab, reader, T);
    }
    const auto curve = [&](const std::string& what, auto value) {
      train::Curve made{what};
      for (std::size_t i = 0; i < lengths.size(); ++i) made.add(lengths[i], value(i));
      return made;
    };
    const auto rise = [&](auto value) {  // from the shortest to the longest, for each token of the text more
      return exact((value(lengths.size() - 1) - value(0)) / (lengths.back() - lengths.front()));
    };
    const auto a_token = [&](std::size_t i) { return trained[i].operations / lengths[i]; };
    const bool attends = reader.body == BodyKind::transformer;
    const double C = static_cast<double>(reader.channels);

    Net<float> net(reader.shape(shortest), 1);
    lab.figure(name + ": weights", exact(static_cast<double>(net.parameters.count())));
    lab.claim(name + ": counted less closed form, the largest difference", exact(off), between(0, 0));
    // Of steps: 6 products a layer and the output forward, as many backward; or T + 1 a layer and T back.
    lab.claim(name + ": steps of training that a token more adds",
              rise([&](std::size_t i) { return trained[i].steps; }),
              attends ? between(0, 0) : between(2 * layers, 2 * layers));
    lab.claim(name + ": operations of training a token that a token more adds", rise(a_token),
              attends ? between(6 * C * layers, 6 * C * layers) : at_most(6));  // the first one has no state before it
    lab.claim(name + ": operations of the next token that a token read adds",
              rise([&](std::size_t i) { return next[i].operations; }),
              attends ? between(4 * C * layers, 4 * C * layers) : between(0, 0));
    lab.claim(name + ": bytes of the next token that a token read adds",
              rise([&](std::size_t i) { return next[i].bytes; }),
              attends ? between(8 * (C + 4) * layers, 8 * (C + 4) * layers) : between(0, 0));
    const auto both = [&](const std::string& what, auto value) {
      for (const std::size_t i : {std::size_t{0}, lengths.size() - 1}) {
        lab.figure(name + ", " + short_number(lengths[i]) + " tokens: " + what, exact(value(i)));
      }
    };
    const auto parallel = [&](std::size_t i) { return trained[i].operations / trained[i].steps; };
    both("operations that could be made at once in training", parallel);
    both("steps of training a token", [&](std::size_t i) { return trained[i].steps / lengths[i]; });
    both("operations of training a token", a_token);
    both("bytes of training a token", [&](std::size_t i) { return trained[i].bytes / lengths[i]; });
    both("steps of the next token", [&](std::size_t i) { return next[i].steps; });
    both("operations of the next token", [&](std::size_t i) { return next[i].operations; });
    both("bytes of the next token", [&](std::size_t i) { return next[i].bytes; });
    both("microseconds of training a token, here", [&](std::size_t i) { return times[i].training; });
    both("microseconds of the next token, here", [&](std::size_t i) { return times[i].generating; });

    at_once.push_back(curve(name, parallel));
    const std::string later = name + ", generating", learning = name + ", training";
    steps.push_back(curve(learning, [&](std::size_t i) { return trained[i].steps / lengths[i]; }));
    steps.push_back(curve(later, [&](std::size_t i) { return next[i].steps; }));
    operations.push_back(curve(learning, a_token));
    operations.push_back(curve(later, [&](std::size_t i) { return next[i].operations; }));
    bytes.push_back(curve(learning, [&](std::size_t i) { return trained[i].bytes / lengths[i]; }));
    bytes.push_back(curve(later, [&](std::size_t i) { return next[i].bytes; }));
    training.push_back(curve(learning, [&](std::size_t i) { return times[i].training; }));
    training.push_back(curve(later, [&](std::size_t i) { return times[i].generating; }));
  }
  const train::Axis length{.name = "tokens of the text", .log = true};
  const auto chart = [&](const std::string& title, const std::string& caption, const std::string& what,
                         const std::vector<train::Curve>& curves) {
    lab.picture(train::line_chart({title, caption}, length, {.name = what, .log = true}, curves));
  };
  chart("What parallelism brings",
        "Operations of a step of training on one text, over the products that wait for each other.",
        "operations at once", at_once);
  chart("Products that wait for each other, a token",
        "In training attention shares a fixed number among all tokens. In generating each token needs its own.",
        "steps a token", steps);
  chart("What it costs: operations", "A token's, of products. Attention multiplies with all that was read.",
        "operations a token", operations);
  chart("What it costs: bytes",
        "A token's, read and written by products. In generating all weights are read for one token, and of attention "
        "the keys and values of all that was read.",
        "bytes a token", bytes);
  chart("Times here", "One text, on this machine: nothing is claimed of them.", "microseconds a token", training);
  lab.note(
      "Two layers with random weights, about 98,000 of them and the tokens' rows; 64 tokens, one text at a time. With "
      "B texts at once all three have B times as many operations in a step, and a recurrent net's products "
      "B rows.");
}

}  // namespace

const Study parallel{
    "parallel",
    "meaning",
    "Attention trains on all places of a text at once, and pays for it with every token that it generates.",
    "Vaswani et al. 2017, section 4; Brent 1974, The Parallel Evaluation of General Arithmetic Expressions",
    0.1,
    run};

}  // namespace primer::studies
