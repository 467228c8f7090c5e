#include <iostream>
#include <memory>

#include "autograd/error.h"
#include "data/text.h"
#include "data/utf8.h"
#include "train/program/commands.h"
#include "train/program/config_options.h"
#include "train/program/help.h"
#include "train/program/output.h"
#include "train/run/plan.h"
#include "train/run/progress.h"
#include "train/run/run_directory.h"
#include "train/run/training.h"

namespace primer::train {

namespace {

struct TrainOptions {
  ConfigOptions config;
  std::vector<std::string> texts;
  std::string run;
  const CLI::Option* run_option = nullptr;  // tells an empty name from none
  bool force = false, quiet = false, dry_run = false, json = false;
};

void report_text(const data::Sources& sources, const data::TextFacts& facts) {
  if (sources.files.size() + sources.skipped.size() > 1) say("files  " + sources.summary() + "\n");
  std::string found;
  if (facts.stray_bytes > 0) found += ", " + std::to_string(facts.stray_bytes) + " bytes that are not UTF-8";
  if (facts.byte_order_mark) found += ", a byte order mark";
  if (facts.carriage_returns) found += ", CR LF line ends";
  if (!found.empty()) say("note   the text has " + found.substr(2) + "; they are kept as they are\n");
  if (facts.control_bytes * 10 > facts.bytes * 3) say("note   much of this is not text: is it the right file?\n");
}

void run_train(const TrainOptions& options) {
  if (options.json && !options.dry_run) throw autograd::Error(autograd::Fault::usage, "--json goes with --dry-run");
  const Config wishes = resolve(options.config);
  use_threads(wishes.threads);
  const std::string name = options.run_option->count() > 0 ? options.run : default_run(options.texts);
  NewRun run(name, options.force || options.dry_run);

  bool reads_stdin = false;
  for (const std::string& text : options.texts) reads_stdin = reads_stdin || text == "-";
  const std::string spool = reads_stdin ? run.staging().spool() : std::string();
  const data::Sources sources = data::collect_sources(options.texts, spool);
  const data::TextFacts facts = data::survey(sources);
  Plan plan = make_plan(wishes, facts);

  if (options.dry_run) {
    put(options.json ? plan_json(plan) + "\n" : plan_text(plan));
    return;
  }
  if (!options.quiet) {
    report_text(sources, facts);
    say(plan_text(plan));
  }
  const bool was_timed = plan.timed;
  prepare_run(run.staging(), plan, sources, facts);
  if (was_timed && !options.quiet) {
    say("speed  " + std::to_string(plan.config.steps) + " steps fit into the time\n");
  }
  std::string moved_to;
  const RunPaths paths = run.publish(&moved_to);
  if (!moved_to.empty() && !options.quiet) {
    say("note   the run that was there is now " + data::printable(moved_to) + "\n");
  }

  Progress progress(Progress::style_for(options.quiet), plan.config.steps);
  train_run(paths, plan, progress);
  if (!options.quiet) say("saved  " + data::printable(paths.model()) + "\n");
  if (plan.config.objective == "lm") {
    Excerpt excerpt;
    excerpt.tokens = 400;
    write_samples(paths.directory, excerpt);
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
      "  primer train poems.txt -o runs/deep --layers 8 --steps 5000\n"
      "  primer train input.txt --preset nanogpt-cpu    nanoGPT's setting for character-level Shakespeare\n"
      "  zcat log.gz | primer train - -o runs/log       from a pipe\n"
      "  primer train book.txt --dry-run                only say what would be done");
  command->add_option("TEXT", options->texts, "files, folders (every text file below), or - for standard input")
      ->required();
  options->run_option = command->add_option("-o", options->run, "the run, a new directory [runs/<name of the text>]")
                            ->type_name("RUN");
  command->add_flag("--force", options->force, "move an existing run aside; nothing is deleted");
  command->add_flag("-q,--quiet", options->quiet, "no plan and no progress");
  command->add_flag("--dry-run", options->dry_run, "print the plan and stop");
  command->add_flag("--json", options->json, "with --dry-run: the plan as one JSON object");
  add_config_options(*command, options->config);
  command->callback([options] { run_train(*options); });
}

}  // namespace primer::train
