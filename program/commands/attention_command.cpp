#include <memory>
#include <optional>

#include "data/bytes/scratch_folder.h"
#include "data/text/text.h"
#include "program/commands.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/use/attend.h"

namespace primer::program {

using namespace train;

namespace {

struct AttentionOptions : RunChoice {
  std::string text;
  std::optional<std::string> target;
  PagePlace page{"attention.html"};
};

std::string standard_input() {
  constexpr std::uint64_t most = 64u << 20;  // bytes, more than any context holds
  const data::ScratchFolder folder("attention");
  return data::whole_text(data::collect_sources({"-"}, folder.path() + "/text", most).files.front(), most);
}

void run_attention(const AttentionOptions& options) {
  options.page.check();
  const auto run = options.open();
  const AttentionPage page = attend(*run, options.text == "-" ? standard_input() : options.text, options.target);
  warn_of_unknown(*run);
  options.page.write(attention_page(page));
}

}  // namespace

void add_attention(CLI::App& root) {
  const auto options = std::make_shared<AttentionOptions>();
  CLI::App* const command = add_command(root, "attention", "show where every head looks, as an HTML page",
                                        "Examples:\n"
                                        "  primer attention runs/book \"Once upon a time\"      in attention.html\n"
                                        "  primer attention runs/book - -o page.html <part.txt\n"
                                        "  primer attention runs/gaps \"Once u[MASK]on a time\"\n"
                                        "  primer attention runs/pairs \"good morning\" \"guten Morgen\"");
  options->add_to(*command);
  command
      ->add_option("TEXT", options->text,
                   "the text itself, at most the model's context; of a translator the source; - is standard input")
      ->required();
  command->add_option("TARGET", options->target,
                      "of a translator: a text that looks at the source [the model's own translation]");
  options->page.add_to(*command);
  command->callback([options] { run_attention(*options); });
}

}  // namespace primer::program
