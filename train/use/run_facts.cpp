#include "train/use/run_facts.h"

#include <cstdio>
#include <sstream>

#include "autograd/error.h"
#include "data/bytes/shell_word.h"
#include "data/bytes/utf8.h"
#include "data/examples/token_file.h"
#include "train/checkpoints/run_directory.h"
#include "train/plan/plan.h"
#include "train/step/timing.h"
#include "train/tasks/numbers.h"

namespace primer::train {

namespace {

std::string text_of(const std::string& directory, const Checkpoint& run) {
  const std::string vocabulary = vocabulary_text(run.config, *run.tokenizer);
  try {
    const auto tokens = open_tokens(run, RunPaths{directory}.tokens());
    const auto bytes = static_cast<double>(tokens->train_bytes() + tokens->validation_bytes());
    return short_number(bytes) + "B, " + vocabulary + ": " + std::to_string(tokens->train_size()) + " to train, " +
           std::to_string(tokens->validation_size()) + " to validate";
  } catch (const autograd::Error& error) {
    return vocabulary + "; " + error.what();
  }
}

}  // namespace

double seconds_trained(const std::string& directory, const Checkpoint& newest) {
  return TimingLog::read_before(RunPaths{directory}.timing(), newest.state.trainer.step).seconds;
}

Facts run_facts(const std::string& directory, const Checkpoint& newest) {
  const Config& config = newest.config;
  const TrainingState& state = newest.state;
  Facts facts{{"text", text_of(directory, newest)},
              {"model", std::string(config.objective->name()) + ", " + shape_text(config)}};
  if (state.best_step >= 0) {
    char loss[96];
    std::snprintf(loss, sizeof loss, "lowest loss %.4f nats per %s, of step %ld", state.best_val_loss,
                  std::string(config.objective->unit()).c_str(), state.best_step);
    facts.emplace_back("validation", loss);
  }
  facts.emplace_back("trained", short_duration(seconds_trained(directory, newest)) + ", " +
                                    std::to_string(state.trainer.tokens) + " tokens");
  if (state.threads > 0) {
    facts.emplace_back("machine", std::to_string(state.threads) + (state.threads == 1 ? " thread" : " threads") +
                                      ", products by " + data::printable(state.products));
  }
  return facts;
}

std::vector<std::string> options_of(const Config& config) {
  std::vector<std::string> options;
  for (const Field& field : fields()) {
    const std::string value = value_text(config, field);
    if (value == value_text(Config{}, field)) continue;
    std::string option = (value == "false" ? "--no-" : "--") + field.option();
    std::istringstream words(value);  // of a list one a line
    for (std::string word; field.kind != Field::Kind::switch_ && std::getline(words, word);)
      option += " " + data::shell_word(data::printable(word));
    options.push_back(std::move(option));
  }
  return options;
}

}  // namespace primer::train
