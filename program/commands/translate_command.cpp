#include <unistd.h>

#include <cstdio>
#include <memory>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/text/records.h"
#include "program/commands.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/use/translator.h"

namespace primer::program {

using namespace train;

namespace {

struct TranslateOptions : RunChoice {
  LinesText text{"-", {}};
  BeamOptions beam;
  bool scores = false, alignment = false;
};

/// "0-0 2-1", as the tools for alignments write them: source-target.
std::string pharaoh(const std::vector<WordLink>& links) {
  std::string text;
  for (const WordLink& link : links)
    text += (text.empty() ? "" : " ") + std::to_string(link.source) + "-" + std::to_string(link.target);
  return text;
}

/// Translates lines, so many at a time, and writes a line for each.
class Lines {
 public:
  Lines(LoadedRun& run, const TranslateOptions& options)
      : options_(options), run_(run), translator_(run), context_(static_cast<std::size_t>(run.config.context)) {
    if (options.alignment) translator_.expect_alignment();
  }

  void take(const std::string& line) {
    bool is_cut = false;
    waiting_.push_back(translator_.read(line, &is_cut));
    if (options_.alignment) lines_.push_back(line);
    cut_ += is_cut;
    if (waiting_.size() == 256) give();
  }

  void give() {
    const std::vector<std::vector<int>> sources = std::exchange(waiting_, {});
    const std::vector<Translator::Line> translated = translator_.translate(sources, options_.beam.search);
    std::vector<std::vector<WordLink>> links;
    if (options_.alignment) links = translator_.align(std::exchange(lines_, {}), sources, translated);
    std::string out;
    for (std::size_t i = 0; i < translated.size(); ++i) {
      char score[32] = "";
      const double s = translated[i].score;
      if (options_.scores) std::snprintf(score, sizeof score, "%.4f\t", s > -5e-5 ? 0 : s);  // not -0.0000
      out += score;
      if (options_.alignment) out += pharaoh(links[i]) + "\t";
      unfinished_ += translated[i].ids.size() + 1 == context_;
      out += (is_terminal_ ? for_terminal(translated[i].text) : translated[i].text) + "\n";
    }
    is_read_ = is_read_ && (out.empty() || put(out));
  }

  void warn_of_cuts() {
    if (const long cut = std::exchange(cut_, 0); cut > 0) warn({cut_lines_note(cut)});
    if (const long n = std::exchange(unfinished_, 0); n > 0)
      warn({std::to_string(n) + (n == 1 ? " translation ends" : " translations end") + " where the context of " +
            std::to_string(context_) + " does, and may go on"});
    warn_of_unknown(run_);
  }
  bool is_read() const { return is_read_; }

 private:
  const TranslateOptions& options_;
  const LoadedRun& run_;
  Translator translator_;
  std::vector<std::vector<int>> waiting_;
  std::vector<std::string> lines_;  // those that wait, for their words
  bool is_read_ = true;
  const bool is_terminal_ = ::isatty(STDOUT_FILENO) == 1;
  const std::size_t context_;
  long cut_ = 0, unfinished_ = 0;
};

void run_translate(const TranslateOptions& options) {
  const auto run = options.open();
  Lines lines(*run, options);
  if (options.text.path == "-" && ::isatty(STDIN_FILENO) == 1) {
    return ask("source> ", [&](const std::string& line) {
      lines.take(line);
      lines.give();
      lines.warn_of_cuts();
      return lines.is_read();
    });
  }
  const auto take = [&](const std::string& line, const data::Records&) {
    if (lines.is_read()) lines.take(line);
  };
  each_line_of_text(options.text, run->config, take, [&] {
    lines.give();
    return lines.is_read();
  });
  lines.warn_of_cuts();
}

}  // namespace

void add_translate(CLI::App& root) {
  const auto options = std::make_shared<TranslateOptions>();
  CLI::App* const command = add_command(root, "translate", "translate the lines of a text",
                                        "Examples:\n"
                                        "  primer train pairs.tsv --objective translate     source<TAB>target lines\n"
                                        "  primer translate runs/pairs new.txt              a line for each line\n"
                                        "  echo \"good morning\" | primer translate runs/pairs --scores\n"
                                        "  primer translate runs/pairs new.txt --alignment  0-0 1-1<TAB>a line\n"
                                        "  primer translate runs/pairs                      asks on a terminal");
  options->add_to(*command, "a run trained with --objective translate");
  command->add_option("FILE", options->text.path,
                      "a file, a folder or -; each line is translated, a blank one stays; of CSV, TSV and JSON lines, "
                      "the field of a run with --field [-]");
  add_encoding_option(*command, options->text.encoding);
  options->beam.add_to(*command);
  command->add_flag("--scores", options->scores,
                    "before each translation its score: ln p over the penalty of its length, and a tab");
  command->add_flag("--alignment", options->alignment,
                    "before each translation, behind a score, which word of the line each of its words looks at most: "
                    "\"0-0 2-1\", source-target, counted from 0, and a tab; words are what blanks part");
  command->callback([options] { run_translate(*options); });
}

}  // namespace primer::program
