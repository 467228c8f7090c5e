// What is said of heads: figures in double beside the plain formulas, on small random models.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nn/transformer.h"
#include "train/circuits/head_weights.h"
#include "train/circuits/looks.h"

using namespace primer::train;
namespace nn = primer::nn;

namespace {

constexpr long V = 13, C = 12, H = 4, T_ = 9;

struct Net {
  primer::autograd::Parameters<double> parameters;
  nn::Model<double> model;

  explicit Net(const nn::ModelConfig& config, std::uint64_t seed = 3) : model(parameters, config) {
    parameters.build(seed);
  }
  nn::Transformer<double>& body() { return dynamic_cast<nn::Transformer<double>&>(*model.body); }
};

nn::ModelConfig shape() {
  return {.vocabulary = V,
          .context = 64,
          .layers = 2,
          .heads = H,
          .kv_heads = 2,
          .channels = C,
          .position = nn::Position::none,
          .deviation = 0.3,
          .output = {.tie = false}};
}

/// Numbers from -1 to 1 that are nothing special.
double any(long i) { return std::sin(static_cast<double>(i * i % 97) + 0.5); }

primer::data::Batch random_batch(long sequences) {
  primer::data::Batch batch;
  batch.sequences = sequences;
  batch.length = T_;
  const primer::autograd::Random random(7, 1);
  for (long i = 0; i < sequences * T_; ++i) {
    batch.tokens.push_back(static_cast<int>(random.below(V, static_cast<std::uint64_t>(i))));
  }
  batch.lengths.assign(static_cast<std::size_t>(sequences), T_);
  return batch;
}

/// The mean over rows of what goes to columns that are wanted, by the definition.
template <class Wanted>
double brute_force(const std::vector<double>& pattern, const primer::data::Batch& batch, long head, Wanted wanted) {
  double sum = 0, rows = 0;
  for (long b = 0; b < batch.sequences; ++b) {
    const int* x = batch.tokens.data() + b * T_;
    const long length = batch.lengths[static_cast<std::size_t>(b)];
    for (long t = 0; t < length; ++t) {
      double spent = 0;
      bool counts = false;
      for (long s = 0; s < length; ++s) {
        if (!wanted(x, t, s)) continue;
        counts = true;
        spent += pattern[static_cast<std::size_t>(((b * H + head) * T_ + t) * T_ + s)];
      }
      sum += spent;
      rows += counts;
    }
  }
  return sum / rows;
}

double naive_norm(const Matrix& a, const Matrix& b) {
  return frobenius_norm(product(a, b)) / frobenius_norm(a) / frobenius_norm(b);
}

}  // namespace

TEST_CASE("scores of where heads look are means over the rows that have such a place, whatever the parts of a batch") {
  const Net net(shape());
  const std::vector<primer::data::Batch> batches{random_batch(5)};
  const LookTable found = look_table<double>(net.model, batches);
  const auto patterns = patterns_of(net.model, batches[0]);
  REQUIRE(found.heads.size() == 2 * H);
  for (long i = 0; i < 2 * H; ++i) {
    const auto& pattern = patterns[static_cast<std::size_t>(i / H)];
    const auto score = [&](auto wanted) { return brute_force(pattern, batches[0], i % H, wanted); };
    const LookScores& scores = found.heads[static_cast<std::size_t>(i)];
    CHECK(scores[0] == doctest::Approx(score([](const int*, long t, long s) { return s + 1 == t; })));
    CHECK(scores[1] == doctest::Approx(score([](const int*, long t, long s) { return s == 0 && t > 0; })));
    CHECK(scores[2] == doctest::Approx(score([](const int* x, long t, long s) { return s < t && x[s] == x[t]; })));
    CHECK(scores[3] ==
          doctest::Approx(score([](const int* x, long t, long s) { return 0 < s && s <= t && x[s - 1] == x[t]; })));
  }
  double alike = 0;  // 1/2, 1/3, ... of rows 1, 2, ...
  for (long t = 1; t < T_; ++t) alike += 1.0 / static_cast<double>(t + 1) / static_cast<double>(T_ - 1);
  CHECK(found.uniform[0] == doctest::Approx(alike));
  CHECK(found.uniform[1] == doctest::Approx(alike));
}

TEST_CASE(
    "where a model reads both ways, what stands behind counts, padding does not, and nothing is called induction") {
  nn::ModelConfig config = shape();
  config.causal = false;
  const Net net(config);
  std::vector<primer::data::Batch> batches{random_batch(3)};
  batches[0].padded = true;
  batches[0].lengths = {T_, 4, 6};
  const LookTable found = look_table<double>(net.model, batches);
  const auto patterns = patterns_of(net.model, batches[0]);
  const auto same = [](const int* x, long t, long s) { return s != t && x[s] == x[t]; };
  CHECK(found.heads[1][2] == doctest::Approx(brute_force(patterns[0], batches[0], 1, same)));
  CHECK(std::isnan(found.heads[1][3]));
}

TEST_CASE("repeated blocks are distinct tokens four times over, behind what begins a text") {
  std::vector<int> tokens{3, 5, 7, 9, 11, 2};
  const Repeated repeated{.block = 4, .sequences = 5, .first = 12, .last = 1};
  const auto batch = repeated.batch(tokens, 1);
  CHECK(batch.tokens == repeated.batch(tokens, 1).tokens);
  CHECK(batch.tokens != repeated.batch(tokens, 2).tokens);
  REQUIRE(batch.length == 18);
  REQUIRE(batch.tokens.size() == 5 * 18);
  std::set<std::vector<int>> blocks;
  for (long b = 0; b < 5; ++b) {
    const int* x = batch.tokens.data() + b * 18;
    CHECK(x[0] == 12);
    CHECK(x[17] == 1);
    CHECK(std::set<int>(x + 1, x + 5).size() == 4);
    for (long t = 5; t < 17; ++t) CHECK(x[t] == x[t - 4]);
    for (long t = 1; t < 5; ++t) CHECK(std::count(tokens.begin(), tokens.end(), x[t]) == 1);
    blocks.insert({x + 1, x + 5});
  }
  CHECK(blocks.size() > 1);
  tokens.resize(3);
  CHECK_THROWS_WITH(repeated.batch(tokens, 1), "[repeated] a block of 4 distinct tokens, of 3");
}

TEST_CASE("no head of a random model has a name's score on repeated blocks") {
  for (const nn::Position position : {nn::Position::learned, nn::Position::rotary}) {
    nn::ModelConfig config = shape();
    config.position = position;
    config.head_size = 4;
    config.deviation = 0.02;
    const Net net(config);
    const std::vector<int> tokens{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    const std::vector batches{Repeated{.block = 12, .sequences = 8}.batch(tokens, 1)};
    for (const LookScores& scores : look_table<double>(net.model, batches).heads) {
      for (const double score : scores) CHECK(score < 0.2);
    }
  }
}

TEST_CASE(
    "norms' gains and a layer norm's mean are folded: weights and what a norm divides by give scores and logits") {
  for (const nn::NormKind kind : {nn::NormKind::layer, nn::NormKind::rms}) {
    nn::ModelConfig config = shape();
    config.norm_kind = kind;
    config.qk_norm = true;
    Net net(config);
    auto& body = net.body();
    for (long c = 0; c < C; ++c) {
      body.blocks[1].attention_norm->weight.data()[c] = 1 + 0.5 * any(c);
      body.norm->weight.data()[c] = 1 + 0.5 * any(c + 40);
    }
    const long D = C / H;
    double *const q_gain = body.blocks[1].attention.q_norm.data(), *const k_gain =
                                                                       body.blocks[1].attention.k_norm.data();
    for (long i = 0; i < D; ++i) q_gain[i] = 1 + 0.5 * any(i + 60), k_gain[i] = 1 - 0.4 * any(i + 70);
    const auto batch = random_batch(1);
    Recorder<double> seen({"blocks.1.input", "blocks.1.attention.scores", "blocks.1.output"});
    watch<double>(net.model, {batch.tokens, 1, T_}, seen);
    const auto divided = [&](const std::string& name, double epsilon) {  // rows over what a norm divides by: [T, C]
      Matrix x{T_, C, seen.values(name)};
      for (long t = 0; t < T_; ++t) {
        double mean = 0, square = 0;
        for (long c = 0; c < C; ++c) mean += kind == nn::NormKind::layer ? x(t, c) / C : 0;
        for (long c = 0; c < C; ++c) square += (x(t, c) - mean) * (x(t, c) - mean) / C;
        for (long c = 0; c < C; ++c) x(t, c) /= std::sqrt(square + epsilon);
      }
      return x;
    };
    const HeadWeights w = weights_of(net.model, {1, 3});
    const Matrix x = divided("blocks.1.input", config.norm_epsilon);
    const auto sized = [&](Matrix rows, const double* gain) {  // of normed queries and keys: what these divide by
      for (long t = 0; t < T_; ++t) {
        double square = 0;
        for (long i = 0; i < D; ++i) square += std::pow(rows(t, i) / gain[i], 2) / static_cast<double>(D);
        for (long i = 0; i < D; ++i) rows(t, i) /= std::sqrt(square + config.norm_epsilon);
      }
      return rows;
    };
    const Matrix scores =
        product(sized(product(x, transposed(w.q)), q_gain), transposed(sized(product(x, transposed(w.k)), k_gain)));
    const auto& wanted = seen.values("blocks.1.attention.scores");  // [1, H, T, T]
    for (long t = 0; t < T_; ++t) {
      for (long s = 0; s <= t; ++s) {
        CHECK(scores(t, s) / std::sqrt(static_cast<double>(D)) ==
              doctest::Approx(wanted[static_cast<std::size_t>((3 * T_ + t) * T_ + s)]));
      }
    }
    const Matrix logits = product(divided("blocks.1.output", config.norm_epsilon),
                                  transposed(unembedding_of(net.model)));  // [T, V]
    primer::autograd::Tape<double> tape;
    const auto real = net.model.logits(tape, {batch.tokens, 1, T_});
    for (long i = 0; i < T_ * V; ++i)
      CHECK(logits.values[static_cast<std::size_t>(i)] == doctest::Approx(real.data()[i]));
  }
}

TEST_CASE("the small forms have the positivity of the whole matrices, also where heads share keys and values") {
  for (const bool tie : {false, true}) {
    nn::ModelConfig config = shape();
    config.output.tie = tie;
    const Net net(config);
    const TokenSums sums = token_sums_of(net.model);
    const Matrix rows = token_rows_of(net.model), unembedding = unembedding_of(net.model);
    for (const Head head : {Head{0, 0}, Head{1, 2}}) {
      const HeadWeights w = weights_of(net.model, head);
      const Matrix ov = product(product(unembedding, w.o), product(w.v, transposed(rows)));       // [V, V]
      const Matrix qk = product(product(rows, transposed(w.q)), product(w.k, transposed(rows)));  // [V, V]
      CHECK(ov_positivity(w, sums) == doctest::Approx(positivity(ov)).epsilon(1e-6));
      CHECK(ov_positivity(net.model, head) == ov_positivity(w, sums));
      CHECK(qk_positivity(w, sums) == doctest::Approx(positivity(qk)).epsilon(1e-6));
    }
  }
}

TEST_CASE("strips of any width say what the whole matrix of tokens says: copying, and the strongest pairs") {
  const Net net(shape());
  const HeadWeights w = weights_of(net.model, {1, 1});
  const std::vector<int> tokens{4, 2, 12, 0, 7, 8, 1};
  const long n = static_cast<long>(tokens.size());
  const Matrix rows = token_rows_of<double>(net.model, tokens), unembedding = unembedding_of<double>(net.model, tokens);
  Matrix whole = product(product(rows, transposed(w.v)), transposed(product(unembedding, w.o)));  // [sources, raised]
  double share = 0;
  for (long i = 0; i < n; ++i) {
    double mean = 0, above = 0;
    for (long j = 0; j < n; ++j) mean += whole(i, j) / static_cast<double>(n);
    for (long j = 0; j < n; ++j) above += std::max(0.0, whole(i, j) -= mean);
    share += std::max(0.0, whole(i, i)) / above / static_cast<double>(n);
  }
  std::vector<double> sorted = whole.values;
  std::sort(sorted.rbegin(), sorted.rend());
  for (const long strip : {1L, 3L, 7L, 100L}) {
    const Copying found = copying_of(w, rows, unembedding, 6, strip);
    CHECK(found.score == doctest::Approx(2 * share - 1));
    REQUIRE(found.strongest.size() == 6);
    for (std::size_t i = 0; i < 6; ++i) {
      const RaisedToken& one = found.strongest[i];
      CHECK(one.logit == doctest::Approx(sorted[i]));
      CHECK(one.logit == doctest::Approx(whole(one.source, one.raised)));
    }
  }
  CHECK(copying_of(w, rows, unembedding, 1000).strongest.size() == static_cast<std::size_t>(n * n));
  CHECK(copying_of(w, rows, unembedding, 0).strongest.empty());
}

TEST_CASE("composition by factors is that of the matrices, for heads narrower and wider than the stream") {
  for (const long D : {2L, 3L, 15L}) {
    nn::ModelConfig config = shape();
    config.head_size = D;
    const Net net(config);
    const HeadWeights l = weights_of(net.model, {1, 3}), e = weights_of(net.model, {0, 1});
    const Matrix ov = product(e.o, e.v), qk = product(transposed(l.q), l.k);  // [C, C]
    const Composition found = composition_of(net.model, {1, 3}, {0, 1});
    CHECK(found.q == doctest::Approx(naive_norm(transposed(qk), ov)));
    CHECK(found.k == doctest::Approx(naive_norm(qk, ov)));
    CHECK(found.v == doctest::Approx(naive_norm(product(l.o, l.v), ov)));
  }
}
