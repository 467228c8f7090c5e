#include <memory>

#include "program/commands.h"
#include "program/help.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "studies/gap_report.h"
#include "studies/gap_study.h"
#include "train/step/interruption.h"

namespace primer::program {

using namespace train;

namespace {

struct StudyOptions {
  studies::GapOptions gap{.folder = "runs/study-gap"};
  long threads = 0;
  bool json = false;
};

void run_gap(StudyOptions& options) {
  use_threads(options.threads);
  options.gap.style = Progress::style_for(false);
  Signals signals;
  studies::GapFigures figures;
  try {
    figures = studies::run_gap_study(options.gap, signals);
  } catch (const studies::StudyStopped& stopped) {
    say("stopped; a study begins anew: primer study gap --force\n");
    throw Stopped{stopped.signal};
  }
  put(options.json ? studies::gap_json(figures) + "\n" : studies::gap_table(figures));
  if (!figures.quick && !studies::failed_claims(figures).empty()) throw Different{};
}

}  // namespace

void add_study(CLI::App& root) {
  const auto options = std::make_shared<StudyOptions>();
  CLI::App* const command =
      add_command(root, "study", "experiments whose right answers can be computed",
                  "Examples:\n"
                  "  primer study gap             what pretraining is worth, in two to three minutes");
  CLI::App* const gap = add_command(*command, "gap", "pretraining on plain text and few labels, against from scratch",
                                    "Examples:\n"
                                    "  primer study gap             figures, and pass or FAIL (exit code 1)\n"
                                    "  primer study gap --quick     only whether everything works\n"
                                    "  primer study gap --seeds 10 -o runs/gap-10 --json");
  gap->add_option("-o", options->gap.folder, "a new folder for texts, runs, figures.json, gap.svg [runs/study-gap]")
      ->type_name("FOLDER");
  add_integer(*gap, "--seeds", options->gap.seeds, studies::GapClaims::seeds, 100, "trainings on labels, of each kind");
  gap->add_flag("--quick", options->gap.quick, "a few steps of everything; claims nothing");
  gap->add_flag("--force", options->gap.force, "move an existing folder aside; nothing is deleted");
  gap->add_flag("--json", options->json, "one JSON object, that of figures.json");
  add_threads_option(*gap, options->threads);
  gap->callback([options] { run_gap(*options); });
}

}  // namespace primer::program
