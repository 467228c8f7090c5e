// Runs of transformers with other seats in their attention, as Llama and Qwen3 have, or another attention altogether:
// cut and resumed, on other numbers of threads, begun from, sampled and shown.
#include <doctest/doctest.h>

#include <map>

#include "tests/threads.h"
#include "tests/train/process.h"
#include "tests/train/small_run.h"
#include "train/checkpoints/loaded_run.h"

using namespace primer::train;
using primer::test::Threads;

namespace {

const Options llama = {{"position", "rotary"}, {"norm_kind", "rms"}, {"activation", "swiglu"},
                       {"channels", "24"},     {"heads", "4"},       {"kv_heads", "2"}};

Options with(Options more) {
  more.insert(more.end(), llama.begin(), llama.end());
  return more;
}

const std::map<std::string, Options> shapes = {
    {"llama", llama},
    {"qwen3", with({{"qk_norm", "true"}, {"head_size", "10"}, {"rope_theta", "1000000"}, {"norm_epsilon", "1e-6"}})},
    {"shortformer", {{"position", "qk"}, {"channels", "24"}, {"heads", "4"}, {"kv_heads", "1"}}},
    {"linear", {{"attention", "linear"}, {"kv_heads", "1"}}},
    {"favor", {{"attention", "favor"}, {"features", "5"}, {"dropout", "0.2"}}},
    {"rfa", {{"attention", "rfa"}, {"position", "rotary"}, {"features", "2"}, {"lr", "0.1"}}}};  // some weights below 0

Options small_shape(const Options& shape) {
  Options options = small({{"steps", "20"}});
  options.insert(options.end(), shape.begin(), shape.end());
  return options;
}

std::string arguments(const Options& options) {
  std::string text;
  for (const auto& [key, value] : options)
    text += " --" + field_named(key).option() + (value == "true" ? "" : " " + value);
  return text;
}

}  // namespace

TEST_CASE("a run with another attention than GPT-2's that is cut ends as the unbroken one, byte for byte") {
  const Threads threads(1);
  for (const auto& [name, shape] : shapes) {
    CAPTURE(name);
    const TrainedRun whole(prose(900), small_shape(shape));
    REQUIRE(whole.train().step == 20);
    for (const long look : {9L, 30L}) {
      const TrainedRun cut(prose(900), small_shape(shape));
      RaiseAt signal(look, SIGTERM);
      REQUIRE(cut.train(signal).signal == SIGTERM);
      cut.train();
      CHECK(essence(cut, 20) == essence(whole, 20));
    }
  }
}

TEST_CASE("another attention than GPT-2's has the same bits on any number of threads") {
  for (const auto& [name, shape] : shapes) {
    CAPTURE(name);
    Options options = small_shape(shape);
    for (const auto& more : Options{{"context", "80"}, {"batch", "5"}, {"steps", "6"}}) options.push_back(more);
    check_threads(prose(3000), options, 6);
  }
}

TEST_CASE("runs with another attention than GPT-2's are sampled, evaluated, shown and begun from") {
  const FreshDirectory here;
  here.write("t.txt", prose(3000));
  for (const auto& [name, shape] : shapes) {
    CAPTURE(name);
    const std::string size = " --layers 2 --context 8 --batch 4 --steps 30 -q";
    REQUIRE(run_primer(here, "train t.txt -o " + name + arguments(shape) + size).code == 0);
    const auto run = load_run(here / name, {});
    const primer::nn::ModelConfig& model = run->network->config();
    for (const auto& [key, value] : shape) {
      CAPTURE(key);
      Config wished;
      set(wished, field_named(key), value, ChosenBy::flag, key);
      CHECK(value_text(run->config, field_named(key)) == value_text(wished, field_named(key)));
    }
    CHECK(run_primer(here, "sample " + name + " --tokens 40").code == 0);  // beyond the context too
    CHECK(run_primer(here, "eval " + name).code == 0);
    const auto page = run_primer(here, "attention " + name + " abc -o " + name + ".html");
    CHECK(page.code == 0);
    CHECK(run_primer(here, "train t.txt -o next-" + name + " --init-from " + name + " --steps 3 -q").code == 0);
    const primer::nn::ModelConfig next = load_run(here / ("next-" + name), {})->network->config();
    CHECK(next.position == model.position);
    CHECK(next.kv_heads == model.kv_heads);
    CHECK(next.head_size == model.head_size);
    CHECK(next.qk_norm == model.qk_norm);
    CHECK(next.rope_theta == model.rope_theta);
    CHECK(next.norm_epsilon == model.norm_epsilon);
    const auto other = run_primer(here, "train t.txt -o no --init-from " + name + " --kv-heads 4 --steps 3 -q");
    CHECK(other.code == 2);
    CHECK(other.err.find("leave out --kv-heads 4 (the model has ") != std::string::npos);
    CHECK(run_primer(here, "train t.txt --config " + name + "/config.json --dry-run").code == 0);
  }
  CHECK(run_primer(here, "train t.txt -o preset --preset llama --kv-heads 2 --steps 2 -q").code == 0);
}

TEST_CASE("a BERT with landmarks or a kernel that is cut ends as the unbroken one, byte for byte") {
  const Threads threads(1);
  for (const char* kind : {"nystrom", "linear", "favor"}) {
    CAPTURE(kind);
    const Options options = small_shape({{"objective", "mlm"}, {"attention", kind}, {"context", "12"}});
    const TrainedRun whole(prose(900), options), cut(prose(900), options);
    REQUIRE(whole.train().step == 20);
    RaiseAt signal(17, SIGTERM);
    REQUIRE(cut.train(signal).signal == SIGTERM);
    cut.train();
    CHECK(essence(cut, 20) == essence(whole, 20));
  }
}

TEST_CASE("an attention that an objective cannot have, or an option that it does not use, is refused in one line") {
  const auto refusal = [](const Options& options) {
    try {
      check_choices(wishes(options), false);
    } catch (const primer::autograd::Error& error) {
      CHECK(error.fault() == primer::autograd::Fault::usage);
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refusal({{"attention", "nystrom"}}) ==
        "--attention nystrom reads in both directions, and --objective lm in one: take softmax, linear, favor or rfa");
  for (const char* objective : {"mlm", "classify"})
    CHECK(refusal({{"attention", "rfa"}, {"objective", objective}}) ==
          "--attention rfa reads in one direction, and --objective " + std::string(objective) +
              " in both: take softmax, linear, favor or nystrom");
  CHECK(refusal({{"features", "64"}}) == "--features goes with --attention favor or rfa");
  CHECK(refusal({{"attention", "linear"}, {"features", "64"}}) == "--features goes with --attention favor or rfa");
  CHECK(refusal({{"attention", "favor"}, {"landmarks", "8"}}) == "--landmarks goes with --attention nystrom");
  CHECK(refusal({{"attention", "rfa"}, {"features", "7"}}) ==
        "--features 7: a sine and a cosine of each direction make an even number; try --features 8");
  CHECK(refusal({{"body", "lstm"}, {"attention", "linear"}}) ==
        "--body lstm has nothing of a transformer's: leave out --attention");
  for (const char* kind : {"softmax", "linear", "favor", "rfa"}) CHECK(refusal({{"attention", kind}}) == "");
}
