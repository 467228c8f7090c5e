#include "train/run/model_file.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include "autograd/error.h"
#include "nn/gpt.h"
#include "tests/train/fresh_directory.h"

using namespace primer;

namespace {

nn::GptConfig small() {
  nn::GptConfig config;
  config.vocabulary = 11;
  config.context = 5;
  config.layers = 1;
  config.heads = 2;
  config.channels = 6;
  return config;
}

struct Model {
  autograd::Parameters<float> parameters;
  nn::Gpt<float> gpt;
  explicit Model(const nn::GptConfig& config, std::uint64_t seed = 1) : gpt(parameters, config) {
    parameters.build(seed);
  }
};

std::string refusal(const std::string& path, autograd::Parameters<float>& parameters) {
  const std::vector<float> before(parameters.values(), parameters.values() + parameters.size());
  try {
    train::load_model(data::SafetensorsFile(path), parameters);
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
  train::save_model(here / "m.safetensors", saved.parameters, {{"step", "12"}});
  const data::SafetensorsFile file(here / "m.safetensors");
  CHECK(file.metadata().at("step") == "12");
  train::load_model(file, loaded.parameters);
  CHECK(std::memcmp(saved.parameters.values(), loaded.parameters.values(),
                    static_cast<std::size_t>(saved.parameters.size()) * sizeof(float)) == 0);
}

TEST_CASE("all that is missing, left over or of another shape is named at once") {
  const FreshDirectory here;
  nn::GptConfig other = small();
  other.context = 9;
  other.bias = true;
  Model saved(other), loaded(small());
  train::save_model(here / "m.safetensors", saved.parameters, {});
  std::string message = refusal(here / "m.safetensors", loaded.parameters);
  CHECK(message.find("position.weight has the shape [9, 6], expected [5, 6]") != std::string::npos);
  CHECK(message.find("norm.bias is not of this model") != std::string::npos);

  nn::GptConfig untied = small();
  untied.tie = false;
  Model larger(untied);
  Model tied(small());
  train::save_model(here / "t.safetensors", tied.parameters, {});
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
  saved.gpt.token.weight.data()[7] = std::numeric_limits<float>::quiet_NaN();
  train::save_model(here / "m.safetensors", saved.parameters, {});
  CHECK(refusal(here / "m.safetensors", loaded.parameters).find("token.weight") != std::string::npos);
}
