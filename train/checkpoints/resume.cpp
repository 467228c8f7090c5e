#include "train/checkpoints/resume.h"

#include <cerrno>

#include "data/bytes/utf8.h"
#include "train/plan/plan.h"
#include "train/tasks/numbers.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;
using data::printable;

namespace {

// What may differ from one part of a training to the next without changing what is computed.
bool may_change(const Field& field) {
  return field.key == "steps" || field.key == "save_every" || field.key == "keep" || field.key == "threads" ||
         field.key == "sample_every";
}

// What says how long a run trains; in a run that has begun all of it is steps.
bool is_length(const Field& field) { return field.key == "steps" || field.key == "epochs" || field.key == "minutes"; }

void copy_value(Config& to, const Config& from, const Field& field) {
  set(to, field, value_text(from, field), ChosenBy::file, field.key);
}

// config.json may have been renewed after the checkpoint: it may name more steps, or a freer choice, but no other run.
void merge_saved(Config& config, const RunPaths& run, std::vector<std::string>& notes) {
  Config saved;
  try {
    read_json(saved, data::read_file(run.config(), 1 << 20), printable(run.config()), ChosenBy::file);
  } catch (const Error& error) {
    notes.push_back(std::string(error.what()) + "; the checkpoint's copy takes its place");
    return;
  }
  for (const Field& field : fields()) {
    const std::string ours = value_text(config, field), theirs = value_text(saved, field);
    if (ours == theirs) continue;
    if (!may_change(field)) {
      throw Error(Fault::checkpoint, printable(run.config()) + " says " + std::string(field.key) + " " +
                                         printable(theirs) + ", the run was trained with " + printable(ours) +
                                         ": put it back, or start a new run with --init-from " +
                                         printable(run.directory));
    }
    if (field.key != "steps" || saved.steps > config.steps) copy_value(config, saved, field);
  }
}

void merge_wishes(Config& config, const Config& wishes) {
  std::string conflicts;
  for (const Field& field : fields()) {
    if (wishes.sources[static_cast<std::size_t>(field.index)] == ChosenBy::fitted) continue;
    const std::string ours = printable(value_text(config, field)), wish = printable(value_text(wishes, field));
    if (ours == wish || is_length(field)) continue;
    if (may_change(field)) {
      copy_value(config, wishes, field);
    } else {
      conflicts += (conflicts.empty() ? "" : ", ") + std::string("--") + field.option() + " " + wish +
                   " (the run has " + ours + ")";
    }
  }
  if (!conflicts.empty()) {
    throw Error(
        Fault::usage,
        "a run goes on as it began, so these cannot change: " + conflicts +
            "; for another model start a new run, where the shape stays from this one's weights with --init-from");
  }
}

// Better now than after hours of training. A full disk is another matter: it may have room by then.
void check_writable(const std::string& folder) {
  const int result = data::system_disk().access(folder);
  if (result < 0 && result != -ENOENT) {
    throw Error(Fault::io, printable(folder) + " cannot be written: " + data::reason(-result));
  }
}

// Removes what killed processes left of files that they were writing.
void tidy(const std::string& directory) {
  std::vector<std::string> names;
  data::system_disk().names(directory, names);
  for (const std::string& name : names) {
    if (name.starts_with(".") && name.ends_with(".tmp")) data::remove_all(directory + "/" + name);
  }
}

// A copy of a log whose later lines are to be cut off. Returns its path.
std::string copy_log(const std::string& path) {
  const std::string first = path + ".aside";
  std::string aside = first;
  for (long n = 2; data::kind_of(aside, false) != data::FileKind::missing; ++n) aside = first + "." + std::to_string(n);
  data::write_file_atomically(aside, data::read_file(path, std::uint64_t{1} << 32, Fault::io));
  return aside;
}

// The logs first: while the later checkpoints have their names, the run is as it was.
void go_back(OpenRun& open) {
  if (open.store.list().back() == open.checkpoint.id) return;
  std::vector<std::string> asides;
  for (const std::string& log : {open.paths.metrics(), open.paths.timing(), open.paths.samples()}) {
    if (data::kind_of(log, true) == data::FileKind::regular) asides.push_back(copy_log(log));
  }
  for (std::string& aside : open.store.go_back(open.checkpoint.id)) asides.push_back(std::move(aside));
  open.notes.push_back("back to step " + std::to_string(open.checkpoint.id.step) + "; what is later is kept:");
  for (const std::string& aside : asides) open.notes.push_back("  " + printable(aside));
}

// More steps, or epochs; of both the first to be reached.
void merge_length(OpenRun& open, const Config& wishes) {
  const Config& config = open.checkpoint.config;
  const auto chosen = [&](auto member) { return source_of(wishes, member) > ChosenBy::fitted; };
  long steps = 0;
  std::string wish;
  if (chosen(&Config::steps) && wishes.steps > 0) {
    steps = wishes.steps;
    wish = "--steps " + std::to_string(steps);
  }
  if (chosen(&Config::epochs) && wishes.epochs > 0) {
    std::uint64_t lines = 0;
    const bool is_stream = config.objective->form(config) == data::TextForm::stream;
    for (const data::TokenSequence* const part : {&open.tokens->train(), &open.tokens->validation()}) {
      if (part == &open.tokens->validation() && !(config.val_fraction > 0)) continue;
      if (is_stream) lines += config.separate_documents ? part->examples().size() : 0;
      else lines += data::documents_in(part->examples());  // a line is one
    }
    const long asked =
        steps_for(wishes.epochs, steps_per_epoch(config, open.tokens->length(open.tokens->train()), lines));
    if (steps == 0 || asked < steps) {
      steps = asked;
      wish = "--epochs " + number_text(wishes.epochs) + ", " + std::to_string(asked) + " steps,";
    }
  }
  if (steps > 0) extend(open, steps, wish);
}

}  // namespace

void renew_config(OpenRun& open) {
  try {
    const std::string text = to_json(open.checkpoint.config), path = open.paths.config();
    if (data::kind_of(path, true) == data::FileKind::missing || data::read_file(path, 1 << 20) != text) {
      data::write_file_atomically(path, text);
    }
  } catch (const Error& error) {
    open.notes.push_back(error.what());
  }
}

void extend(OpenRun& open, long steps, const std::string& wish) {
  const Config& config = open.checkpoint.config;
  if (steps < config.steps) {
    throw Error(Fault::usage, wish + " is fewer than the " + std::to_string(config.steps) + " of " +
                                  printable(open.paths.directory) + ": a run that goes on may only get more");
  }
  set_steps(open, steps);
}

void set_steps(OpenRun& open, long steps) {
  Config& config = open.checkpoint.config;
  if (steps == config.steps) return;
  TrainingState& state = open.checkpoint.state;
  if (steps < config.steps && state.schedule_steps == config.steps) state.schedule_steps = steps;
  config.steps = steps;
  if (state.stopped_early) {  // somebody wants more of it
    state.stopped_early = false;
    state.without_better = 0;
  }
  renew_config(open);
}

OpenRun open_run(const RunPaths& run, const Config& wishes, std::optional<Choice> back) {
  check_writable(run.checkpoints());
  tidy(run.directory);
  OpenRun open{run, CheckpointStore(run.checkpoints()), {}, {}, {}};
  CheckpointStore::Recovered recovered = open.store.recover();
  open.notes = std::move(recovered.warnings);
  open.checkpoint = back ? choose_checkpoint(open.store, *back, open.notes) : open_checkpoint(open.store, recovered.id);
  if (!open.notes.empty()) {
    open.notes.push_back("the run goes on from step " + std::to_string(open.checkpoint.id.step));
  }

  Config& config = open.checkpoint.config;
  merge_saved(config, run, open.notes);
  merge_wishes(config, wishes);
  check_sampling(config);
  open.tokens = open_tokens(open.checkpoint, run.tokens());
  try {
    open.tokens->verify();
  } catch (const Error& error) {
    throw Error(error.fault() == Fault::input ? Fault::checkpoint : error.fault(), error.what());
  }
  merge_length(open, wishes);
  if (back) go_back(open);  // now that nothing is left to refuse
  renew_config(open);
  if (open.is_finished()) {
    // It may have been killed after its last save and before this.
    std::optional<CheckpointId> best;
    if (open.checkpoint.state.best_step >= 0) best = CheckpointId{open.checkpoint.state.best_step, true};
    open.store.prune(open.checkpoint.id, best, config.keep, config.save_every);
  }
  return open;
}

}  // namespace primer::train
