#include <memory>
#include <optional>

#include "program/commands.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "studies/all.h"
#include "studies/lab/report.h"
#include "train/step/interruption.h"

namespace primer::program {

using namespace train;

namespace {

struct StudyOptions {
  std::optional<std::string> name;
  studies::LabOptions lab;
  long threads = 0;
  bool json = false;
};

/// The studies by theme, each with what it shows.
std::string list() {
  std::string text, theme;
  std::size_t width = 0;
  for (const studies::Study* study : studies::all_studies()) width = std::max(width, std::string(study->name).size());
  for (const studies::Study* study : studies::all_studies()) {
    if (theme != study->theme) text += (theme.empty() ? "" : "\n") + std::string(study->theme) + "\n";
    theme = study->theme;
    std::string line = "  " + std::string(study->name);
    line.resize(width + 4, ' ');
    std::string minutes = studies::short_number(study->minutes);
    minutes.insert(0, std::max<std::size_t>(minutes.size(), 4) - minutes.size(), ' ');
    text += line + minutes + " min  " + study->question + "\n";
  }
  return text + "\nprimer study NAME runs one, primer study all every one that is not finished\n";
}

void run_study(StudyOptions& options) {
  if (!options.name) {
    put(list());
    return;
  }
  use_threads(options.threads);
  options.lab.style = Progress::style_for(false);
  const std::string& name = *options.name;
  const bool all = name == "all";
  const studies::Study* const study = all ? nullptr : &studies::study_named(name);
  if (all && options.json)
    throw autograd::Error(autograd::Fault::usage, "--json is of one study; each folder has its figures.json");
  if (study && !options.lab.text.empty() && !study->reads_text) {
    throw autograd::Error(autograd::Fault::usage, "--text is of studies about a text; " + name + " reads none");
  }
  if (options.lab.folder.empty()) options.lab.folder = studies::folder_of(study, options.lab.quick);
  options.lab.version = version();
  Signals signals;
  try {
    if (all) {
      if (!studies::run_all(options.lab, signals, [](const std::string& text) { put(text); })) throw Different{};
      return;
    }
    const studies::Report report = studies::run_study(*study, options.lab, signals, [&](const studies::Report& found) {
      put(options.json ? studies::json_of(found) + "\n" : studies::table_of(found));
    });
    if (!report.holds()) throw Different{};
  } catch (const studies::StudyStopped& stopped) {
    const std::string again = studies::command_of(study, options.lab);
    say(all ? "stopped; to go on with the studies that are left: " + again + "\n"
            : "stopped; a study begins anew: " + again + " --force\n");
    throw Stopped{stopped.signal};
  }
}

}  // namespace

void add_study(CLI::App& root) {
  const auto options = std::make_shared<StudyOptions>();
  CLI::App* const study =
      add_command(root, "study", "experiments whose right answers can be computed",
                  "Examples:\n"
                  "  primer study                 lists them, by theme\n"
                  "  primer study gap             figures, and pass or FAIL (exit code 1); a page with pictures\n"
                  "  primer study gap --quick     only whether everything works\n"
                  "  primer study bigram --text book.txt --seeds 3\n"
                  "  primer study all             each of them, but for those that are finished");
  CLI::Option* const name = study->add_option("NAME", options->name, "a study, or all");
  study
      ->add_option("-o", options->lab.folder,
                   "a new folder for report.html, figures.json, pictures and runs [runs/studies/NAME, quick: "
                   "runs/studies-quick/NAME]; of all studies "
                   "the folder of their folders [runs/studies]")
      ->type_name("FOLDER")
      ->check([](const std::string& folder) { return folder.empty() ? "expected a new folder" : ""; });
  add_integer(*study, "--seeds", options->lab.seeds, 1, 100, "trainings of each model");
  study->add_option("--text", options->lab.text, "of studies about a text: another one than docs/data/novel.txt")
      ->type_name("FILE")
      ->check([](const std::string& file) { return file.empty() ? "expected a file" : ""; });
  study->add_flag("--quick", options->lab.quick, "a few steps of everything; claims nothing");
  study->add_flag("--force", options->lab.force, "move an existing folder aside; nothing is deleted");
  study->add_flag("--json", options->json, "one JSON object, that of figures.json");
  add_threads_option(*study, options->threads);
  for (CLI::Option* const option : study->get_options()) {
    if (option != name && option != study->get_help_ptr()) option->needs(name);
  }
  study->callback([options] { run_study(*options); });
}

}  // namespace primer::program
