#include "train/run/objective.h"

#include "autograd/error.h"

namespace primer::train {

namespace {

// Predict each token from those before it. Radford et al.: Improving Language Understanding by Generative
// Pre-Training (2018), section 3.1.
class NextToken final : public Objective {
 public:
  NextToken(const Config& config, const data::Tokenizer& tokenizer)
      : context_(config.context), seed_(static_cast<std::uint64_t>(config.seed)), lossless_(tokenizer.is_lossless()) {}

  data::TrainingWindows training(const data::TokenSequence& tokens) const override {
    return data::TrainingWindows(tokens, context_, seed_);
  }
  data::EvaluationWindows evaluation(const data::TokenSequence& tokens) const override {
    return data::EvaluationWindows(tokens, context_);
  }
  bool is_a_code() const override { return lossless_; }

 private:
  long context_;
  std::uint64_t seed_;
  bool lossless_;  // the tokens give the text back
};

// Predict hidden tokens from those on both sides. Devlin et al.: BERT (2018), section 3.1.
class Masked final : public Objective {
 public:
  Masked(const Config& config, const data::Tokenizer& tokenizer) : context_(config.context) {
    masking_.seed = static_cast<std::uint64_t>(config.seed);
    masking_.mask = tokenizer.special("[MASK]");
    masking_.vocabulary = tokenizer.vocabulary_size();
    if (masking_.mask < 0) {
      throw autograd::Error(autograd::Fault::input,
                            "the tokenizer has no [MASK], which the objective mlm needs; train with a new tokenizer, or "
                            "make one with primer tokenize train --special [MASK]");
    }
  }

  data::TrainingWindows training(const data::TokenSequence& tokens) const override {
    return data::TrainingWindows(tokens, context_, masking_.seed, masking_);
  }
  data::EvaluationWindows evaluation(const data::TokenSequence& tokens) const override {
    return data::EvaluationWindows(tokens, context_, masking_);
  }
  bool is_a_code() const override { return false; }

 private:
  long context_;
  data::Masking masking_;
};

}  // namespace

std::vector<std::string> special_tokens(const Config& config) {
  return config.objective == "mlm" ? std::vector<std::string>{"[MASK]"} : std::vector<std::string>{};
}

long fewest_tokens(const Config& config) { return config.objective == "mlm" ? 1 : 2; }

std::unique_ptr<Objective> make_objective(const Config& config, const data::Tokenizer& tokenizer) {
  if (config.objective == "mlm") return std::make_unique<Masked>(config, tokenizer);
  return std::make_unique<NextToken>(config, tokenizer);
}

}  // namespace primer::train
