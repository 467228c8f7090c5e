#include "train/checkpoints/prepare.h"

#include <omp.h>

#include <algorithm>
#include <string>
#include <vector>

#include "data/bytes/file.h"
#include "data/examples/encoded_text.h"
#include "data/examples/token_file.h"
#include "train/checkpoints/model_file.h"
#include "train/step/machine.h"
#include "train/step/stopwatch.h"
#include "train/step/trainer.h"
#include "train/tasks/numbers.h"

namespace primer::train {

namespace {

// Trains a throw-away model with the plan's configuration and measures it.
void measure(Plan& plan, const data::TokenFile& tokens) {
  Trainer<float> trainer(plan.config, *plan.tokenizer, tokens.train(), 0, static_cast<long>(plan.labels.size()));
  for (int i = 0; i < 2; ++i) trainer.step();  // memory is touched for the first time
  Stopwatch steps;
  long count = 0;
  // A short run is timed for a tenth of its time at most.
  const double enough = std::min(2.0, plan.config.minutes * 60 / 10);
  do {
    trainer.step();
    ++count;
  } while (steps.seconds() < enough && count < 1000);
  const double per_step = steps.seconds() / static_cast<double>(count);

  double per_batch = 0;
  long batches = 0;  // of an evaluation
  if (plan.validates()) {
    batches = trainer.batches_of(tokens.validation());
    if (plan.config.eval_batches > 0) batches = std::min(batches, plan.config.eval_batches);
    const long sample = std::min(batches, 4L);
    Stopwatch evaluation;
    trainer.evaluate(tokens.validation(), tokens.validation_bytes(), sample);
    per_batch = evaluation.seconds() / static_cast<double>(sample);
    if (plan.config.objective->evaluates_training()) per_batch *= 2;  // as many batches of what is learned from
  }
  settle_steps(plan, per_step, per_batch, batches);
}

// The parts of a model that another task has no use for, or must learn anew.
std::vector<std::string> heads_to_change(const Config& from, const Config& to) {
  std::vector<std::string> heads;
  const bool same_labels = from.objective == to.objective && !from.objective->has_labels();
  if (from.objective != to.objective) heads.push_back("masked.");
  if (!same_labels || from.next_sentence != to.next_sentence) heads.push_back(std::string(nn::label_head) + ".");
  if (has_pooler(from) != has_pooler(to)) heads.push_back("pooler.");
  return heads;
}

}  // namespace

void note_machine(TrainingState& state, const Config& config) {
  state.threads = omp_get_max_threads();
  state.products = products_name(products_of(config));
}

void prepare_run(const RunPaths& run, Plan& plan, const data::Sources& sources, const data::TextFacts& facts,
                 const Checkpoint* initial) {
  if (!plan.encoded) {
    const data::TextReading reading = reading_of(plan.config, *plan.tokenizer, plan.labels);
    const data::StreamSplit split = split_of(plan.config, facts);
    const bool is_spread = plan.config.split == data::Split::spread;
    data::TextFacts counted = facts;
    plan.encoded =
        std::make_shared<data::EncodedText>(run.tokens(), sources, counted, reading, is_spread ? &split : nullptr);
  }
  plan.encoded->commit(plan.config.val_fraction, static_cast<std::uint64_t>(plan.config.seed));
  plan.encoded.reset();
  data::remove_all(run.spool());
  const data::Tokenizer& tokenizer = *plan.tokenizer;
  data::write_file_atomically(run.tokenizer(), tokenizer.json());
  if (tokenizer.has_own_sources()) data::write_file_atomically(run.source_tokenizer(), tokenizer.of_sources().json());
  const data::TokenFile tokens(run.tokens());
  if (plan.validates()) TextTask{plan.config, *plan.tokenizer}.examples(tokens.validation());  // refused now or never
  if (plan.timed) measure(plan, tokens);
  data::write_file_atomically(run.config(), to_json(plan.config));

  Trainer<float> trainer(plan.config, *plan.tokenizer, tokens.train(), 0, static_cast<long>(plan.labels.size()),
                         initial ? Weights::blank : Weights::drawn);
  if (initial) {
    const std::vector<std::string> heads = heads_to_change(initial->config, plan.config);
    const MoreRows rows{initial->tokenizer->vocabulary_size(), tokenizer.vocabulary_size()};
    trainer.parameters().draw(static_cast<std::uint64_t>(plan.config.seed), [&](std::string_view path) {
      return rows.now > rows.before ||
             std::ranges::any_of(heads, [&](const std::string& head) { return path.starts_with(head); });
    });
    read_initial(*initial->model, trainer.parameters(), heads, rows);
  }
  TrainingState state;
  state.schedule_steps = plan.config.steps;
  state.tokens = fingerprint(tokens.facts());
  note_machine(state, plan.config);
  CheckpointStore store(run.checkpoints());
  save_checkpoint(store, snapshot({0, true}, trainer, state), trainer.parameters(), plan.config, *plan.tokenizer,
                  plan.labels);
}

long extend_by_minutes(OpenRun& run, double minutes) {
  Plan plan;
  plan.config = run.checkpoint.config;
  plan.config.minutes = minutes;
  plan.config.steps = static_cast<long>(field_named("steps").high);  // what it may have, before the time is known
  plan.tokenizer = run.checkpoint.tokenizer;
  plan.labels = run.checkpoint.labels;
  plan.validation_tokens = run.tokens->validation_size();
  plan.timed = true;
  measure(plan, *run.tokens);
  const long fit = plan.config.steps;
  set_steps(run, run.checkpoint.state.trainer.step + fit);
  return fit;
}

}  // namespace primer::train
