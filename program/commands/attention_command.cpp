#include <algorithm>
#include <memory>
#include <optional>

#include "autograd/error.h"
#include "data/examples/token_file.h"
#include "program/commands.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/circuits/circuits.h"
#include "train/tasks/numbers.h"
#include "train/use/attend.h"

namespace primer::program {

using namespace train;

namespace {

struct AttentionOptions : RunChoice {
  std::string text;
  std::optional<std::string> target;
  PagePlace page{"attention.html"};
};

/// What the heads are called; of those of a translator, which look at another text, nothing.
void name_heads(AttentionPage& page, const LoadedRun& run, const std::string& text) {
  if (run.config.objective->translates()) return;
  constexpr long sequences = 8;  // a quarter of those of `primer circuits`
  std::unique_ptr<data::TokenFile> file;
  try {
    file = open_tokens(run, run.paths.tokens());
  } catch (const autograd::Error&) {  // a run is shown without its text, too: then the common tokens are those shown
  }
  const data::TokenVector shown(run.encode(text, true));
  page.names = named_heads(run,
                           !file                         ? shown
                           : file->validation_size() > 0 ? file->validation()
                                                         : file->train(),
                           sequences);
  if (page.names.empty()) return;
  const bool has_any = std::ranges::any_of(page.names, [](const auto& names) { return !names.empty(); });
  page.how_named = std::string(has_any ? "A letter, the first of its name, marks a head that spends"
                                       : "No head has a mark for spending") +
                   " more than " + number_text(name_threshold) + " of its attention on " + head_names_text() +
                   ". That is measured on " + std::to_string(sequences) +
                   " sequences of random tokens, repeated, not on this text: primer circuits tells more.";
}

void run_attention(const AttentionOptions& options) {
  options.page.check();
  const auto run = options.open();
  const std::string text = options.text == "-" ? whole_input("-") : options.text;
  AttentionPage page = attend(*run, text, options.target);
  warn_of_unknown(*run);
  name_heads(page, *run, text);
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
