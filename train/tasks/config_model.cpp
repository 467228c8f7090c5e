// The model that a configuration describes.
#include <algorithm>

#include "autograd/error.h"
#include "train/tasks/config.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

// The members that both have. A template, since only there a missing name is no error.
template <class Model>
static void copy_members(const Config& config, Model& model) {
#define PRIMER_COPY(name, ...) \
  if constexpr (requires { model.name; }) model.name = config.name;
  PRIMER_CONFIG_FIELDS(PRIMER_COPY, PRIMER_COPY, PRIMER_COPY, PRIMER_COPY, PRIMER_COPY, PRIMER_COPY)
#undef PRIMER_COPY
}

bool has_pooler(const Config& config) {
  return config.pooling == nn::Pooling::cls && config.objective->classes(config, 2) > 0;
}

nn::ModelConfig model_config(const Config& config, long vocabulary, long labels) {
  const bool attends = config.body == nn::BodyKind::transformer;
  if (attends && config.head_size == 0 && config.channels % config.heads != 0) {
    throw Error(Fault::usage, "--channels " + std::to_string(config.channels) + " is not a multiple of --heads " +
                                  std::to_string(config.heads) + ": try --channels " +
                                  std::to_string((config.channels / config.heads + 1) * config.heads));
  }
  if (attends && config.kv_heads > 0 && config.heads % config.kv_heads != 0) {
    long near = std::min(config.kv_heads, config.heads);
    while (config.heads % near != 0) --near;
    throw Error(Fault::usage, "--kv-heads " + std::to_string(config.kv_heads) + " does not divide --heads " +
                                  std::to_string(config.heads) + ": try --kv-heads " + std::to_string(near));
  }
  nn::ModelConfig model;
  copy_members(config, model);
  if (config.norm_epsilon == 0) model.norm_epsilon = config.objective->norm_epsilon();
  model.vocabulary = vocabulary;
  model.causal = config.objective->causal();
  model.output.tie = config.tie;
  model.output.token = config.objective->writes() || config.objective->translates();
  model.output.masked = config.objective->fills();
  model.output.labels = config.objective->classes(config, labels);
  if (model.output.labels > 0) model.output.pooling = config.pooling;
  config.objective->shape(config, model);
  if (attends && model.position == nn::Position::rotary && model.head_channels() % 2 != 0) {
    throw Error(Fault::usage, "--position rotary turns pairs of a head's channels, and a head has " +
                                  std::to_string(model.head_channels()) + ": try --head-size " +
                                  std::to_string(model.head_channels() + 1));
  }
  return model;
}

nn::ModelConfig model_config(const Config& config, const data::Tokenizer& tokenizer, long labels) {
  nn::ModelConfig model = model_config(config, tokenizer.vocabulary_size(), labels);
  if (tokenizer.has_own_sources()) model.source_vocabulary = tokenizer.of_sources().vocabulary_size();
  return model;
}

}  // namespace primer::train
