// Translation: from a source to a target, which is predicted token by token. Sutskever, Vinyals, Le: Sequence to
// Sequence Learning with Neural Networks (2014); Vaswani et al. 2017.
#include "data/examples/line_pairs.h"
#include "train/tasks/config.h"
#include "train/tasks/task.h"

namespace primer::train {

namespace {

class Translate final : public Task {
 public:
  using Task::Task;
  data::TextForm form(const Config&) const override { return data::TextForm::translated_lines; }
  std::vector<std::string> specials() const override { return {"[BOS]", "[EOS]"}; }
  Room room(const Config&) const override {
    return {.fewest_tokens = 4, .fewest_places = 2, .framing = -2};  // a token of each side, and their marks
  }

  std::unique_ptr<data::Examples> examples(const Config& config, const data::Tokenizer& tokenizer,
                                           const data::TokenSequence& tokens) const override {
    return std::make_unique<data::TranslatedLines>(tokens, config.context, tokenizer);
  }
  double count(const Config&, double, double lines) const override { return lines; }
  std::string_view unit() const override { return "target token"; }
  bool counts_targets(const Config&) const override { return true; }

  bool causal() const override { return true; }
  bool translates() const override { return true; }
  void shape(const Config& config, nn::ModelConfig& model) const override {
    if (model.decoder_layers == 0) model.decoder_layers = config.layers;
  }
  void fit(Config& config) const override {
    // Vaswani et al. 2017: sections 3.3 to 3.5.
    if (fitted(config, &Config::bias)) config.bias = true;
    if (fitted(config, &Config::scale_tokens)) config.scale_tokens = true;
  }
};

}  // namespace

const Task& translate_task() {
  static const Translate task("translate", "turn source<TAB>target lines' sources into their targets");
  return task;
}

}  // namespace primer::train
