// Masked language modelling: hidden tokens are predicted from all others; with next sentences, pairs of sentences are
// told apart too, those that follow each other and those that do not. Devlin et al.: BERT (2019), section 3.1.
#include <algorithm>
#include <cmath>

#include "data/examples/sentence_pairs.h"
#include "data/examples/windows.h"
#include "train/tasks/config.h"
#include "train/tasks/task.h"

namespace primer::train {

namespace {

class Masked final : public BothWays {
 public:
  using BothWays::BothWays;
  data::TextForm form(const Config& config) const override {
    return config.next_sentence ? data::TextForm::sentences : data::TextForm::stream;
  }
  bool fills() const override { return true; }
  bool takes_next_sentence() const override { return true; }
  long classes(const Config& config, long) const override { return config.next_sentence ? 2 : 0; }

  Room room(const Config& config) const override {
    if (!config.next_sentence) return {.fewest_tokens = 1, .fewest_places = 3, .framing = 2};  // [CLS] ... [SEP]
    return {
        .fewest_tokens = 8, .fewest_places = 5, .framing = 3};  // two documents, two sentences in one; a second [SEP]
  }

  std::unique_ptr<data::Examples> examples(const Config& config, const data::Tokenizer& tokenizer,
                                           const data::TokenSequence& tokens) const override {
    data::Masking masking;
    masking.seed = static_cast<std::uint64_t>(config.seed);
    masking.mask = tokenizer.special("[MASK]");
    masking.vocabulary = tokenizer.vocabulary_size();
    masking.begin = tokenizer.special("[CLS]");
    masking.end = tokenizer.special("[SEP]");
    if (config.next_sentence) return std::make_unique<data::SentencePairs>(tokens, config.context, masking);
    return std::make_unique<data::Windows>(tokens, config.context, masking.seed, masking);
  }
  double targets(double length) const override { return std::max(1.0, std::round(data::Masking{}.share * length)); }

  void begin_from(Config& config, const Config& source) const override {
    const bool goes_on = config.objective == source.objective;
    if (goes_on && fitted(config, &Config::next_sentence)) {
      config.next_sentence = source.next_sentence;
    }
  }
};

}  // namespace

const Task& masked_task() {
  static const Masked task("mlm", "fill in hidden ones");
  return task;
}

}  // namespace primer::train
