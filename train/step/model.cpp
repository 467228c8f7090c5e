#include "train/step/model.h"

namespace primer::train {

BatchPart part_of(const data::Batch& batch, long first, long count) {
  const auto rows = [&](const std::vector<int>& all, long width) {
    return all.empty() ? std::span<const int>{} : std::span(all).subspan(first * width, count * width);
  };
  const long T = batch.length;
  return {{rows(batch.tokens, T), count, T, batch.padded ? rows(batch.lengths, 1) : std::span<const int>{},
           rows(batch.segments, T)},
          rows(batch.targets, T),
          rows(batch.labels, 1)};
}

bool trains_when_frozen(std::string_view path) { return path.starts_with(std::string(nn::label_head) + "."); }

template <class T>
Model<T>::Model(autograd::Parameters<T>& parameters, const nn::ModelConfig& config)
    : model_(config.is_bert() ? decltype(model_)(std::in_place_type<nn::Bert<T>>, parameters, config)
                              : decltype(model_)(std::in_place_type<nn::Gpt<T>>, parameters, config)) {}

template <class T>
const nn::Transformer<T>& Model<T>::body() const {
  return std::visit([](const auto& model) -> const nn::Transformer<T>& { return model; }, model_);
}

template <class T>
autograd::Tensor<T> Model<T>::loss(autograd::Tape<T>& tape, const BatchPart& part, double token_scale,
                                   double label_scale, Scores& scores) const {
  const nn::Sequences& in = part.sequences;
  if (!is_bert()) {
    return gpt().loss(tape, in.tokens, part.targets, in.batch, in.length, in.lengths, token_scale, &scores.tokens);
  }
  const bool fills = config().masked_head;  // a model of classes alone has no targets among the tokens
  const nn::BertTargets wanted{fills ? part.targets : std::span<const int>{}, token_scale, part.labels, label_scale};
  return bert().loss(tape, in, wanted, &scores.tokens, &scores.labels);
}

template class Model<float>;
template class Model<double>;

}  // namespace primer::train
