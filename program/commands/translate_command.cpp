#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>

#include "autograd/error.h"
#include "data/bytes/scratch_folder.h"
#include "data/bytes/utf8.h"
#include "data/text/lines.h"
#include "program/commands.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/step/progress.h"
#include "train/use/translator.h"

namespace primer::program {

using namespace train;

namespace {

struct TranslateOptions : RunChoice {
  std::string text = "-";
  BeamOptions beam;
  bool scores = false;
};

/// Translates lines as they come, so many at a time, and writes a line for each.
class Lines {
 public:
  Lines(LoadedRun& run, const TranslateOptions& options) : options_(options), translator_(run) {}

  void take(std::string_view line) {
    waiting_.emplace_back(line);
    if (waiting_.size() == 256) give();
  }

  void give() {
    std::string out;
    for (const Translator::Line& line : translator_.translate(std::exchange(waiting_, {}), options_.beam.search)) {
      char score[32] = "";
      if (options_.scores) std::snprintf(score, sizeof score, "%.4f\t", line.score);
      out += score + (is_terminal_ ? for_terminal(line.text) : line.text) + "\n";
      cut_ += line.is_cut;
    }
    is_read_ = is_read_ && (out.empty() || put(out));
  }

  bool is_read() const { return is_read_; }
  long cut() const { return cut_; }

 private:
  const TranslateOptions& options_;
  Translator translator_;
  std::vector<std::string> waiting_;
  bool is_read_ = true;
  const bool is_terminal_ = ::isatty(STDOUT_FILENO) == 1;
  long cut_ = 0;
};

void ask(Lines& lines) {
  std::string line;
  for (say("source> "); lines.is_read() && std::getline(std::cin, line); say("source> ")) {
    lines.take(line);
    lines.give();
  }
  say("\n");
}

void run_translate(const TranslateOptions& options) {
  const auto run = options.open();
  Lines lines(*run, options);
  if (options.text == "-" && ::isatty(STDIN_FILENO) == 1) {
    ask(lines);
  } else {
    const data::ScratchFolder scratch("lines");
    for (const data::Source& source : data::collect_sources({options.text}, scratch.path() + "/text").files) {
      data::each_line(source, [&](std::string_view line, const data::LineCutter&) {
        if (lines.is_read()) lines.take(line);
      });
    }
    lines.give();
  }
  if (const long cut = lines.cut(); cut > 0) warn({cut_lines_note(cut)});
}

}  // namespace

void add_translate(CLI::App& root) {
  const auto options = std::make_shared<TranslateOptions>();
  CLI::App* const command = add_command(root, "translate", "translate the lines of a text",
                                        "Examples:\n"
                                        "  primer train pairs.tsv --objective translate     source<TAB>target lines\n"
                                        "  primer translate runs/pairs new.txt              a line for each line\n"
                                        "  echo \"good morning\" | primer translate runs/pairs --scores\n"
                                        "  primer translate runs/pairs                      asks on a terminal");
  options->add_to(*command, "a run trained with --objective translate");
  command->add_option("FILE", options->text, "a file, a folder or -; each line is translated, a blank one stays [-]");
  options->beam.add_to(*command);
  command->add_flag("--scores", options->scores,
                    "before each translation its score: ln p over the penalty of its length, and a tab");
  command->callback([options] { run_translate(*options); });
}

}  // namespace primer::program
