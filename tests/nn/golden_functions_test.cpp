// Single functions compared with PyTorch, in double and in float: tests/golden/README.md says what the file holds.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "autograd/ops/activate.h"
#include "autograd/ops/attention.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/feed_forward.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/rms_norm.h"
#include "autograd/ops/rotary.h"
#include "autograd/ops/softmax.h"
#include "data/bytes/safetensors.h"
#include "tests/places.h"

using namespace primer::autograd;
using primer::data::SafetensorsFile;
using primer::data::TensorEntry;

namespace {

/// The arrays of one case of the file, and a tape to put them on.
template <class T>
struct Function {
  Function(const SafetensorsFile& from, std::string with_name) : file(from), name(std::move(with_name)) {}

  std::vector<T> read(const std::string& key) const {
    const TensorEntry* entry = file.find(name + "." + key);
    REQUIRE_MESSAGE(entry != nullptr, name << "." << key);
    std::vector<T> numbers(entry->count());
    file.read(entry->name, numbers.data(), numbers.size());
    return numbers;
  }

  Tensor<T> input(const std::string& key) {
    const std::vector<T> numbers = read(key);
    Shape shape;
    for (const long extent : file.find(name + "." + key)->shape) shape.append(extent);
    return inputs[key] = tape.input(shape, numbers);
  }

  void expect(const std::string& key, const T* got) {
    CAPTURE(name);
    CAPTURE(key);
    REQUIRE(got != nullptr);
    const std::vector<T> expected = read(key);
    T largest = 1;  // inputs and dy are about 1: where results cancel to less, so do their errors not
    for (const T e : expected) largest = std::max(largest, std::abs(e));
    const double bound = (sizeof(T) == sizeof(double) ? 1e-13 : 2e-6) * largest;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(i);
      CHECK(std::abs(got[i] - expected[i]) <= bound);  // false for NaN
    }
  }

  /// Compares y, and with the file's dy fed back the gradients of all inputs.
  void expect_all(Tensor<T> y) {
    expect("y", y.data());
    tape.backward(sum(multiply(y, tape.constant(y.shape, read("dy")))));
    expect_gradients();
  }
  void expect_gradients() {
    for (const auto& [key, x] : inputs) expect("d" + key, x.grad());
  }

  const SafetensorsFile& file;
  std::string name;
  Tape<T> tape;
  std::map<std::string, Tensor<T>> inputs;
};

const SafetensorsFile& values() {
  static const SafetensorsFile file(std::string(source_directory()) + "/tests/golden/op_values.safetensors");
  return file;
}

const SafetensorsFile& gated_values() {
  static const SafetensorsFile file(std::string(source_directory()) + "/tests/golden/rms_swiglu_values.safetensors");
  return file;
}

const SafetensorsFile& rotary_values() {
  static const SafetensorsFile file(std::string(source_directory()) + "/tests/golden/rotary_values.safetensors");
  return file;
}

std::vector<int> integers(const std::string& name, const SafetensorsFile& file = values()) {
  const std::vector<std::int64_t> wide = file.read_integers(name);
  return {wide.begin(), wide.end()};
}

}  // namespace

TEST_CASE_TEMPLATE("layer norm is PyTorch's", T, double, float) {
  for (const char* name : {"layer_norm.0", "layer_norm.1", "layer_norm.2"}) {
    Function<T> f(values(), name);
    f.expect_all(layer_norm(f.input("x"), f.input("weight"), f.input("bias")));
  }
}

TEST_CASE_TEMPLATE("RMS norm is PyTorch's", T, double, float) {
  for (const char* name : {"rms_norm.0", "rms_norm.1", "rms_norm.2"}) {
    Function<T> f(gated_values(), name);
    f.expect_all(rms_norm(f.input("x"), f.input("weight")));
  }
}

TEST_CASE_TEMPLATE("a gated feed-forward part is PyTorch's", T, double, float) {
  for (const char* name : {"gated.0", "gated.1", "gated.2"}) {
    Function<T> f(gated_values(), name);
    const Tensor<T> x = f.input("x"), none = f.tape.constant(x.shape, std::vector<T>(x.size()));
    f.expect_all(feed_forward(none, x, {.up = f.input("up"), .down = f.input("down"), .gate = f.input("gate")},
                              Activation::swiglu));
  }
}

TEST_CASE_TEMPLATE("softmax is PyTorch's", T, double, float) {
  for (const char* name : {"softmax.0", "softmax.1", "softmax.2"}) {
    Function<T> f(values(), name);
    f.expect_all(softmax(f.input("x")));
  }
}

TEST_CASE_TEMPLATE("the activations are PyTorch's", T, double, float) {
  const std::map<std::string, Activation> kinds = {
      {"gelu", Activation::gelu}, {"gelu_erf", Activation::gelu_erf}, {"relu", Activation::relu}};
  for (const auto& [key, kind] : kinds) {
    Function<T> f(values(), key);
    f.expect_all(activate(f.input("x"), kind));
  }
  for (const Activation kind : {Activation::relu2, Activation::swiglu}) {
    Function<T> f(gated_values(), std::string(name(kind)));
    f.expect_all(activate(f.input("x"), kind));
  }
}

TEST_CASE_TEMPLATE("the cross entropy of a projection is PyTorch's", T, double, float) {
  for (const char* name : {"cross_entropy.0", "cross_entropy.1", "cross_entropy.2"}) {
    Function<T> f(values(), name);
    const std::vector<int> targets = integers(std::string(name) + ".targets");
    const T dy = f.read("dy")[0];  // the op is a root, so that the gradient comes in as its scale
    Score score;
    const Tensor<T> loss = cross_entropy(f.input("x"), f.input("weight"), targets, dy, &score);
    const T nll = loss.item() / dy;
    f.expect("y", &nll);
    const T total = static_cast<T>(score.nll);
    f.expect("y", &total);
    f.tape.backward(loss);
    f.expect_gradients();
  }
}

TEST_CASE_TEMPLATE("the cross entropy with label smoothing is PyTorch's", T, double, float) {
  const SafetensorsFile file(std::string(source_directory()) + "/tests/golden/smoothing_values.safetensors");
  for (const std::string name : {"smoothing.0", "smoothing.1", "smoothing.2"}) {
    Function<T> f(file, name);
    const std::vector<int> targets = integers(name + ".targets", file);
    const T dy = f.read("dy")[0];  // as above
    Score score;
    const Tensor<T> loss = cross_entropy<T>(f.input("x"), f.input("weight"), targets, dy, &score, {}, {},
                                            integers(name + ".percent", file)[0] / 100.0);
    const T sum = loss.item() / dy, total = static_cast<T>(score.smoothed);
    f.expect("y", &sum);
    f.expect("y", &total);
    f.tape.backward(loss);
    f.expect_gradients();
    const auto pause = f.tape.pause();
    Score plain;
    cross_entropy<T>(f.inputs["x"], f.inputs["weight"], targets, dy, &plain);
    CHECK(plain.nll == score.nll);
    CHECK(plain.smoothed == plain.nll);
  }
}

TEST_CASE_TEMPLATE("the log-probabilities of tokens sum up to PyTorch's cross entropy", T, double, float) {
  for (const char* name : {"cross_entropy.0", "cross_entropy.1", "cross_entropy.2"}) {
    Function<T> f(values(), name);
    const std::vector<int> targets = integers(std::string(name) + ".targets");
    f.expect_all(scale(sum(token_log_probs<T>(f.input("x"), f.input("weight"), targets)), -1));
  }
}

TEST_CASE_TEMPLATE("causal attention is PyTorch's", T, double, float) {
  for (const char* name : {"causal_attention.0", "causal_attention.1", "causal_attention.2"}) {
    Function<T> f(values(), name);
    const AttentionOptions options{.heads = integers(std::string(name) + ".heads")[0], .causal = true};
    f.expect_all(attention(f.input("qkv"), options));
  }
}

TEST_CASE_TEMPLATE("rotary positions are PyTorch's, halves of a head in pairs", T, double, float) {
  for (const char* name : {"rotary.0", "rotary.1", "rotary.2"}) {
    Function<T> f(rotary_values(), name);
    const long past = integers(std::string(name) + ".past", rotary_values())[0];
    const double theta = integers(std::string(name) + ".theta", rotary_values())[0];
    const Tensor<T> x = f.input("x");  // [B, T, n, D]
    const long n = x.shape[2], D = x.shape[3];
    f.expect_all(reshape(rotary(reshape(x, {x.shape[0], x.shape[1], n * D}), {n, D, past, theta}), x.shape));
  }
}

TEST_CASE_TEMPLATE("attention with fewer heads of keys than of queries is PyTorch's", T, double, float) {
  for (const char* name : {"grouped.0", "grouped.1", "grouped.2"}) {
    Function<T> f(rotary_values(), name);
    const std::vector<int> heads = integers(std::string(name) + ".heads", rotary_values());  // H, K, causal
    const AttentionOptions options{.heads = heads[0], .causal = heads[2] != 0, .kv_heads = heads[1]};
    f.expect_all(attention(f.input("q"), f.input("k"), f.input("v"), options));
  }
}
