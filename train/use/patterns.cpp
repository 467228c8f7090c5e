#include "train/use/patterns.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "autograd/error.h"
#include "autograd/tape.h"
#include "data/examples/text_form.h"
#include "train/use/translate.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

/// Keeps the patterns of the layers whose paths end with `of`, in their order.
class PatternKeeper final : public autograd::Observer<float> {
 public:
  explicit PatternKeeper(std::string of, bool estimates = false) : of_(std::move(of)), estimates_(estimates) {}

  bool wants(std::string_view path, std::string_view leaf) override { return leaf == "pattern" && path.ends_with(of_); }
  autograd::Tensor<float> see(std::string_view path, std::string_view, autograd::Tensor<float> pattern) override {
    std::vector<float> weights(pattern.data(), pattern.data() + pattern.size());
    for (float& weight : weights) {
      if (estimates_ && std::isfinite(weight)) weight = std::clamp(weight, 0.0f, 1.0f);
      if (!(weight >= 0 && weight < 1.001f)) {
        throw Error(Fault::checkpoint,
                    std::string(path) + " has weights that are no numbers from 0 to 1: the parameters are broken");
      }
    }
    if (layers_.empty() || layers_.back().path != path) layers_.push_back({std::string(path)});
    layers_.back().parts.push_back({pattern.shape, std::move(weights)});
    return pattern;
  }

  /// T rows and S columns of sequence b.
  Patterns of(long b, long T, long S) const {
    if (layers_.empty()) autograd::refuse("patterns", "this model has none to show");
    Patterns all{static_cast<long>(layers_.size()), layers_[0].parts[0].shape[1], T, S};
    for (const Layer& layer : layers_)
      for (long head = 0; head < all.heads; ++head)
        for (long row = 0; const Part& part : layer.parts)
          for (long t = 0; t < part.shape[2] && row < T; ++t, ++row) {
            const long from = (b * all.heads + head) * part.shape[2] + t;
            const float* const weights = part.weights.data() + from * part.shape[3];
            all.weights.insert(all.weights.end(), weights, weights + S);
          }
    return all;
  }

 private:
  struct Part {
    autograd::Shape shape;       // [B, H, some rows, columns]: all rows at once, or one by one
    std::vector<float> weights;  // of this shape
  };
  struct Layer {
    std::string path;
    std::vector<Part> parts = {};
  };

  std::string of_;
  bool estimates_;
  std::vector<Layer> layers_;
};

void watch(const nn::Model<float>& model, const nn::Sequences& in, PatternKeeper& keeper) {
  autograd::Tape<float> tape;
  const auto pause = tape.pause();
  tape.observer = &keeper;
  model.hidden(tape, in);
}

}  // namespace

Patterns patterns_of_text(const nn::Model<float>& model, std::span<const int> ids, std::span<const int> segments) {
  const nn::AttentionKind kind = model.config().attention;
  PatternKeeper keeper("attention", kind == nn::AttentionKind::rfa || kind == nn::AttentionKind::nystrom);
  const long T = static_cast<long>(ids.size());
  watch(model, {.tokens = ids, .batch = 1, .length = T, .segments = segments}, keeper);
  return keeper.of(0, T, T);
}

long source_layers(const nn::Model<float>& model) {
  const nn::ModelConfig& config = model.config();
  return config.body == nn::BodyKind::transformer || config.decoder_layers == 0 ? config.decoder_layers
                                                                                : model.body->attention_layers();
}

std::vector<Patterns> patterns_of_pairs(const nn::Model<float>& model, const data::Tokenizer& tokenizer,
                                        std::span<const std::vector<int>> sources,
                                        std::span<const std::vector<int>> targets, LayerChoice choice) {
  if (sources.empty()) return {};
  const long layers = source_layers(model);
  const bool is_recurrent = model.config().body != nn::BodyKind::transformer;
  PatternKeeper keeper(is_recurrent                 ? "alignment"
                       : choice == LayerChoice::all ? "cross_attention"
                                                    : "blocks." + std::to_string(layers - 1) + ".cross_attention");
  const Marks marks = marks_of(tokenizer);
  const PaddedSources read(sources, marks.source_end, model.config());
  std::size_t T = 0;
  for (const auto& ids : targets) T = std::max(T, ids.size() + 1);
  std::vector<int> tokens;  // [B, T]: [BOS] and the target, from which the target and [EOS] are predicted
  for (const auto& ids : targets) {
    tokens.push_back(marks.begin);
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    tokens.resize(tokens.size() + T - 1 - ids.size(), 0);
  }
  watch(model,
        {.tokens = tokens,
         .batch = static_cast<long>(targets.size()),
         .length = static_cast<long>(T),
         .source = read.source()},
        keeper);
  std::vector<Patterns> result;
  for (std::size_t b = 0; b < targets.size(); ++b)
    result.push_back(keeper.of(static_cast<long>(b), static_cast<long>(targets[b].size()) + 1, read.lengths[b]));
  return result;
}

}  // namespace primer::train
