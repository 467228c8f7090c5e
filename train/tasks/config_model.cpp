// The model that a configuration describes.
#include "autograd/error.h"
#include "train/tasks/config.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

bool has_pooler(const Config& config) {
  return config.pooling == nn::Pooling::cls && config.objective->classes(config, 2) > 0;
}

nn::ModelConfig model_config(const Config& config, long vocabulary, long labels) {
  if (config.channels % config.heads != 0) {
    throw Error(Fault::usage, "--channels " + std::to_string(config.channels) + " is not a multiple of --heads " +
                                  std::to_string(config.heads) + ": try --channels " +
                                  std::to_string((config.channels / config.heads + 1) * config.heads));
  }
  nn::ModelConfig model;
  model.vocabulary = vocabulary;
  model.context = config.context;
  model.layers = config.layers;
  model.heads = config.heads;
  model.channels = config.channels;
  model.ffn_channels = config.ffn_channels;
  model.dropout = config.dropout;
  model.bias = config.bias;
  model.causal = config.objective->causal();
  model.output.tie = config.tie;
  model.position = config.position;
  model.position_scale = config.position_scale;
  model.norm = config.norm;
  model.activation = config.activation;
  model.output.token = config.objective->writes();
  model.output.masked = config.objective->fills();
  model.output.labels = config.objective->classes(config, labels);
  if (model.output.labels > 0) model.output.pooling = config.pooling;
  config.objective->shape(config, model);
  return model;
}

}  // namespace primer::train
