#include <chrono>
#include <memory>
#include <optional>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/scratch_folder.h"
#include "program/commands.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/circuits/circuits.h"
#include "train/step/progress.h"

namespace primer::program {

using namespace train;

namespace {

struct CircuitsOptions : RunChoice {
  std::optional<std::string> text;
  std::vector<std::string> files;
  std::string encoding;
  PagePlace page{"circuits.html"};
  bool json = false;
};

/// Says what is read, and every ten seconds how far it has come.
class Said {
 public:
  void operator()(const Circuits& circuits, long layers) {
    const std::size_t heads = circuits.heads.size();
    const auto now = std::chrono::steady_clock::now();
    if (layers == 0) {
      say("heads  " + std::to_string(heads) + ", each switched off on " + std::to_string(circuits.targets) + " " +
          circuits.unit + (circuits.targets == 1 ? "" : "s") + " in " + std::to_string(circuits.windows) +
          (circuits.windows == 1 ? " window" : " windows") + " of the text\n");
    } else if (now - last_ > std::chrono::seconds(10)) {
      say("heads  of " + std::to_string(layers) + " of " + std::to_string(circuits.shape.layers) +
          " layers were switched off\n");
    } else {
      return;
    }
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_;
};

/// The part of a run's own text that it was not trained on, if there is one.
const data::TokenSequence& own_text(const data::TokenFile& file) {
  if (file.validation_size() > 0) return file.validation();
  warn({"nothing of the run's text was kept for validation; its training text is read"});
  return file.train();
}

Circuits circuits_of(const LoadedRun& run, const CircuitsOptions& options) {
  if (!options.text && options.files.empty()) {
    const auto file = open_tokens(run, run.paths.tokens());
    return read_circuits(run, own_text(*file), Said());
  }
  expect_circuits(run);
  std::optional<TokensOfTexts> tokens;
  if (options.text) {
    const data::ScratchFolder folder("circuits");
    const std::string path = folder.path() + "/TEXT";
    data::write_file_atomically(path, *options.text);
    tokens.emplace(run, std::vector{path}, std::string(data::as_bytes));
  } else {
    tokens.emplace(run, options.files, options.encoding);
  }
  return read_circuits(run, tokens->file().train(), Said());
}

void run_circuits(const CircuitsOptions& options) {
  if (!options.json) options.page.check();
  if (options.text && options.text->empty()) {
    throw autograd::Error(autograd::Fault::input, "the text is empty; give one with something in it");
  }
  const auto run = options.open();
  const Circuits circuits = circuits_of(*run, options);
  if (options.json) put(circuits_json(circuits));
  else options.page.write(circuits_page(circuits));
}

}  // namespace

void add_circuits(CLI::App& root) {
  const auto options = std::make_shared<CircuitsOptions>();
  CLI::App* const command =
      add_command(root, "circuits", "show what every head does, as an HTML page",
                  "Examples:\n"
                  "  primer circuits runs/book                     on the run's validation part, in circuits.html\n"
                  "  primer circuits runs/book --text other.txt -o page.html\n"
                  "  primer circuits runs/book --json | jq -c '.heads[] | [.layer, .head, .names]'");
  options->add_to(*command);
  CLI::Option* const text = command->add_option(
      "TEXT", options->text, "a text itself, on which heads are read too; without it, the run's validation part");
  command->add_option("--text", options->files, "such texts as files, folders or -")
      ->type_name("FILE...")
      ->excludes(text);
  add_encoding_option(*command, options->encoding)->excludes(text);
  CLI::Option* const out = options->page.add_to(*command);
  command->add_flag("--json", options->json, "one JSON object of all figures on standard output, instead of a page")
      ->excludes(out);
  command->callback([options] { run_circuits(*options); });
}

}  // namespace primer::program
