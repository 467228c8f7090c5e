// Classification: lines of label<TAB>text are told apart. Devlin et al.: BERT (2019), section 4.1.
#include "data/examples/labelled_examples.h"
#include "train/tasks/config.h"
#include "train/tasks/task.h"

namespace primer::train {

namespace {

class Classify final : public BothWays {
 public:
  using BothWays::BothWays;
  data::TextForm form(const Config&) const override { return data::TextForm::labelled_lines; }
  bool has_labels() const override { return true; }
  bool takes_freeze() const override { return true; }
  long classes(const Config&, long labels) const override { return labels; }
  Room room(const Config&) const override {
    return {.fewest_tokens = 4, .fewest_places = 3, .framing = 2};  // one, and the marks of its line
  }

  std::unique_ptr<data::Examples> examples(const Config& config, const data::Tokenizer& tokenizer,
                                           const data::TokenSequence& tokens) const override {
    return std::make_unique<data::LabelledExamples>(tokens, config.context, tokenizer);
  }
  double count(const Config&, double, double lines) const override { return lines; }
  double targets(double) const override { return 1; }
  std::string_view unit() const override { return "line"; }
  bool evaluates_training() const override { return true; }

  void begin_from(Config& config, const Config&) const override {
    // A new head on what was learned: small steps, or the body forgets it; larger ones where the body is fixed.
    // Section 4.1, for models a hundred times as wide.
    if (fitted(config, &Config::lr)) {
      choose(config, &Config::lr, config.freeze ? 1e-2 : 3e-4, ChosenBy::preset);
    }
  }
};

}  // namespace

const Task& classify_task() {
  static const Classify task("classify", "tell label<TAB>text lines apart");
  return task;
}

}  // namespace primer::train
