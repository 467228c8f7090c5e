#include <cstdio>
#include <memory>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/scratch_folder.h"
#include "data/bytes/utf8.h"
#include "program/commands.h"
#include "program/help.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/step/progress.h"
#include "train/use/attend.h"

namespace primer::program {

using namespace train;

namespace {

struct AttentionOptions : RunChoice {
  std::string text, out = "attention.html";
};

std::string standard_input() {
  constexpr std::uint64_t most = 64u << 20;  // bytes, more than any context holds
  const data::ScratchFolder folder("attention");
  const std::string path = folder.path() + "/text";
  data::spool_standard_input(path, most);
  return data::read_file(path, most);
}

void run_attention(const AttentionOptions& options) {
  using data::FileKind;
  const std::string shown = data::printable(options.out);
  const bool to_output = options.out == "-";
  if (options.out.empty()) {
    throw autograd::Error(autograd::Fault::usage, "-o: expected a file, or - for standard output");
  }
  if (!to_output) {
    // A rename would put the page in the place of a device, too.
    const FileKind kind = data::kind_of(options.out, true);
    if (kind != FileKind::missing && kind != FileKind::regular) {
      throw autograd::Error(autograd::Fault::usage, "-o " + shown + " is there and no file; - is standard output");
    }
  }
  const auto run = options.open();
  const std::string html = attention_page(attend(*run, options.text == "-" ? standard_input() : options.text));
  if (to_output) {
    put(html);
    return;
  }
  data::write_file_atomically(options.out, html);
  char size[32];
  std::snprintf(size, sizeof size, "%.1f MB", static_cast<double>(html.size()) / 1e6);
  say("saved  " + shown + ", " + size + "; open it in a browser\n");
}

}  // namespace

void add_attention(CLI::App& root) {
  const auto options = std::make_shared<AttentionOptions>();
  CLI::App* const command = add_command(root, "attention", "show where every head looks, as an HTML page",
                                        "Examples:\n"
                                        "  primer attention runs/book \"Once upon a time\"      in attention.html\n"
                                        "  primer attention runs/book - -o page.html <part.txt\n"
                                        "  primer attention runs/gaps \"Once u[MASK]on a time\"");
  options->add_to(*command);
  command->add_option("TEXT", options->text, "the text itself, at most the model's context; - is standard input")
      ->required();
  command->add_option("-o", options->out, "the page; replaces what is there; - is standard output [attention.html]")
      ->type_name("FILE");
  command->callback([options] { run_attention(*options); });
}

}  // namespace primer::program
