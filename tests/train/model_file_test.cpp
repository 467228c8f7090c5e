#include "train/checkpoints/model_file.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include "autograd/error.h"
#include "nn/model.h"
#include "optim/adam.h"
#include "optim/sgd.h"
#include "tests/train/fresh_directory.h"

using namespace primer;

namespace {

nn::ModelConfig small() {
  nn::ModelConfig config;
  config.vocabulary = 11;
  config.context = 5;
  config.layers = 1;
  config.heads = 2;
  config.channels = 6;
  return config;
}

using Parameters = autograd::Parameters<float>;

struct Model {
  Parameters parameters;
  nn::Model<float> gpt;
  explicit Model(const nn::ModelConfig& config, std::uint64_t seed = 1) : gpt(parameters, config) {
    parameters.build(seed);
  }
};

void save_model(const std::string& path, const autograd::Parameters<float>& parameters,
                const std::map<std::string, std::string>& metadata) {
  data::AtomicFile file(path);
  train::write_blocks(file, parameters, train::model_blocks(parameters), metadata);
  file.commit();
}

void load_model(const data::SafetensorsFile& file, autograd::Parameters<float>& parameters) {
  train::read_blocks(file, parameters, train::model_blocks(parameters));
}

std::string refusal(const std::string& path, autograd::Parameters<float>& parameters) {
  const std::vector<float> before(parameters.values(), parameters.values() + parameters.size());
  try {
    load_model(data::SafetensorsFile(path), parameters);
  } catch (const autograd::Error& error) {
    CHECK(error.fault() == autograd::Fault::checkpoint);
    return error.what();
  }
  FAIL("loaded");
  return {};
}

}  // namespace

TEST_CASE("a model comes back from its file, bit for bit") {
  const FreshDirectory here;
  Model saved(small(), 1), loaded(small(), 2);
  save_model(here / "m.safetensors", saved.parameters, {{"step", "12"}});
  const data::SafetensorsFile file(here / "m.safetensors");
  CHECK(file.metadata().at("step") == "12");
  load_model(file, loaded.parameters);
  CHECK(std::memcmp(saved.parameters.values(), loaded.parameters.values(),
                    static_cast<std::size_t>(saved.parameters.size()) * sizeof(float)) == 0);
}

TEST_CASE("moments are named after their parameters and come back too") {
  const FreshDirectory here;
  Model model(small());
  optim::Adam<float> saved(model.parameters), loaded(model.parameters);
  for (const auto& moment : saved.moments()) {
    for (long i = 0; i < model.parameters.size(); ++i) moment.data[i] = static_cast<float>(i) * 0.5f;
  }
  data::AtomicFile out(here / "o.safetensors");
  train::write_blocks(out, model.parameters, train::moment_blocks(saved), {});
  out.commit();
  const data::SafetensorsFile file(here / "o.safetensors");
  CHECK(file.find("second.token.weight"));
  train::read_blocks(file, model.parameters, train::moment_blocks(loaded));
  for (const auto& entry : model.parameters.entries()) {
    const auto bytes = static_cast<std::size_t>(entry.shape.size()) * sizeof(float);
    CHECK(std::memcmp(saved.moments()[1].data + entry.offset, loaded.moments()[1].data + entry.offset, bytes) == 0);
  }
  optim::Sgd<float> other(model.parameters, 0.9, 0);
  CHECK_THROWS_AS(train::read_blocks(file, model.parameters, train::moment_blocks(other)), autograd::Error);
}

TEST_CASE(
    "moments are those of what is trained; where earlier programs wrote zeros for the rest, these are passed over") {
  const FreshDirectory here;
  Model whole(small());
  struct Probe {
    autograd::Parameters<float> parameters;
    nn::Model<float> gpt;
    explicit Probe(const nn::ModelConfig& config) : gpt(parameters, config) {
      parameters.train_only([](const std::string& path) { return path.starts_with("norm."); });
      parameters.build(1);
    }
  } probe(small());
  const auto save = [&](const char* name, Parameters& parameters, optim::Optimizer<float>& optimizer) {
    data::AtomicFile out(here / name);
    train::write_blocks(out, parameters, train::moment_blocks(optimizer), {});
    out.commit();
    return data::SafetensorsFile(here / name);
  };
  optim::Adam<float> of_all(whole.parameters), of_some(probe.parameters), loaded(probe.parameters);
  for (const auto& moment : of_all.moments()) {
    const float* const norm = whole.parameters.at("norm.weight").data();
    const long place = norm - whole.parameters.values();
    for (long i = 0; i < 6; ++i) moment.data[place + i] = static_cast<float>(i + 1);
  }
  for (const auto& moment : of_some.moments())
    for (long i = 0; i < 6; ++i) moment.data[i] = static_cast<float>(i + 1);

  const data::SafetensorsFile some = save("some.safetensors", probe.parameters, of_some);
  REQUIRE(some.tensors().size() == 2);
  CHECK(some.find("first.norm.weight"));
  CHECK(some.find("second.norm.weight"));
  const data::SafetensorsFile all = save("all.safetensors", whole.parameters, of_all);
  for (const data::SafetensorsFile* file : {&some, &all}) {
    for (const auto& moment : loaded.moments()) std::fill_n(moment.data, probe.parameters.trained(), 0.0f);
    train::read_blocks(*file, probe.parameters, train::moment_blocks(loaded));
    for (const auto& moment : loaded.moments()) CHECK(moment.data[5] == 6);
  }

  // The rest must still be of this model.
  nn::ModelConfig other = small();
  other.context = 9;
  Probe longer(other);
  optim::Adam<float> moments(longer.parameters);
  const auto message = [&](const data::SafetensorsFile& file, Parameters& parameters, optim::Optimizer<float>& into) {
    try {
      train::read_blocks(file, parameters, train::moment_blocks(into));
    } catch (const autograd::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message(some, longer.parameters, moments).empty());
  CHECK(message(all, longer.parameters, moments).find("first.position.weight has the shape [5, 6], expected [9, 6]") !=
        std::string::npos);
  CHECK(message(some, whole.parameters, of_all).find("first.token.weight is missing") != std::string::npos);
}

TEST_CASE("all that is missing, left over or of another shape is named at once") {
  const FreshDirectory here;
  nn::ModelConfig other = small();
  other.context = 9;
  other.bias = true;
  Model saved(other), loaded(small());
  save_model(here / "m.safetensors", saved.parameters, {});
  std::string message = refusal(here / "m.safetensors", loaded.parameters);
  CHECK(message.find("position.weight has the shape [9, 6], expected [5, 6]") != std::string::npos);
  CHECK(message.find("norm.bias is not of this model") != std::string::npos);

  nn::ModelConfig untied = small();
  untied.output.tie = false;
  Model larger(untied);
  Model tied(small());
  save_model(here / "t.safetensors", tied.parameters, {});
  message = refusal(here / "t.safetensors", larger.parameters);
  CHECK(message.find("head.weight is missing") != std::string::npos);

  untied.layers = 9;
  Model deep(untied);
  message = refusal(here / "t.safetensors", deep.parameters);
  CHECK(message.find("and ") != std::string::npos);
  CHECK(message.find(" more") != std::string::npos);
  CHECK(message.size() < 2000);
}

TEST_CASE("a value that is not finite is not loaded as a model") {
  const FreshDirectory here;
  Model saved(small()), loaded(small());
  saved.parameters.at("token.weight").data()[7] = std::numeric_limits<float>::quiet_NaN();
  save_model(here / "m.safetensors", saved.parameters, {});
  CHECK(refusal(here / "m.safetensors", loaded.parameters).find("token.weight") != std::string::npos);
}
