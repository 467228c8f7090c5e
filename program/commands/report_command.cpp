#include <memory>

#include "program/commands.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/use/report.h"

namespace primer::program {

using namespace train;

void add_report(CLI::App& root) {
  struct ReportOptions {
    std::vector<std::string> runs;
    PagePlace page{"report.html"};
    long threads = 0;
  };
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* const command =
      add_command(root, "report", "show a training, or several, as an HTML page",
                  "Examples:\n"
                  "  primer report runs/book                 in report.html\n"
                  "  primer report runs/a runs/b -o ab.html  curves over each other\n"
                  "  primer train book.txt --sample-every 200   texts on the way, for its report");
  command->add_option("RUN", options->runs, "runs, which may be in training")->required();
  options->page.add_to(*command);
  add_threads_option(*command, options->threads);
  command->callback([options] {
    options->page.check();
    use_threads(options->threads);
    std::vector<std::string> warnings;
    const std::string html = report(options->runs, warnings);
    warn(warnings);
    options->page.write(html);
  });
}

}  // namespace primer::program
