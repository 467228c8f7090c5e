#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "autograd/error.h"
#include "data/bytes/shell_word.h"
#include "data/bytes/utf8.h"
#include "data/examples/token_file.h"
#include "data/text/text.h"
#include "program/commands.h"
#include "program/config_options.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/checkpoints/loaded_run.h"
#include "train/checkpoints/recipe.h"
#include "train/checkpoints/run_directory.h"
#include "train/checkpoints/training.h"
#include "train/plan/memory.h"
#include "train/plan/plan.h"
#include "train/step/machine.h"
#include "train/step/progress.h"

namespace primer::program {

using namespace train;

namespace {

struct TrainOptions {
  ConfigOptions config;
  std::vector<std::string> texts, parallel;
  std::string run, init_from, checkpoint = "best";
  const CLI::Option* run_option = nullptr;  // tells an empty name from none
  const CLI::Option* checkpoint_option = nullptr;
  bool extend_vocabulary = false;
  bool resume = false, force = false, quiet = false, dry_run = false, json = false;
};

void report_text(const data::Sources& sources, const data::TextFacts& facts, bool is_stream) {
  if (sources.files.size() + sources.skipped.size() > 1) say_lines("files  " + sources.summary() + "\n");
  std::map<std::string, long> encodings;
  for (const data::Source& source : sources.files)
    if (!source.encoding.empty()) ++encodings[source.encoding];
  for (const auto& [encoding, files] : encodings)
    say_lines("note   " + std::to_string(files) + (files == 1 ? " file is " : " files are ") + encoding +
              ", read as UTF-8\n");
  std::string found;
  if (facts.stray_bytes > 0)
    found += ", " + std::to_string(facts.stray_bytes) + (facts.stray_bytes == 1 ? " byte that is" : " bytes that are") +
             " not UTF-8";
  if (facts.byte_order_mark && is_stream) found += ", a byte order mark";
  if (facts.carriage_returns && is_stream) found += ", CR LF line ends";
  if (!found.empty()) say_lines("note   the text has " + found.substr(2) + ": kept as it stands\n");
  if (facts.control_bytes * 10 > facts.bytes * 3) say_lines("note   much of this is not text: is it the right file?\n");
}

void report_machine(const Config& config) {
  const autograd::Products products = products_of(config);
  say_lines("using  " + machine_text(products) + "\n");
  for (const std::string& cause : slowed_by(products)) say_lines("note   " + cause + "\n");
}

// Trains an open run to its end or to a signal; a run that has ended is only sampled from.
void go_on(OpenRun& run, Signals& signals, bool quiet, const TimeLimit& limit) {
  for (const std::string& note : run.notes) say_lines("note   " + note + "\n");
  const std::string name = data::printable(run.paths.directory);
  if (run.is_finished()) {
    const std::string at = std::to_string(run.checkpoint.state.trainer.step);
    if (!quiet) say(name + " has ended at step " + at + "; more --steps would go on with it\n");
    return;
  }
  TrainingResult result;
  {
    Progress progress(Progress::style_for(quiet), run.checkpoint.config.steps);
    result = train_run(run, progress, signals, limit);
  }
  if (result.signal != 0) {
    say("stopped at step " + std::to_string(result.step) + ", saved; to go on: primer train --resume -o " +
        data::shell_word(run.paths.directory) + "\n");
    throw Stopped{result.signal};
  }
  if (quiet) return;
  const bool has_best = result.best_step >= 0 && result.best_step != result.step;
  say("saved  " + name + ", step " + std::to_string(result.step) +
      (has_best ? ", and step " + std::to_string(result.best_step) + ", the best" : "") + "\n");
  if (!has_best || result.stopped_early || result.val_loss <= 1.005 * result.best_val_loss) return;
  char losses[96];
  std::snprintf(losses, sizeof losses, ", %.4f, and has risen to %.4f since", result.best_val_loss, result.val_loss);
  const bool was_never_better = result.best_step == 0;
  say_lines("note   the validation loss was lowest " +
            (was_never_better ? "before the first step" : "at step " + std::to_string(result.best_step)) + losses +
            (was_never_better ? "; try a smaller --lr\n" : ": what was learned later is of the training part alone\n"));
}

// The training is over: a signal that came after its last step leaves only the excerpt out, one that comes now ends it.
void show_excerpt(const OpenRun& run, Signals& signals) {
  if (const int signal = signals.stop_or_never(); signal != 0) throw Stopped{signal};
  if (!run.checkpoint.config.objective->writes()) return;
  Excerpt excerpt;
  excerpt.tokens = 400;
  const auto loaded = load_run(run.paths.directory);
  warn(loaded->warnings);
  write_samples(*loaded, excerpt);
}

void refuse_beyond_memory(const OpenRun& run) {
  const Config& config = run.checkpoint.config;
  StepMeter meter(config,
                  model_config(config, *run.checkpoint.tokenizer, static_cast<long>(run.checkpoint.labels.size())));
  try {
    train::refuse_beyond_memory(config, meter, available_memory());
  } catch (const autograd::Error& error) {
    throw autograd::Error(error.fault(), std::string(error.what()) +
                                             "; a run keeps the one it has, a new run by "
                                             "--init-from may have another");
  }
}

void resume(const TrainOptions& options) {
  const bool is_run = options.texts.size() == 1 && options.run_option->count() == 0 &&
                      data::kind_of(options.texts.front() + "/checkpoints", true) == data::FileKind::folder;
  if (is_run) {
    throw autograd::Error(autograd::Fault::usage, "a run to go on with is named by -o: primer train --resume -o " +
                                                      data::shell_word(data::printable(options.texts.front())));
  }
  const std::string foreign = options.force                ? "--force"
                              : options.dry_run            ? "--dry-run"
                              : !options.init_from.empty() ? "--init-from"
                              : options.extend_vocabulary  ? "--extend-vocabulary"
                              : !options.parallel.empty()  ? "--parallel"
                              : !options.texts.empty()     ? data::printable(options.texts.front())
                                                           : "";
  if (!foreign.empty()) {
    throw autograd::Error(autograd::Fault::usage,
                          "--resume goes on with a run's own text and weights: it goes with -o "
                          "RUN and more --steps, not with " +
                              foreign);
  }
  if (options.run_option->count() == 0) {
    throw autograd::Error(autograd::Fault::usage, "--resume needs -o RUN: which run to go on with");
  }
  const Config wishes = resolve(options.config);
  std::optional<Choice> back;
  if (options.checkpoint_option->count() > 0) back = parse_choice(options.checkpoint);
  const RunPaths paths = find_run(options.run);
  const RunLock lock(paths.lock());
  Signals signals;
  OpenRun run = open_run(paths, wishes, back);
  use_threads(run.checkpoint.config.threads);
  if (!run.is_finished() || wishes.minutes > 0) {
    refuse_beyond_memory(run);
    if (!options.quiet) report_machine(run.checkpoint.config);
  }
  if (wishes.minutes > 0) {
    const long steps = extend_by_minutes(run, wishes.minutes);
    if (!options.quiet) say_lines("speed  " + std::to_string(steps) + " steps more fit into the time\n");
  }
  go_on(run, signals, options.quiet, {60 * wishes.minutes});
  show_excerpt(run, signals);
}

void begin(const TrainOptions& options) {
  if (options.texts.empty() && options.parallel.empty()) {
    throw autograd::Error(autograd::Fault::usage, "TEXT is missing: a file, a folder, or - for standard input");
  }
  if (options.checkpoint_option->count() > 0 && options.init_from.empty()) {
    throw autograd::Error(autograd::Fault::usage, "--checkpoint goes with --init-from, or with --resume");
  }
  Recipe recipe{options.texts,   resolve(options.config), {},
                options.dry_run, options.parallel,        options.extend_vocabulary};
  if (!options.init_from.empty()) {
    std::vector<std::string> warnings;
    recipe.begin_with(options.init_from, parse_choice(options.checkpoint), warnings);
    warn(warnings);
  }
  check_choices(recipe.wishes, recipe.from.has_value());
  use_threads(recipe.wishes.threads);
  const std::string name = options.run_option->count() > 0
                               ? options.run
                               : default_run(options.parallel.empty() ? options.texts : options.parallel);
  NewRun new_run(name, options.force || options.dry_run);
  if (!options.dry_run) new_run.refuse_busy();

  Draft planned = draft(recipe, new_run, [&](const Config& wishes, const data::Sources& sources) {
    // What nobody asked for is told by the plan, unless it takes a while.
    const bool is_soon = fitted(wishes, &Config::tokenizer) && !parts_sides(wishes) && sources.bytes() < (8u << 20);
    if (recipe.from || options.quiet || is_soon) return;
    const bool apart = parts_sides(wishes);
    if (apart) say_learning(wishes.source_tokenizer, sources, " of sources");
    say_learning(target_tokenizer(wishes), sources, apart ? " of targets" : "");
  });
  const Plan& plan = planned.plan;
  const bool is_stream =
      plan.config.field.empty() && plan.config.objective->form(plan.config) == data::TextForm::stream;
  if (!options.quiet) report_text(planned.sources, planned.facts, is_stream);
  if (options.dry_run) {
    put(options.json ? plan_json(plan) + "\n" : wrapped(plan_text(plan), terminal_columns(STDOUT_FILENO)));
    return;
  }
  if (!options.quiet) {
    say_lines(plan_text(plan));
    report_machine(plan.config);
  }
  const bool was_timed = plan.timed;
  const TimeLimit limit = limit_of(plan);
  prepare(planned, new_run);
  if (was_timed && !options.quiet) {
    char epochs[64];
    std::snprintf(epochs, sizeof epochs, ", %.3g epochs",
                  static_cast<double>(plan.config.steps) / plan.steps_per_epoch);
    say_lines("speed  " + std::to_string(plan.config.steps) + " steps fit into the time" + epochs + "\n");
  }
  Signals signals;
  std::string moved_to;
  OpenRun run = open_new(new_run, &moved_to);
  if (!moved_to.empty() && !options.quiet) {
    say_lines("note   the run that was there is now " + data::printable(moved_to) + "\n");
  }
  go_on(run, signals, options.quiet, limit);
  show_excerpt(run, signals);
}

void run_train(const TrainOptions& options) {
  if (options.json && !options.dry_run) throw autograd::Error(autograd::Fault::usage, "--json goes with --dry-run");
  if (options.resume) {
    resume(options);
  } else {
    begin(options);
  }
}

}  // namespace

void add_train(CLI::App& root) {
  const auto options = std::make_shared<TrainOptions>();
  CLI::App* const command = add_command(
      root, "train", "train a model on a text",
      "Examples:\n"
      "  primer train book.txt                          a model that fits the text, in runs/book\n"
      "  primer train . --minutes 5                     every text file of a folder, for five minutes\n"
      "  primer train book.txt --validation other.txt   a text of your own to validate with\n"
      "  primer train poems.txt -o runs/deep --layers 8 --steps 5000\n"
      "  primer train book.txt --tokenizer bpe:2000     tokens are pieces of words, learned from the text\n"
      "  primer train input.txt --preset nanogpt-cpu    nanoGPT's setting for character-level Shakespeare\n"
      "  primer train chats.csv --field text            CSV, TSV or JSON lines, of which this column is read\n"
      "  zcat log.gz | primer train - -o runs/log       from a pipe\n"
      "  primer train --resume -o runs/book             go on where it stopped, after Ctrl-C or a power cut\n"
      "  primer train --resume -o runs/book --steps 9000   in all, or --epochs; or --minutes from here\n"
      "  primer train --resume -o runs/book --checkpoint 2000   go back to that step first\n"
      "  primer train pairs.tsv --objective translate   source<TAB>target lines make a translator\n"
      "  primer train letters.txt --init-from runs/book --lr 1e-4\n"
      "  primer train book.txt --dry-run                only say what would be done");
  command->add_option("TEXT", options->texts, "files, folders (every text file below), or - for standard input");
  command
      ->add_option("--parallel", options->parallel,
                   "translate: instead of TEXT two files, of sources and of targets, line by line")
      ->type_name("SOURCE TARGET")
      ->expected(2);
  options->run_option =
      command->add_option("-o", options->run, "the run, a new directory [runs/<name of the text>]")->type_name("RUN");
  command->add_flag("--resume", options->resume, "go on with the run of -o, exactly where it stopped");
  command->add_option("--init-from", options->init_from, "begin with the weights and tokenizer of another run")
      ->type_name("RUN");
  command->add_flag("--extend-vocabulary", options->extend_vocabulary,
                    "with --init-from a model of characters: symbols that only the text has get tokens of their own");
  options->checkpoint_option =
      add_checkpoint_option(*command, options->checkpoint)
          ->description(
              "of the run of --init-from: best (lowest validation loss), last, or a step [best]; with --resume "
              "go back to it first");
  command->add_flag("--force", options->force, "move an existing run aside; nothing is deleted");
  command->add_flag("-q,--quiet", options->quiet, "no plan and no progress");
  command->add_flag("--dry-run", options->dry_run, "print the plan and stop");
  command->add_flag("--json", options->json, "with --dry-run: the plan as one JSON object");
  add_config_options(*command, options->config);
  command->callback([options] { run_train(*options); });
}

}  // namespace primer::program
