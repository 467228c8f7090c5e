// Recurrent bodies: what they begin with, and going on with a text from their state.
#include "nn/recurrent.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/nn/small_model.h"

using namespace primer::test;

namespace {

constexpr long V = 17;

ModelConfig config_of(BodyKind body) {
  return {.body = body, .vocabulary = V, .context = 12, .layers = 2, .channels = 10, .bias = true};
}

constexpr BodyKind bodies[] = {BodyKind::rnn, BodyKind::gru, BodyKind::lstm};

/// Logits [B, V] of the last of the tokens [B, n] that follow the state's.
std::vector<double> decode(SmallModel<double>& model, primer::nn::State<double>& state, const Ids& tokens) {
  const auto pause = model.tape.pause();
  const auto y = model.gpt.decode(model.tape, state, tokens);
  return {y.data(), y.data() + y.size()};
}

/// Of logits [B, length, V] those of one position: [B, V].
std::vector<double> at_position(const std::vector<double>& logits, long B, long position) {
  std::vector<double> part;
  part.reserve(B * V);
  for (long b = 0; b < B; ++b) {
    const auto begin = logits.begin() + (b * static_cast<long>(logits.size()) / B) + position * V;
    part.insert(part.end(), begin, begin + V);
  }
  return part;
}

}  // namespace

TEST_CASE("decoding from a state gives the logits of the whole text, far beyond the context too") {
  constexpr long B = 2, length = 60;
  const Ids tokens = random_ids(B * length, V, "tokens");
  for (const BodyKind body : bodies) {
    CAPTURE(name(body));
    SmallModel<double> model(config_of(body));
    model.stir();
    const auto whole = model.logits(tokens, B);
    for (const std::vector<long>& pieces : {std::vector<long>(length, 1), {1, 30, 4, 25}, {length}}) {
      const auto state = model.gpt.body->state(B);
      long t = 0;
      for (const long n : pieces) {
        Ids part = rows_of(tokens, t, n, 1);
        const Ids second = rows_of(tokens, length + t, n, 1);
        part.insert(part.end(), second.begin(), second.end());
        t += n;
        CHECK(apart(decode(model, *state, part), at_position(whole, B, t - 1)) < 1e-12);
        CHECK(state->past() == t);
      }
    }
  }
}

TEST_CASE("a state that is cleared has read nothing, and one that is repeated or dropped belongs to its sequence") {
  const Ids first = random_ids(5, V, "first"), next = random_ids(3, V, "next");
  for (const BodyKind body : bodies) {
    SmallModel<double> model(config_of(body));
    model.stir();
    const auto state = model.gpt.body->state(3);
    CHECK_THROWS_WITH_AS(state->clear(4), "[state] expected 3 sequences or fewer, got 4", Error);
    state->clear(1);
    decode(model, *state, first);
    state->repeat(3);
    decode(model, *state, next);  // one token for each
    state->drop(0);               // the third takes its place
    const std::vector<double> both = decode(model, *state, {4, 5});
    for (const int b : {0, 1}) {
      Ids all = first;
      all.insert(all.end(), {b == 0 ? next[2] : next[1], b == 0 ? 4 : 5});
      CHECK(apart(rows_of(both, b, 1, V), at_position(model.logits(all, 1), 1, 6)) < 1e-12);
    }
    state->clear(1);
    CHECK(apart(decode(model, *state, first), at_position(model.logits(first, 1), 1, 4)) < 1e-12);
  }
}

TEST_CASE("a state is of its own model, and goes with a paused tape and as many sequences") {
  SmallModel<double> lstm(config_of(BodyKind::lstm)), gru(config_of(BodyKind::gru));
  const auto state = gru.gpt.body->state(2);
  CHECK_THROWS_WITH_AS(decode(lstm, *state, {1, 2}), "[recurrent] the state was made for a model of another shape",
                       Error);
  CHECK_THROWS_WITH_AS(gru.gpt.decode(gru.tape, *state, Ids{1, 2}),
                       "[recurrent] what is kept has no gradient; pause the tape", Error);
  const auto pause = gru.tape.pause();
  CHECK_THROWS_AS(gru.gpt.body->hidden(gru.tape, {Ids{1}, 1, 1}, state.get()), Error);
}

TEST_CASE("what was not asked of a recurrent body does not matter: heads that divide no channels") {
  ModelConfig config = config_of(BodyKind::gru);
  config.heads = 3;
  CHECK_NOTHROW(SmallModel<double>{config});
  config.body = BodyKind::transformer;
  CHECK_THROWS_AS(SmallModel<double>{config}, Error);
  config = config_of(BodyKind::rnn);
  config.causal = false;
  CHECK_THROWS_AS(SmallModel<double>{config}, Error);
}

TEST_CASE("matrices begin as widely as PyTorch's, an LSTM's forget gates with a bias of 1 and all others with 0") {
  ModelConfig config = config_of(BodyKind::lstm);
  config.channels = 64;
  SmallModel<double> model(config);
  const long C = config.channels;
  for (const char* path : {"token.weight", "layers.1.input.weight", "layers.0.recurrent.weight"}) {
    const double expected = std::string(path) == "token.weight" ? 0.5 : 1 / std::sqrt(3.0 * C);
    const auto w = model.parameters.at(path);
    double squares = 0;
    for (long i = 0; i < w.size(); ++i) squares += w.data()[i] * w.data()[i];
    CHECK(std::sqrt(squares / static_cast<double>(w.size())) == doctest::Approx(expected).epsilon(0.05));
  }
  const auto bias = model.parameters.at("layers.1.input.bias");
  REQUIRE(bias.size() == 4 * C);
  for (long i = 0; i < 4 * C; ++i) CHECK(bias.data()[i] == (i >= C && i < 2 * C ? 1 : 0));
}

TEST_CASE("a recurrent model without biases has none, and one of every kind has its own parameters") {
  for (const auto& [body, vectors] : {std::pair{BodyKind::rnn, 2}, {BodyKind::gru, 4}, {BodyKind::lstm, 2}}) {
    ModelConfig config = config_of(body);
    const auto count = [&](long rank) {
      const SmallModel<double> model(config);
      const auto& all = model.parameters.entries();
      return std::count_if(all.begin(), all.end(), [=](const auto& e) { return e.shape.rank == rank; });
    };
    CHECK(count(1) == vectors);
    CHECK(count(2) == 1 + 2 * config.layers);
    config.bias = false, config.output.tie = false;
    CHECK(count(1) == 0);
    CHECK(count(2) == 2 + 2 * config.layers);
  }
}

TEST_CASE("a future token does not change past logits of a recurrent body, bit for bit") {
  const Ids tokens = random_ids(9, V, "tokens");
  for (const BodyKind body : bodies) {
    SmallModel<float> model(config_of(body));
    model.stir();
    Ids changed = tokens;
    changed[5] = (changed[5] + 1) % V;
    const auto before = model.logits(tokens, 1), after = model.logits(changed, 1);
    CHECK(std::equal(before.begin(), before.begin() + 5 * V, after.begin()));
    CHECK(!std::equal(before.begin() + 5 * V, before.begin() + 6 * V, after.begin() + 5 * V));
  }
}
