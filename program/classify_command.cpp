#include <algorithm>
#include <cstdio>
#include <memory>

#include "data/bytes/scratch_folder.h"
#include "data/text/lines.h"
#include "program/commands.h"
#include "program/help.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/step/json_line.h"
#include "train/use/reader.h"

namespace primer::program {

using namespace train;

namespace {

struct ClassifyOptions {
  std::string run, text, checkpoint = "best";
  long threads = 0;
  bool json = false;
};

struct Label {
  std::size_t number = 0;
  double probability = 0;
};

void run_classify(const ClassifyOptions& options) {
  use_threads(options.threads);
  const auto run = load_run(options.run, parse_choice(options.checkpoint));
  warn(run->warnings);
  Reader reader(*run);
  const std::size_t classes = run->labels.size();
  std::vector<std::string> lines;
  std::vector<std::vector<int>> texts;
  std::string objects;
  long cut = 0;
  bool is_read = true;
  const auto tell = [&] {
    std::vector<Label> found(texts.size());
    by_length(std::move(texts), [&](std::span<const std::size_t> places, std::span<const std::vector<int>> batch) {
      const std::vector<double> p = reader.classify(batch);  // [lines, K]
      for (std::size_t i = 0; i < places.size(); ++i) {
        const auto first = p.begin() + static_cast<std::ptrdiff_t>(i * classes);
        const auto best = std::max_element(first, first + static_cast<std::ptrdiff_t>(classes));
        found[places[i]] = {static_cast<std::size_t>(best - first), *best};
      }
    });
    texts.clear();
    std::string out;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const std::string& label = run->labels[found[i].number];
      if (options.json) {
        JsonLine line;
        line.add_text("label", label).add("probability", found[i].probability).add_text("text", lines[i]);
        objects += (objects.empty() ? "" : ",") + line.text();
        continue;
      }
      char share[32];
      std::snprintf(share, sizeof share, "\t%.4f\t", found[i].probability);
      out += label + share + lines[i] + "\n";
    }
    lines.clear();
    if (!out.empty()) is_read = is_read && put(out);
  };
  if (classes == 0) (void)reader.classify({});  // says why it cannot
  const data::ScratchFolder scratch("classify");
  for (const data::Source& source : data::collect_sources({options.text}, scratch.path() + "/text").files) {
    data::each_line(source, [&](std::string_view line, const data::LineCutter& cutter) {
      if (!is_read) return;
      if (line.empty()) cutter.refuse("it is empty, and has no label");
      bool is_cut = false;
      texts.push_back(reader.ids(line, false, &is_cut));
      lines.emplace_back(line);
      cut += is_cut;
      if (texts.size() == 1024) tell();
    });
  }
  tell();
  if (options.json) put("{\"lines\":[" + objects + "]}\n");
  if (cut > 0) {
    say("note   " + std::to_string(cut) + (cut == 1 ? " line was" : " lines were") +
        " longer than the context and lost the end\n");
  }
}

}  // namespace

void add_classify(CLI::App& root) {
  const auto options = std::make_shared<ClassifyOptions>();
  CLI::App* const command =
      add_command(root, "classify", "label the lines of a text",
                  "Examples:\n"
                  "  primer train reviews.tsv --objective classify --init-from runs/gaps -o runs/mood\n"
                  "  primer classify runs/mood new.txt            label, probability, line\n"
                  "  echo \"what a day\" | primer classify runs/mood -");
  command->add_option("RUN", options->run, "a run trained with --objective classify")->required();
  command->add_option("TEXT", options->text, "a file, a folder or -; each line gets a label")->required();
  add_checkpoint_option(*command, options->checkpoint);
  add_integer(*command, "--threads", options->threads, 0, 4096, "processor threads; 0: all");
  command->add_flag("--json", options->json, "one JSON object: lines, each with label, probability and text");
  command->callback([options] { run_classify(*options); });
}

}  // namespace primer::program
