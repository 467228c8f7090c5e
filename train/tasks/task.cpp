#include "train/tasks/task.h"

#include <cmath>

#include "autograd/error.h"
#include "train/tasks/config.h"

namespace primer::train {

// One row a task: the function that its file defines. The first is the default.
#define PRIMER_TASKS(ROW) \
  ROW(language_task)      \
  ROW(masked_task)        \
  ROW(classify_task)      \
  ROW(translate_task)

#define PRIMER_DECLARE(task) const Task& task();
PRIMER_TASKS(PRIMER_DECLARE)

static std::vector<const Task*>& all_tasks() {
#define PRIMER_LIST(task) &task(),
  static std::vector<const Task*> all{PRIMER_TASKS(PRIMER_LIST)};
  return all;
}

std::span<const Task* const> tasks() { return all_tasks(); }

void add_task(const Task& task) {
  for (const Task* const other : all_tasks()) {
    if (other->name() == task.name())
      throw autograd::Error(autograd::Fault::usage, "there is a task " + std::string(task.name()) + " already");
  }
  all_tasks().push_back(&task);
}

std::unique_ptr<nn::Body<float>> Task::body(autograd::Parameters<float>& parameters, const nn::ModelConfig& c) const {
  return nn::make_body(parameters, c);
}

std::unique_ptr<nn::Body<double>> Task::body(autograd::Parameters<double>& parameters, const nn::ModelConfig& c) const {
  return nn::make_body(parameters, c);
}

double Task::count(const Config& config, double tokens, double) const {
  return tokens / static_cast<double>(config.context);
}

// Devlin et al. 2019, and the authors' modeling.py for the norms. BERT's deviation of 0.02 is meant for its 768
// channels; a narrower model has it widened, so that a layer's outputs are as large for its inputs as they are there.
// At 64 channels 0.02 leaves what attention gathers far below the token it is added to, and nothing learns from it.
void BothWays::shape(const Config&, nn::ModelConfig& model) const {
  model.segments = 2;
  model.embedding_norm = model.norm == nn::NormPlace::post;
  model.deviation = 0.02 * std::sqrt(768.0 / static_cast<double>(model.channels));
}

void BothWays::fit(Config& config) const {
  if (fitted(config, &Config::norm)) config.norm = nn::NormPlace::post;
  if (fitted(config, &Config::activation)) config.activation = nn::Activation::gelu_erf;
  if (fitted(config, &Config::bias)) config.bias = true;
}

data::TextReading reading_of(const Config& config, const data::Tokenizer& tokenizer,
                             const std::vector<std::string>& labels) {
  data::TextReading reading(tokenizer, config.objective->form(config), &labels, config.answer_after);
  if (config.documents != data::Parting::none) reading.end = tokenizer.special(data::end_of_text);
  reading.apart = config.separate_documents;
  reading.by_blank_lines = config.documents == data::Parting::blank_lines;
  return reading;
}

std::vector<std::string> specials_of(const Config& config) {
  std::vector<std::string> specials = config.objective->specials();
  if (config.documents != data::Parting::none) specials.push_back(data::end_of_text);
  return specials;
}

void require_specials(const Task& task, const data::Tokenizer& tokenizer, std::string_view option) {
  if (tokenizer.has_own_sources()) require_specials(task, tokenizer.of_sources(), "--source-tokenizer");
  std::string missing, options;
  for (const std::string& name : task.specials()) {
    if (tokenizer.special(name) >= 0) continue;
    missing += (missing.empty() ? "" : ", ") + name;
    options += " --special '" + name + "'";
  }
  if (missing.empty()) return;
  throw autograd::Error(autograd::Fault::input, "the tokenizer has no " + missing + ", which --objective " +
                                                    std::string(task.name()) + " needs; " + std::string(option) +
                                                    " char, byte or bpe:SIZE makes one that has, as does "
                                                    "primer tokenize train" +
                                                    options);
}

std::unique_ptr<data::Examples> TextTask::examples(const data::TokenSequence& tokens) const {
  require_specials(*config.objective, tokenizer);
  auto examples = config.objective->examples(config, tokenizer, tokens);
  examples->unknown = tokenizer.unknown();
  return examples;
}

bool TextTask::is_a_code() const {
  return config.objective->writes() && config.answer_after.empty() && tokenizer.is_lossless();
}

std::string objective_help() {
  std::string help;
  for (const Task* const task : tasks()) {
    help += (help.empty() ? "" : "; ") + std::string(task->name()) + ": " + std::string(task->help());
  }
  return help;
}

}  // namespace primer::train
