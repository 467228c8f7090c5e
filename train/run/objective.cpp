#include "train/run/objective.h"

#include "autograd/error.h"
#include "data/labelled_examples.h"
#include "data/sentence_pairs.h"
#include "data/windows.h"

namespace primer::train {

std::vector<std::string> special_tokens(const Config& config) {
  return config.objective == "lm" ? std::vector<std::string>{} : std::vector<std::string>{"[CLS]", "[SEP]", "[MASK]"};
}

void require_specials(const Config& config, const data::Tokenizer& tokenizer) {
  std::string missing, options;
  for (const std::string& name : special_tokens(config)) {
    if (tokenizer.special(name) >= 0) continue;
    missing += (missing.empty() ? "" : ", ") + name;
    options += " --special '" + name + "'";
  }
  if (missing.empty()) return;
  throw autograd::Error(autograd::Fault::input,
                        "the tokenizer has no " + missing + ", which --objective " + config.objective +
                            " needs; --tokenizer char, byte or bpe:SIZE makes one that has, as does "
                            "primer tokenize train" + options);
}

data::TextForm text_form(const Config& config) {
  if (config.objective == "classify") return data::TextForm::labelled_lines;
  return config.next_sentence ? data::TextForm::sentences : data::TextForm::stream;
}

long fewest_tokens(const Config& config) {
  if (config.objective == "classify") return 4;             // [CLS], a label, a token, [SEP]
  if (config.next_sentence) return 8;                       // two documents, two sentences in one
  return config.objective == "mlm" ? 1 : 2;
}

long fewest_places(const Config& config) {
  return config.objective == "lm" ? 1 : config.next_sentence ? 5 : 3;
}

long framing(const Config& config) { return config.objective == "lm" ? -1 : config.next_sentence ? 3 : 2; }

Objective::Objective(const Config& config, const data::Tokenizer& tokenizer, long labels)
    : config_(config), tokenizer_(tokenizer), labels_(labels) {
  require_specials(config, tokenizer);
}

std::unique_ptr<data::Examples> Objective::examples(const data::TokenSequence& tokens) const {
  const auto seed = static_cast<std::uint64_t>(config_.seed);
  if (config_.objective == "lm") return std::make_unique<data::Windows>(tokens, config_.context, seed);
  if (config_.objective == "classify") {
    return std::make_unique<data::LabelledExamples>(tokens, config_.context, tokenizer_, labels_);
  }
  data::Masking masking;
  masking.seed = seed;
  masking.mask = tokenizer_.special("[MASK]");
  masking.vocabulary = tokenizer_.vocabulary_size();
  masking.begin = tokenizer_.special("[CLS]");
  masking.end = tokenizer_.special("[SEP]");
  if (config_.next_sentence) return std::make_unique<data::SentencePairs>(tokens, config_.context, masking);
  return std::make_unique<data::Windows>(tokens, config_.context, seed, masking);
}

bool Objective::is_a_code() const { return config_.objective == "lm" && tokenizer_.is_lossless(); }

}  // namespace primer::train
