// A model of attention alone as a sum of paths: identities in double, on random models and on one whose paths are
// known.
#include "studies/circuits/paths.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "nn/transformer.h"
#include "studies/circuits/probes.h"
#include "studies/circuits/texts/doctor.h"
#include "studies/lab/estimate.h"
#include "studies/lab/fit.h"

using namespace primer::studies;
using namespace primer::train;
namespace nn = primer::nn;
using primer::autograd::Tensor;
using primer::data::Batch;

namespace {

constexpr long B = 2, V = 11, T = 7, C = 12, H = 3, D = C / H, layers = 2;

Net<double> random_model(nn::Position position = nn::Position::qk, long kv_heads = 0) {
  return {nn::ModelConfig{.vocabulary = V,
                          .context = T,
                          .layers = layers,
                          .heads = H,
                          .kv_heads = kv_heads,
                          .channels = C,
                          .ffn_channels = -1,
                          .position = position,
                          .norm = nn::NormPlace::none,
                          .deviation = 0.4,
                          .output = {.tie = false}},
          3};
}

Batch random_batch(std::uint64_t seed) {
  Batch batch = empty_batch(B, T);
  const primer::autograd::Random random(seed, 1);
  for (std::size_t i = 0; i < batch.tokens.size(); ++i) batch.tokens[i] = static_cast<int>(random.below(V, i));
  return batch;
}

nn::SelfAttention<double>& attention_of(Net<double>& net, long layer) {
  return dynamic_cast<nn::Transformer<double>&>(*net.model.body).blocks[static_cast<std::size_t>(layer)].attention;
}

double furthest(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) raise_to(most, std::abs(a[i] - b[i]));
  return most;
}

std::vector<double> plus(std::vector<double> a, const std::vector<double>& b, double of_a, double of_b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = of_a * a[i] + of_b * b[i];
  return a;
}

/// A run in which some tensors are others, by their names.
class Instead : public primer::autograd::Observer<double> {
 public:
  explicit Instead(std::map<std::string, std::vector<double>> values) : values_(std::move(values)) {}
  bool wants(std::string_view path, std::string_view leaf) override { return values_.contains(name(path, leaf)); }
  Tensor<double> see(std::string_view path, std::string_view leaf, Tensor<double> x) override {
    return x.tape->constant(x.shape, values_.at(name(path, leaf)));
  }

 private:
  static std::string name(std::string_view path, std::string_view leaf) {
    return std::string(path) + "." + std::string(leaf);
  }
  std::map<std::string, std::vector<double>> values_;
};

/// I + u v^T and its inverse, by Sherman and Morrison: far from orthogonal, and not symmetric.
std::pair<Matrix, Matrix> invertible() {
  Matrix m = identity(D), inverse = identity(D);
  double inner = 0;
  const auto u = [](long i) { return 0.9 - 0.5 * static_cast<double>(i); };
  const auto v = [](long i) { return 0.4 + 0.7 * static_cast<double>(i * i); };
  for (long i = 0; i < D; ++i) inner += u(i) * v(i);
  for (long i = 0; i < D; ++i)
    for (long j = 0; j < D; ++j) {
      m(i, j) += u(i) * v(j);
      inverse(i, j) -= u(i) * v(j) / (1 + inner);
    }
  return {m, inverse};
}

/// Rows `first` ... of qkv, those of one head: m times them.
void mix_rows(nn::SelfAttention<double>& attention, long first, const Matrix& m) {
  Matrix rows = zeros(D, C);
  double* from = attention.qkv.weight.data() + first * C;
  std::copy_n(from, D * C, rows.values.begin());
  const Matrix mixed = product(m, rows);
  std::copy(mixed.values.begin(), mixed.values.end(), from);
}

}  // namespace

TEST_CASE("the direct path, every head and every virtual head add up to the logits, to 1e-10, also of shared keys") {
  for (const auto& [position, kv_heads] : {std::pair{nn::Position::qk, 0L}, {nn::Position::none, 1L}}) {
    Net<double> net = random_model(position, kv_heads);
    const Batch batch = random_batch(5);
    const Paths<double> paths(net.model, batch);
    Matrix all = paths.tokens(), without_virtual = all;
    for (long h = 0; h < H; ++h) {
      const Matrix first = paths.written(Head{0, h}, paths.tokens());
      const Matrix alone = sum(first, paths.written(Head{1, h}, paths.tokens()));
      all = sum(all, alone), without_virtual = sum(without_virtual, alone);
      for (long g = 0; g < H; ++g) all = sum(all, paths.written(Head{1, g}, first));
    }
    const Matrix unembed = transposed(unembedding_of(net.model));
    const auto logits = logits_of(net.model, batch);
    CHECK(furthest(product(all, unembed).values, logits) < 1e-10);
    CHECK(furthest(product(without_virtual, unembed).values, logits) > 1e-2);
  }
}

TEST_CASE("the loss of all paths is the model's, to 1e-10, and a layer writes what its heads write") {
  Net<double> net = random_model();
  Batch batch = random_batch(5);
  for (std::size_t i = 3; i < batch.targets.size(); ++i) batch.targets[i] = batch.tokens[i - 3];
  const Paths<double> paths(net.model, batch);
  const Matrix one = sum(paths.tokens(), paths.written(0, paths.tokens()));
  std::vector<double> wanted;
  for (const Judged& place : judge(net.model, batch)) wanted.push_back(place.nll);
  CHECK(furthest(paths.nats(sum(one, paths.written(1, one))), wanted) < 1e-10);
  Matrix heads = zeros(B * T, C);
  for (long h = 0; h < H; ++h) heads = sum(heads, paths.written(Head{1, h}, one));
  CHECK(furthest(heads.values, paths.written(1, one).values) < 1e-10);
}

TEST_CASE("one layer: logits are the direct table's row and A(t, s) times the OV table's of every source, to 1e-10") {
  Net<double> net({.vocabulary = V,
                   .context = T,
                   .layers = 1,
                   .heads = H,
                   .channels = C,
                   .ffn_channels = -1,
                   .position = nn::Position::qk,
                   .norm = nn::NormPlace::none,
                   .deviation = 0.4,
                   .output = {.tie = false}},
                  4);
  const Batch batch = random_batch(6);
  const auto logits = logits_of(net.model, batch);
  const auto pattern = patterns_of(net.model, batch)[0];
  Matrix all = product(token_rows_of(net.model, batch.tokens), transposed(unembedding_of(net.model)));
  for (long h = 0; h < H; ++h) {
    const Matrix ov = raised_by(net.model, {0, h});
    for (long b = 0; b < B; ++b)
      for (long t = 0; t < T; ++t)
        for (long s = 0; s <= t; ++s)
          for (long v = 0; v < V; ++v)
            all(b * T + t, v) += pattern[static_cast<std::size_t>(((b * H + h) * T + t) * T + s)] *
                                 ov(batch.tokens[static_cast<std::size_t>(b * T + s)], v);
  }
  CHECK(furthest(all.values, logits) < 1e-10);
}

TEST_CASE("with frozen patterns the logits are linear in one-hot tokens, to 1e-10; with free ones they are not") {
  Net<double> net = random_model();
  const Batch one = random_batch(1), other = random_batch(2);
  const std::vector<double> x = token_rows_of(net.model, one.tokens).values;
  const std::vector<double> y = token_rows_of(net.model, other.tokens).values;
  const auto patterns = patterns_of(net.model, random_batch(3));
  for (const bool frozen : {true, false}) {
    const auto read = [&](const std::vector<double>& embedded) {
      std::map<std::string, std::vector<double>> values{{"embedding.output", embedded}};
      for (long i = 0; frozen && i < layers; ++i) {
        values[attention_path(i) + ".pattern"] = patterns[static_cast<std::size_t>(i)];
      }
      Instead instead(values);
      return logits_of<double>(net.model, one, &instead);
    };
    const double off = furthest(read(plus(x, y, 0.7, -1.3)), plus(read(x), read(y), 0.7, -1.3));
    CHECK((off < 1e-10) == frozen);
    CHECK((off > 1e-2) == !frozen);
  }
}

TEST_CASE("heads side by side and mixed at once are the sum of what each head writes, to 1e-10") {
  Net<double> net = random_model();
  const Batch batch = random_batch(7);
  Recorder<double> recorder({"blocks.1.attention.z", "blocks.1.attention.output"});
  watch<double>(net.model, {.tokens = batch.tokens, .batch = B, .length = T}, recorder);
  const auto& z = recorder.values("blocks.1.attention.z");  // [B, T, H D]
  Matrix all = zeros(B * T, C);
  for (long h = 0; h < H; ++h) {
    Matrix own = zeros(B * T, D);
    for (long i = 0; i < B * T; ++i)
      for (long d = 0; d < D; ++d) own(i, d) = z[static_cast<std::size_t>(i * C + h * D + d)];
    all = sum(all, product(own, transposed(weights_of(net.model, {1, h}).o)));
  }
  CHECK(furthest(all.values, recorder.values("blocks.1.attention.output")) < 1e-10);
}

TEST_CASE("a virtual head looks like a head: rows of A2 A1 sum to 1, and none looks at a later token") {
  Net<double> net = random_model();
  const auto patterns = patterns_of(net.model, random_batch(8));
  for (long pair = 0; pair < H * H; ++pair) {
    Matrix earlier = zeros(T, T), later = zeros(T, T);  // of the first sequence
    std::copy_n(patterns[0].begin() + pair / H * T * T, T * T, earlier.values.begin());
    std::copy_n(patterns[1].begin() + pair % H * T * T, T * T, later.values.begin());
    const Matrix both = product(later, earlier);
    for (long t = 0; t < T; ++t) {
      double row = 0;
      for (long s = 0; s < T; ++s) {
        row += both(t, s);
        CHECK(both(t, s) >= 0);
        if (s > t) CHECK(both(t, s) == 0);
      }
      CHECK(std::abs(row - 1) < 1e-10);
    }
  }
}

TEST_CASE("M W_Q with M^-T W_K, and W_O M^-1 with M W_V, are the same head: logits to 1e-10") {
  Net<double> net = random_model();
  const Batch batch = random_batch(9);
  const auto logits = logits_of(net.model, batch);
  const auto [m, inverse] = invertible();
  nn::SelfAttention<double>& attention = attention_of(net, 1);
  const long h = 2;

  mix_rows(attention, h * D, m);
  CHECK(furthest(logits_of(net.model, batch), logits) > 1e-3);  // W_Q alone is another head
  mix_rows(attention, C + h * D, transposed(inverse));
  CHECK(furthest(logits_of(net.model, batch), logits) < 1e-10);

  mix_rows(attention, 2 * C + h * D, m);
  CHECK(furthest(logits_of(net.model, batch), logits) > 1e-3);
  const Matrix mixed = product(weights_of(net.model, {1, h}).o, inverse);  // [C, D]
  for (long c = 0; c < C; ++c)
    for (long d = 0; d < D; ++d) attention.output.weight.data()[c * C + h * D + d] = mixed(c, d);
  CHECK(furthest(logits_of(net.model, batch), logits) < 1e-10);
}

TEST_CASE("values made of tokens leave no virtual head, and change nothing where the first layer writes nothing") {
  Net<float> net({.vocabulary = V,
                  .context = T,
                  .layers = layers,
                  .heads = H,
                  .channels = C,
                  .ffn_channels = -1,
                  .position = nn::Position::qk,
                  .norm = nn::NormPlace::none,
                  .deviation = 0.4,
                  .output = {.tie = false}},
                 3);
  const Batch batch = random_batch(5);
  const auto wide = [](const std::vector<float>& x) { return std::vector<double>(x.begin(), x.end()); };
  const auto cut = [&](const char* leaf) {
    FromTokens observer(net.model, leaf);
    return wide(logits_of<float>(net.model, batch, &observer));
  };
  const Paths<float> paths(net.model, batch);
  const Matrix single = sum(sum(paths.tokens(), paths.written(0, paths.tokens())), paths.written(1, paths.tokens()));
  CHECK(furthest(product(single, transposed(unembedding_of(net.model))).values, cut("v")) < 1e-4);
  CHECK(furthest(cut("k"), wide(logits_of(net.model, batch))) > 1e-2);

  auto& first = dynamic_cast<nn::Transformer<float>&>(*net.model.body).blocks[0].attention;
  std::fill_n(first.output.weight.data(), C * C, 0.0f);
  for (const char* leaf : {"k", "v"}) CHECK(furthest(cut(leaf), wide(logits_of(net.model, batch))) < 1e-4);
}
