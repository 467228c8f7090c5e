#include <algorithm>
#include <cstdio>
#include <memory>

#include "program/commands.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/step/json_line.h"
#include "train/use/reader.h"

namespace primer::program {

using namespace train;

namespace {

struct ClassifyOptions : RunChoice {
  std::string text;
  bool json = false;
};

struct Label {
  std::size_t number = 0;
  double probability = 0;
};

void run_classify(const ClassifyOptions& options) {
  const auto run = options.open();
  Reader reader(*run);
  const std::size_t classes = run->labels.size();
  if (classes == 0) (void)reader.classify({});  // says why it cannot
  std::string objects;
  each_line_of(options.text, reader, "label", [&](std::vector<std::vector<int>> ids, const auto& lines) {
    std::vector<Label> found(lines.size());
    by_length(std::move(ids), [&](std::span<const std::size_t> places, std::span<const std::vector<int>> batch) {
      const std::vector<double> p = reader.classify(batch);  // [lines, K]
      for (std::size_t i = 0; i < places.size(); ++i) {
        const auto first = p.begin() + static_cast<std::ptrdiff_t>(i * classes);
        const auto best = std::max_element(first, first + static_cast<std::ptrdiff_t>(classes));
        found[places[i]] = {static_cast<std::size_t>(best - first), *best};
      }
    });
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
    return out.empty() || put(out);
  });
  if (options.json) put("{\"lines\":[" + objects + "]}\n");
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
  options->add_to(*command, "a run trained with --objective classify");
  command->add_option("TEXT", options->text, "a file, a folder or -; each line gets a label")->required();
  command->add_flag("--json", options->json, "one JSON object: lines, each with label, probability and text");
  command->callback([options] { run_classify(*options); });
}

}  // namespace primer::program
