// What holds for a GPT whatever its numbers are.
#include <doctest/doctest.h>
#include <omp.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "optim/adam.h"
#include "tests/nn/small_model.h"
#include "tests/threads.h"

using namespace primer::test;
namespace optim = primer::optim;

namespace {

/// The same bits, where a NaN equals itself.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// Bounds of rounding, relative to the largest number.
template <class T>
double rounding() {
  return sizeof(T) == 4 ? 5e-6 : 1e-13;
}

constexpr BodyKind bodies[] = {BodyKind::transformer, BodyKind::rnn, BodyKind::gru, BodyKind::lstm};

/// small_config() with this body, in one direction or both: a recurrent one has one.
std::vector<ModelConfig> every_body() {
  std::vector<ModelConfig> all;
  for (const BodyKind body : bodies)
    for (const bool causal : {true, false}) {
      if (!causal && body != BodyKind::transformer) continue;
      all.push_back(small_config());
      all.back().body = body;
      all.back().causal = causal;
    }
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("a future token changes no earlier logit, bit for bit, be it NaN or infinite", T, float, double) {
  constexpr long V = 17, batch = 2;
  constexpr int special = V - 1;  // its embedding is spoilt; nobody else uses it
  std::vector<ModelConfig> configs(7, small_config());
  for (long i = 0; i < 7; ++i) {
    if (i < 4) configs[i].body = bodies[i];
    else configs[i].attention = static_cast<primer::nn::AttentionKind>(i - 3);  // linear, favor, rfa
  }
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const Threads scope(i == 0 ? 1 : 2);
    const ModelConfig& config = configs[i];
    CAPTURE(name(config.body));
    CAPTURE(name(config.attention));
    SmallModel<T> model(config);
    model.stir();
    T* row = model.parameters.at("token.weight").data() + special * model.gpt.config().channels;
    for (const long length : {2L, 63L, 64L, 65L, 150L}) {
      CAPTURE(length);
      const Ids tokens = random_ids(batch * length, V - 1, "tokens");
      const std::vector<T> before = model.logits(tokens, batch);
      for (const double spoilt : {0.5, std::nan(""), HUGE_VAL, -HUGE_VAL}) {
        row[0] = row[5] = static_cast<T>(spoilt);
        for (const long cut : {1L, length / 2, 63L, 64L, 65L, 127L, 128L, length - 1}) {  // the first changed position
          if (cut >= length) continue;
          Ids changed = tokens;
          for (long b = 0; b < batch; ++b)
            for (long t = cut; t < length; ++t) changed[b * length + t] = special;
          const std::vector<T> after = model.logits(changed, batch);
          for (long b = 0; b < batch; ++b) {
            CHECK(same_bits(rows_of(before, b * length, cut, V), rows_of(after, b * length, cut, V)));
            CHECK(!same_bits(rows_of(before, b * length + cut, 1, V), rows_of(after, b * length + cut, 1, V)));
          }
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("a permuted batch permutes the result", T, float, double) {
  constexpr long batch = 5, length = 70, V = 17;
  const std::vector<long> order = {3, 0, 4, 1, 2};
  for (const ModelConfig& config : every_body()) {
    CAPTURE(name(config.body));
    SmallModel<T> model(config);
    model.stir();
    const Ids tokens = random_ids(batch * length, V, "tokens"), targets = random_ids(batch * length, V, "targets");
    const Ids lengths = {70, 5, 64, 65, 1};
    Ids moved_tokens, moved_targets, moved_lengths;
    for (const long b : order) {
      const Ids t = rows_of(tokens, b, 1, length), y = rows_of(targets, b, 1, length);
      moved_tokens.insert(moved_tokens.end(), t.begin(), t.end());
      moved_targets.insert(moved_targets.end(), y.begin(), y.end());
      moved_lengths.push_back(lengths[b]);
    }
    const auto straight = model.logits(tokens, batch, lengths);
    const auto moved = model.logits(moved_tokens, batch, moved_lengths);
    for (long i = 0; i < batch; ++i)
      CHECK(apart(rows_of(straight, order[i], 1, length * V), rows_of(moved, i, 1, length * V)) < rounding<T>());
    const double loss = model.run(tokens, targets, batch, lengths);
    const auto gradients = model.gradients();
    CHECK(model.run(moved_tokens, moved_targets, batch, moved_lengths) == doctest::Approx(loss).epsilon(rounding<T>()));
    CHECK(apart(gradients, model.gradients()) < 4 * rounding<T>());
  }
}

TEST_CASE_TEMPLATE("a batch of eight equals two at a time, accumulated four times, dropout and all", T, float, double) {
  constexpr long length = 33, V = 17;
  for (const BodyKind body : bodies) {
    CAPTURE(name(body));
    ModelConfig config = small_config();
    config.body = body;
    config.dropout = 0.2;
    config.output.tie = true;
    SmallModel<T> model(config);
    model.stir();
    const Ids tokens = random_ids(8 * length, V, "tokens");
    Ids targets = random_ids(8 * length, V, "targets");
    for (std::size_t i = 0; i < targets.size(); i += 3) targets[i] = -1;  // the parts have different numbers of targets
    for (std::size_t i = 0; i < 50; ++i) targets[i] = -1;
    const double scale = 1 / count_of(targets);
    model.tape.noise = {4, 9, 0, 8};
    const double whole = model.run(tokens, targets, 8, {}, scale);
    const auto gradients = model.gradients();
    const auto in_parts = [&](bool numbered) {
      double total = 0;
      model.parameters.zero_grad();
      for (long first = 0; first < 8; first += 2) {
        model.tape.noise = {4, 9, numbered ? first : 0, 2};
        total += model.accumulate(rows_of(tokens, first, 2, length), rows_of(targets, first, 2, length), 2, {}, scale);
      }
      model.parameters.settle();
      return total;
    };
    CHECK(in_parts(true) == doctest::Approx(whole).epsilon(rounding<T>()));
    CHECK(apart(gradients, model.gradients()) < 4 * rounding<T>());
    in_parts(false);
    CHECK(apart(gradients, model.gradients()) > 1e-3);  // other masks are seen
  }
}

TEST_CASE_TEMPLATE("padding changes no real output and no gradient", T, float, double) {
  constexpr long batch = 3, length = 70, V = 17;
  const Ids lengths = {70, 66, 7};
  for (const ModelConfig& config : every_body()) {
    CAPTURE(name(config.body));
    CAPTURE(config.causal);
    SmallModel<T> model(config);
    model.stir();
    const Ids tokens = random_ids(batch * length, V, "tokens");
    Ids others = tokens, targets = random_ids(batch * length, V, "targets");
    for (long b = 0; b < batch; ++b)
      for (long t = lengths[b]; t < length; ++t) {
        others[b * length + t] = (tokens[b * length + t] + 1) % V;
        targets[b * length + t] = -1;
      }
    const auto padded = model.logits(tokens, batch, lengths), otherwise = model.logits(others, batch, lengths);
    const double scale = 0.01, loss = model.run(tokens, targets, batch, lengths, scale);
    const auto gradients = model.gradients();
    CHECK(model.run(others, targets, batch, lengths, scale) == doctest::Approx(loss).epsilon(rounding<T>()));
    CHECK(apart(gradients, model.gradients()) < rounding<T>());

    double alone_loss = 0;
    model.parameters.zero_grad();
    for (long b = 0; b < batch; ++b) {
      const Ids alone = rows_of(tokens, b * length, lengths[b], 1);
      const Ids wanted = rows_of(targets, b * length, lengths[b], 1);
      const auto real = rows_of(padded, b * length, lengths[b], V);
      CHECK(same_bits(real, rows_of(otherwise, b * length, lengths[b], V)));
      CHECK(apart(real, model.logits(alone, 1)) < rounding<T>());
      alone_loss += model.accumulate(alone, wanted, 1, {}, scale);
    }
    model.parameters.settle();
    CHECK(alone_loss == doctest::Approx(loss).epsilon(rounding<T>()));
    CHECK(apart(gradients, model.gradients()) < 4 * rounding<T>());
    if (!config.causal) CHECK(apart(padded, model.logits(tokens, batch)) > 1e-3);  // the lengths do count
  }
}

TEST_CASE("the loss at initialisation is near ln V") {
  for (const long V : {65L, 257L, 1000L}) {
    SmallModel<float> model({.vocabulary = V, .context = 64, .layers = 4, .heads = 4, .channels = 128});
    const double loss = model.run(random_ids(4 * 64, V, "tokens"), random_ids(4 * 64, V, "targets"), 4);
    CHECK(std::abs(loss - std::log(V)) < 0.1);
  }
}

TEST_CASE("one batch can be learned by heart") {
  constexpr long batch = 4, length = 16, V = 17;
  SmallModel<float> model({.vocabulary = V, .context = length, .layers = 2, .heads = 2, .channels = 32});
  optim::Adam<float> adam(model.parameters);
  const Ids tokens = random_ids(batch * length, V, "tokens"), targets = random_ids(batch * length, V, "targets");
  double loss = 0;
  for (int i = 0; i < 150; ++i) {
    loss = model.run(tokens, targets, batch);
    adam.update(0.01);
  }
  CHECK(loss < 0.05);
}

TEST_CASE("parameters start as GPT-2's: 0.02, and less for what writes to the residual stream") {
  constexpr long layers = 3;
  SmallModel<double> model({.vocabulary = 200,
                            .context = 100,
                            .layers = layers,
                            .heads = 2,
                            .channels = 64,
                            .bias = true,
                            .output = {.tie = false}});
  long seen = 0;
  for (const auto& e : model.parameters.entries()) {
    CAPTURE(e.path);
    const auto ends = [&](const char* what) { return e.path.ends_with(what); };
    const double* w = model.parameters.values() + e.offset;
    const auto n = static_cast<double>(e.shape.size());
    const double mean = std::accumulate(w, w + e.shape.size(), 0.0) / n;
    const double deviation = std::sqrt(std::inner_product(w, w + e.shape.size(), w, 0.0) / n - mean * mean);
    if (ends(".bias")) CHECK((mean == 0 && deviation == 0));
    else if (ends("norm.weight")) CHECK((mean == 1 && deviation == 0));
    else {
      const bool residual = ends("attention.output.weight") || ends("feed_forward.down.weight");
      const double expected = residual ? 0.02 / std::sqrt(2.0 * layers) : 0.02;
      CHECK(std::abs(mean) < 5 * expected / std::sqrt(n));
      CHECK(std::abs(deviation / expected - 1) < 5 / std::sqrt(2 * n));
      CHECK(e.shape.rank == 2);
      seen += residual;
    }
    CHECK(e.decay == (e.shape.rank == 2));
  }
  CHECK(seen == 2 * layers);
}

TEST_CASE("nanoGPT's character models have exactly its numbers of parameters") {
  const auto without_positions = [](const ModelConfig& config) {
    Parameters<float> parameters;
    const Model<float> gpt(parameters, config);
    return parameters.count() - config.context * config.channels;
  };
  CHECK(without_positions({.vocabulary = 65, .context = 64, .layers = 4, .heads = 4, .channels = 128}) == 795'904);
  CHECK(without_positions({.vocabulary = 65, .context = 256, .layers = 6, .heads = 6, .channels = 384}) == 10'646'784);
}
