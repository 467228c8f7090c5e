#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <span>
#include <string_view>

#include "data/text/labels.h"
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
  LinesText text;
  long top = 1;
  bool json = false;
};

struct Label {
  std::size_t number = 0;
  double probability = 0;
};

/// The most probable labels, of equal ones the first.
std::vector<Label> best_of(std::span<const double> p, long top) {
  std::vector<Label> labels;
  for (std::size_t k = 0; k < p.size(); ++k) labels.push_back({k, p[k]});
  const auto count = std::min(static_cast<std::size_t>(top), labels.size());
  std::ranges::partial_sort(labels, labels.begin() + static_cast<std::ptrdiff_t>(count), [](auto& a, auto& b) {
    return a.probability > b.probability || (a.probability == b.probability && a.number < b.number);
  });
  labels.resize(count);
  return labels;
}

/// Lines that begin with a label of the model and a tab are labelled already: what stands behind it is read.
class LabelledText {
 public:
  explicit LabelledText(const std::vector<std::string>& labels) {
    for (const std::string& label : labels) labels_.insert(data::without_blanks(label));
  }

  std::string_view text_of(std::string_view line) const {
    const std::size_t tab = line.find('\t');
    const bool is_labelled = tab != line.npos && labels_.contains(data::without_blanks(line.substr(0, tab)));
    return is_labelled ? line.substr(tab + 1) : line;
  }
  /// Counts a line that was given this label, where it has one.
  void count(std::string_view line, std::string_view given) {
    const std::size_t text = text_of(line).size();
    if (text == line.size()) return;
    ++lines_;
    right_ += data::without_blanks(line.substr(0, line.size() - text - 1)) == data::without_blanks(given) ? 1 : 0;
  }
  void report() const {
    if (lines_ == 0) return;
    warn({std::to_string(lines_) + (lines_ == 1 ? " line has" : " lines have") + " a label already, " +
          std::to_string(right_) + " of them the one that the model gives; primer eval RUN TEXT tells more"});
  }

 private:
  std::set<std::string, std::less<>> labels_;
  long lines_ = 0, right_ = 0;
};

std::string line_json(std::span<const Label> found, const std::vector<std::string>& names, std::string_view line) {
  JsonLine object;
  if (found.empty()) object.add_null("label");
  else object.add_text("label", names[found[0].number]).add("probability", found[0].probability);
  if (found.size() > 1) {
    std::string all;
    for (const Label& label : found) {
      JsonLine one;
      one.add_text("label", names[label.number]).add("probability", label.probability);
      all += (all.empty() ? "" : ",") + one.text();
    }
    object.add_json("labels", "[" + all + "]");
  }
  object.add_text("text", line);
  return object.text();
}

void run_classify(const ClassifyOptions& options) {
  const auto run = options.open();
  Reader reader(*run);
  const std::size_t classes = run->labels.size();
  if (classes == 0) (void)reader.classify({});  // says why it cannot
  LabelledText labelled(run->labels);
  std::string objects;
  const auto answer = [&](LinesRead read) {
    std::vector<std::vector<Label>> found(read.lines.size());
    by_length(std::move(read.ids), [&](std::span<const std::size_t> places, std::span<const std::vector<int>> batch) {
      const std::vector<double> p = reader.classify(batch);  // [lines, K]
      for (std::size_t i = 0; i < places.size(); ++i)
        found[read.places[places[i]]] = best_of(std::span(p).subspan(i * classes, classes), options.top);
    });
    std::string out;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (!found[i].empty()) labelled.count(read.lines[i], run->labels[found[i][0].number]);
      if (options.json) {
        objects += (objects.empty() ? "" : ",") + line_json(found[i], run->labels, read.lines[i]);
        continue;
      }
      char share[32];
      for (const Label& label : found[i]) {
        std::snprintf(share, sizeof share, "\t%.4f\t", label.probability);
        out += run->labels[label.number] + share;
      }
      out += read.lines[i] + "\n";
    }
    return out.empty() || put(out);
  };
  each_line_of(options.text, reader, answer, [&](std::string_view line) { return labelled.text_of(line); });
  if (options.json) put("{\"lines\":[" + objects + "]}\n");
  labelled.report();
}

}  // namespace

void add_classify(CLI::App& root) {
  const auto options = std::make_shared<ClassifyOptions>();
  CLI::App* const command =
      add_command(root, "classify", "label the lines of a text",
                  "Examples:\n"
                  "  primer train reviews.tsv --objective classify --init-from runs/gaps -o runs/mood\n"
                  "  primer classify runs/mood new.txt            label, probability, line\n"
                  "  primer classify runs/mood new.txt --top 3    the three most probable labels\n"
                  "  echo \"what a day\" | primer classify runs/mood -");
  options->add_to(*command, "a run trained with --objective classify");
  command
      ->add_option("TEXT", options->text.path,
                   "a file, a folder or -; each line gets a label, a blank one stays; of label<TAB>text the text is "
                   "read, and of CSV, TSV and JSON lines the field of a run with --field")
      ->required();
  add_encoding_option(*command, options->text.encoding);
  add_integer(*command, "--top", options->top, 1, 10'000, "labels for each line, the most probable first");
  command->add_flag(
      "--json", options->json,
      "one JSON object: lines, each with label, probability and text, and labels with --top; a blank one's is null");
  command->callback([options] { run_classify(*options); });
}

}  // namespace primer::program
