#include "train/checkpoints/recipe.h"

#include <algorithm>

#include "data/bytes/utf8.h"
#include "data/text/parallel.h"
#include "data/text/sides.h"
#include "train/checkpoints/loaded_run.h"

namespace primer::train {

void Recipe::begin_with(const std::string& run, Choice choice, std::vector<std::string>& warnings) {
  from = choose_checkpoint(CheckpointStore(find_run(run).checkpoints()), choice, warnings);
  wishes = inherit_model(wishes, from->config, data::printable(run));
}

// The vocabulary that the training begins with, and what it lacks of the text.
static std::shared_ptr<const data::Tokenizer> extended(const Recipe& recipe, const Draft& draft) {
  const auto larger = !recipe.from ? nullptr
                                   : recipe.from->tokenizer->with(recipe.wishes.objective->translates()
                                                                      ? data::alphabet_of_sides(draft.sources)
                                                                      : draft.facts.alphabet);
  if (larger) return larger;
  throw autograd::Error(
      autograd::Fault::usage,
      recipe.from ? "--extend-vocabulary is for a vocabulary of characters that all texts have in common; leave it out"
                  : "--extend-vocabulary goes with --init-from, whose vocabulary it adds symbols to");
}

Draft draft(const Recipe& recipe, NewRun& run, const std::function<void(const Config&, const data::Sources&)>& found) {
  check_choices(recipe.wishes, recipe.from.has_value());
  const std::vector<std::string>& own = recipe.wishes.validation;
  const auto stdin_given = std::ranges::count(recipe.texts, "-") + std::ranges::count(own, "-");
  if (stdin_given > 1) {
    throw autograd::Error(autograd::Fault::usage, "standard input (-) is given twice; it can be read once");
  }
  const bool joins = !recipe.parallel.empty();
  if (joins && (!recipe.wishes.objective->translates() || recipe.parallel.size() != 2 || !recipe.texts.empty())) {
    throw autograd::Error(autograd::Fault::usage,
                          "--parallel SOURCE TARGET is the text of --objective translate: " +
                              (recipe.texts.empty() ? "take that objective, or leave out --parallel"
                                                    : "leave out '" + data::printable(recipe.texts.front()) + "'"));
  }
  for (const std::string& path : recipe.parallel) {
    if (path != "-" && data::kind_of(path, true) != data::FileKind::pipe) continue;
    throw autograd::Error(autograd::Fault::usage,
                          "--parallel reads two files, and '" + data::printable(path) +
                              "' is none; source<TAB>target lines can come from standard input, as TEXT");
  }
  if (joins && !recipe.wishes.field.empty()) {
    throw autograd::Error(autograd::Fault::usage,
                          "--field reads CSV, TSV and JSON lines, and --parallel plain ones: leave out one");
  }
  const std::string spool = stdin_given > 0 || joins ? run.staging().spool() : std::string();
  const std::string& encoding = recipe.wishes.encoding;
  Draft draft;
  draft.from = recipe.from;
  if (joins) draft.sources.files = {data::join_parallel(recipe.parallel[0], recipe.parallel[1], spool, encoding)};
  else draft.sources = data::collect_sources(recipe.texts, spool, data::longest_spool, encoding);
  if (!own.empty()) {
    const std::string own_spool = joins ? std::string() : spool;
    data::hold_back(draft.sources, data::collect_sources(own, own_spool, data::longest_spool, encoding));
  }
  draft.sources.fields = text_fields(recipe.wishes);
  draft.facts = data::survey(draft.sources);
  Config wishes = recipe.wishes;
  choose_division(wishes, draft.sources);
  if (!recipe.from) choose_tokenizer(wishes, draft.facts);
  if (found) found(wishes, draft.sources);
  const auto tokenizer = recipe.extend_vocabulary ? extended(recipe, draft)
                         : recipe.from            ? recipe.from->tokenizer
                                                  : make_tokenizer(wishes, draft.sources, draft.facts);
  std::function<std::string()> place;
  if (!recipe.only_plan) place = [&run] { return run.staging().tokens(); };
  draft.plan = make_plan(wishes, draft.facts, read_text(wishes, draft.sources, draft.facts, tokenizer, place));
  const int more = recipe.from ? tokenizer->vocabulary_size() - recipe.from->tokenizer->vocabulary_size() : 0;
  if (more > 0)
    draft.plan.notes.push_back(std::to_string(more) + (more == 1 ? " symbol is" : " symbols are") +
                               " added to the vocabulary");
  return draft;
}

void prepare(Draft& draft, NewRun& run) {
  prepare_run(run.staging(), draft.plan, draft.sources, draft.facts, draft.from ? &*draft.from : nullptr);
}

TimeLimit limit_of(const Plan& plan) { return {plan.timed ? 60 * plan.config.minutes : 0, plan.config.steps}; }

OpenRun open_new(NewRun& run, std::string* moved_to) { return open_run(run.publish(moved_to), Config{}); }

TrainingResult train_new(const Recipe& recipe, const std::string& directory, Progress::Style style,
                         Interruption& interruption) {
  NewRun made(directory, false);
  Draft planned = draft(recipe, made);
  const TimeLimit limit = limit_of(planned.plan);
  prepare(planned, made);
  OpenRun run = open_new(made);
  Progress progress(style, run.checkpoint.config.steps);
  return train_run(run, progress, interruption, limit);
}

TrainingResult train_more(const std::string& directory, const Config& wishes, Progress::Style style,
                          Interruption& interruption) {
  const RunPaths paths = find_run(directory);
  const RunLock lock(paths.lock());
  OpenRun run = open_run(paths, wishes);
  if (wishes.minutes > 0) extend_by_minutes(run, wishes.minutes);
  Progress progress(style, run.checkpoint.config.steps);
  for (const std::string& note : run.notes) progress.note("note   " + note);
  return train_run(run, progress, interruption, {60 * wishes.minutes});
}

}  // namespace primer::train
