// Language modelling: every token is predicted from those before it, or those of answers are from prompts and what the
// answer has so far.
#include <algorithm>

#include "data/examples/line_pairs.h"
#include "data/examples/windows.h"
#include "train/tasks/config.h"
#include "train/tasks/task.h"

namespace primer::train {

namespace {

class Language final : public Task {
 public:
  using Task::Task;
  bool causal() const override { return true; }
  bool writes() const override { return true; }
  bool takes_answer_after() const override { return true; }
  data::TextForm form(const Config& config) const override {
    return config.answer_after.empty() ? data::TextForm::stream : data::TextForm::answered_lines;
  }
  Room room(const Config&) const override {
    return {
        .fewest_tokens = 2, .fewest_places = 1, .framing = -1};  // the target of the last token is beyond the context
  }

  std::unique_ptr<data::Examples> examples(const Config& config, const data::Tokenizer& tokenizer,
                                           const data::TokenSequence& tokens) const override {
    const auto seed = static_cast<std::uint64_t>(config.seed);
    if (!config.answer_after.empty()) return std::make_unique<data::AnsweredLines>(tokens, config.context);
    if (!config.separate_documents) return std::make_unique<data::Windows>(tokens, config.context, seed);
    return std::make_unique<data::DocumentWindows>(tokens, config.context, seed,
                                                   data::need_special(tokenizer, data::end_of_text));
  }
  bool counts_targets(const Config& config) const override { return !config.answer_after.empty(); }
  double count(const Config& config, double tokens, double lines) const override {
    if (!config.answer_after.empty()) return lines;
    const double windows = Task::count(config, tokens, lines);
    return config.separate_documents ? std::max(lines, windows + lines / 2) : windows;  // half of a last one is empty
  }
};

}  // namespace

const Task& language_task() {
  static const Language task("lm", "predict the next token");
  return task;
}

}  // namespace primer::train
