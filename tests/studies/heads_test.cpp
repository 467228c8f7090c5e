// What is said of heads: identities of circuits in double, on random models.
#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <numeric>

#include "nn/transformer.h"
#include "studies/circuits/constructed.h"
#include "studies/circuits/texts/periodic.h"
#include "studies/lab/estimate.h"
#include "studies/lab/fit.h"
#include "train/circuits/circuits.h"

using namespace primer::studies;
using namespace primer::train;
namespace nn = primer::nn;

namespace {

constexpr long V = 11, T_ = 7, C = 12, H = 3, layers = 2;

Net<double> attention_only(nn::Position position, std::uint64_t seed) {
  return {nn::ModelConfig{.vocabulary = V,
                          .context = T_,
                          .layers = layers,
                          .heads = H,
                          .channels = C,
                          .ffn_channels = -1,
                          .position = position,
                          .norm = nn::NormPlace::none,
                          .deviation = 0.4,
                          .output = {.tie = false}},
          seed};
}

primer::data::Batch random_batch(std::uint64_t seed) {
  primer::data::Batch batch = empty_batch(2, T_);
  const primer::autograd::Random random(seed, 1);
  for (std::size_t i = 0; i < batch.tokens.size(); ++i) batch.tokens[i] = static_cast<int>(random.below(V, i));
  return batch;
}

/// A of a head of a batch's first sequence, [T, T].
Matrix pattern_of(const std::vector<std::vector<double>>& patterns, Head head) {
  Matrix a = zeros(T_, T_);
  for (long t = 0; t < T_; ++t)
    for (long s = 0; s < T_; ++s)
      a(t, s) = patterns[static_cast<std::size_t>(head.layer)][static_cast<std::size_t>((head.head * T_ + t) * T_ + s)];
  return a;
}

double largest_difference(const Matrix& a, const Matrix& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) raise_to(most, std::abs(a.values[i] - b.values[i]));
  return most;
}

/// The residual stream of a batch's first sequence, rows of W_E: [T, C].
Matrix embedded(const nn::Model<double>& model, const primer::data::Batch& batch) {
  const Matrix rows = token_rows_of(model);
  Matrix x = zeros(T_, C);
  for (long t = 0; t < T_; ++t)
    for (long c = 0; c < C; ++c) x(t, c) = rows(batch.tokens[static_cast<std::size_t>(t)], c);
  return x;
}

}  // namespace

TEST_CASE("a head's scores are x W_QK x: queries are rows of W_Q x, and W_QK turned round gives other ones") {
  Net<double> net = attention_only(nn::Position::none, 4);
  const auto batch = random_batch(6);
  const auto patterns = patterns_of(net.model, batch);
  const Matrix x = embedded(net.model, batch);
  const HeadWeights w = weights_of(net.model, {0, 1});
  const auto soft = [&](const Matrix& qk) {  // causal softmax of x qk x^T / sqrt(D)
    Matrix a = product(product(x, qk), transposed(x));
    for (long t = 0; t < T_; ++t) {
      double total = 0;
      for (long s = 0; s < T_; ++s) total += a(t, s) = s > t ? 0 : std::exp(a(t, s) / std::sqrt(C / H));
      for (long s = 0; s < T_; ++s) a(t, s) /= total;
    }
    return a;
  };
  const Matrix qk = product(transposed(w.q), w.k), seen = pattern_of(patterns, {0, 1});
  CHECK(largest_difference(soft(qk), seen) < 1e-10);
  CHECK(largest_difference(soft(transposed(qk)), seen) > 1e-2);
}

TEST_CASE("positivity by the small matrix is that of [V, V], and composition is of the sides that it names") {
  Net<double> net = attention_only(nn::Position::none, 8);
  auto& attention = dynamic_cast<nn::Transformer<double>&>(*net.model.body).blocks[1].attention;
  const long D = C / H;
  for (const Head head : {Head{0, 0}, Head{1, 2}}) {
    const HeadWeights w = weights_of(net.model, head);
    const Matrix full =
        product(product(unembedding_of(net.model), w.o), product(w.v, transposed(token_rows_of(net.model))));  // [V, V]
    CHECK(ov_positivity(net.model, head) == doctest::Approx(positivity(full)).epsilon(1e-6));
  }
  // K-composition alone: keys of head (1, 2) read what head (0, 0) writes, its queries and values do not.
  const HeadWeights earlier = weights_of(net.model, {0, 0});
  double* qkv = attention.qkv.weight.data();
  for (const long first : {2 * D, C + 2 * D, 2 * C + 2 * D})
    for (long i = 0; i < D; ++i)
      for (long c = 0; c < C; ++c) qkv[(first + i) * C + c] = first == C + 2 * D ? earlier.o(c, i) : c == i ? 1 : 0;
  const Composition found = composition_of(net.model, {1, 2}, {0, 0});
  CHECK(found.k > 1.2 * found.q);
  CHECK(found.k > 1.2 * found.v);
}

TEST_CASE("scores of where heads look: the token before, and what followed the same token") {
  primer::data::Batch batch = empty_batch(1, 5);
  batch.tokens = {0, 3, 4, 5, 3};
  std::vector<double> pattern(2 * 25, 0);  // head 0 looks one back, head 1 at what followed
  for (long t = 1; t < 5; ++t) pattern[static_cast<std::size_t>(t * 5 + t - 1)] = 1;
  pattern[25 + 4 * 5 + 2] = 0.75;  // 3 stands at 1 and 4: place 2 followed
  CHECK(look_scores(Look::previous_token, pattern, batch, 2) == std::vector<double>{1, 0});
  CHECK(look_scores(Look::prefix_matching, pattern, batch, 2) == std::vector<double>{0, 0.75});
}

TEST_CASE("without a head the rest stays: all heads gone leave the direct path, and kept patterns keep the others") {
  Net<double> net = attention_only(nn::Position::qk, 9);
  const auto batch = random_batch(2);
  std::set<Head> all;
  for (long layer = 0; layer < layers; ++layer)
    for (long h = 0; h < H; ++h) all.insert({layer, h});
  WithoutHeads<double> none_left(net.model, all), nothing_gone(net.model, {});
  const auto direct = logits_of<double>(net.model, batch, &none_left);
  const Matrix wanted = product(embedded(net.model, batch), transposed(unembedding_of(net.model)));
  for (std::size_t i = 0; i < wanted.values.size(); ++i) CHECK(direct[i] == doctest::Approx(wanted.values[i]));
  const auto logits = logits_of(net.model, batch);
  CHECK(logits_of<double>(net.model, batch, &nothing_gone) == logits);
  const auto patterns = patterns_of(net.model, batch);
  WithoutHeads<double> kept(net.model, {{0, 0}}, &patterns), free(net.model, {{0, 0}});
  Recorder<double> after({"blocks.1.attention.pattern"});
  CHECK(logits_of<double>(net.model, batch, &kept) != logits_of<double>(net.model, batch, &free));
}

TEST_CASE("periodic sequences: a mark, a block of distinct tokens again and again, targets where copying is right") {
  const Periodic periodic;
  const auto batch = periodic.batch(3, 5, 40);
  CHECK(batch.tokens == periodic.batch(3, 5, 40).tokens);
  CHECK(batch.tokens != periodic.batch(3, 6, 40).tokens);
  std::set<long> periods;
  for (long b = 0; b < 40; ++b) {
    const int* x = batch.tokens.data() + b * periodic.length;
    const int* y = batch.targets.data() + b * periodic.length;
    CHECK(x[0] == Periodic::mark);
    for (long t = 1; t < periodic.length; ++t) {
      const int* before = std::find(x + 1, x + t, x[t]);
      CHECK((y[t] >= 0) == (before != x + t));
      if (y[t] >= 0) CHECK(y[t] == before[1]);  // what followed it
      if (y[t] >= 0 && y[t - 1] < 0) periods.insert(t - 1);
    }
  }
  CHECK(*periods.begin() >= 16);
  CHECK(*periods.rbegin() <= 32);
  CHECK(periods.size() > 8);
}

TEST_CASE(
    "of the circuit that is written into weights, the first head is a previous-token head, the second induction") {
  const ConstructedSize size;
  const Net<double> net = constructed_circuit(size);
  std::vector<int> tokens(static_cast<std::size_t>(size.symbols));
  std::iota(tokens.begin(), tokens.end(), 1);
  const std::vector batches{Repeated{.block = 4, .first = 0}.batch(tokens, 1)};  // behind the mark, in its 17 places
  const LookTable found = look_table<double>(net.model, batches);
  const auto names = [&](std::size_t head) { return HeadReport{.repeated = found.heads[head]}.names(); };
  CHECK(names(0) == std::vector<std::string_view>{"previous-token"});
  CHECK(names(1) == std::vector<std::string_view>{"induction"});
  CHECK(found.heads[0][0] == doctest::Approx(1));
  CHECK(found.heads[1][3] > 0.99);
}
