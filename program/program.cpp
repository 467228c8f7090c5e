// The program: reads the command line, runs a command, and turns what went wrong into one line and an exit code.
#include "program/program.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <vector>

#include "autograd/blas.h"
#include "autograd/error.h"
#include "autograd/parallel.h"
#include "data/bytes/utf8.h"
#include "data/text/nearest.h"
#include "program/commands.h"
#include "program/output.h"
#include "train/step/interruption.h"
#include "train/step/machine.h"
#include "train/step/progress.h"

namespace primer::program {

using namespace train;

CLI::App* add_command(CLI::App& root, const std::string& name, const std::string& description,
                      const std::string& examples) {
  CLI::App* const command = root.add_subcommand(name, description);
  command->formatter(root.get_formatter());
  command->footer(examples);
  return command;
}

std::string full_name(const CLI::App& command) {
  return (command.get_parent() ? full_name(*command.get_parent()) + " " : "") + command.get_name();
}

std::string unknown_command(const CLI::App& command, const std::string& word) {
  std::vector<std::string> known;
  for (const CLI::App* other : command.get_subcommands({})) known.push_back(other->get_name());
  const std::string near = data::nearest(word, known);
  return "unknown command " + data::printable(word) +
         (near.empty() ? "; " + full_name(command) + " --help lists them" : "; did you mean " + near + "?");
}

std::string help_of(const CLI::App& command) {
  return command.get_formatter()->make_help(&command, full_name(command), CLI::AppFormatMode::Normal);
}

namespace {

using autograd::Error;
using autograd::Fault;

// Help that begins with the footer, where a command's examples are; CLI11 would put it last.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string help = app->get_footer() + "\n\n" + CLI::Formatter::make_help(app, name, mode);
    for (auto gap = help.find("\n\n\n"); gap != std::string::npos; gap = help.find("\n\n\n")) help.erase(gap, 1);
    return help.substr(0, help.find_last_not_of('\n') + 1) + "\n";
  }
  std::string make_footer(const CLI::App*) const override { return {}; }
};

// Without its middle, where a name in it is too long for a line that somebody reads.
std::string shortened(const std::string& message) {
  constexpr std::size_t most = 1000, kept = 400;
  if (message.size() <= most) return message;
  const auto is_inside = [&](std::size_t at) { return (message[at] & 0xC0) == 0x80; };  // of a character
  std::size_t first = kept, second = message.size() - kept;
  while (is_inside(first)) --first;
  while (is_inside(second)) ++second;
  return message.substr(0, first) + " ... " + message.substr(second);
}

int fail(Fault fault, const std::string& message) {
  say("primer: error: " + shortened(message) + "\n");
  return static_cast<int>(fault);
}

std::string version_text() {
  const autograd::BlasInfo blas = autograd::blas_info();
  std::string text = "primer " + version() + "\n";
#ifdef __clang__
  text += "compiler  clang " __clang_version__ "\n";
#else
  text += "compiler  gcc " __VERSION__ "\n";
#endif
  text += "code      -march=" + machine_code() + "\n";
  text += "blas      " + blas.config + ", core " + blas.core;
  text += blas.openmp ? ", OpenMP\n" : ", not the OpenMP build\n";
  return text + "threads   " + std::to_string(autograd::threads()) + "\n";
}

// The command that was named, the innermost; `root` if none was.
const CLI::App& selected(const CLI::App& root) {
  const CLI::App* command = &root;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return *command;
}

// What nanoGPT, Hugging Face and llama.cpp call our options.
constexpr std::pair<std::string_view, std::string_view> foreign_names[] = {
    {"learning-rate", "lr"},
    {"batch-size", "batch"},
    {"block-size", "context"},
    {"max-length", "context"},
    {"n-layer", "layers"},
    {"n-head", "heads"},
    {"n-embd", "channels"},
    {"hidden-size", "channels"},
    {"max-iters", "steps"},
    {"max-steps", "steps"},
    {"num-train-epochs", "epochs"},
    {"num-epochs", "epochs"},
    {"eval-interval", "eval-every"},
    {"eval-steps", "eval-every"},
    {"eval-iters", "eval-batches"},
    {"save-steps", "save-every"},
    {"warmup-iters", "warmup"},
    {"warmup-steps", "warmup"},
    {"grad-clip", "clip"},
    {"max-grad-norm", "clip"},
    {"gradient-accumulation-steps", "accumulate"},
    {"max-new-tokens", "tokens"},
    {"n-predict", "tokens"},
    {"num-layers", "layers"},
    {"num-heads", "heads"},
    {"vocab-size", "tokenizer"},
    {"repeat-penalty", "repetition-penalty"},
    {"num-samples", "samples"},
    {"num-return-sequences", "samples"},
    {"temp", "temperature"},
    {"num-beams", "beam"}};

// The option of a command that somebody may have meant, "" if none is near.
std::string nearest_option(const CLI::App& command, std::string word) {
  std::replace(word.begin(), word.end(), '_', '-');
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const auto knows = [&](const std::string& name) {
    return std::find(known.begin(), known.end(), name) != known.end();
  };
  if (knows(word)) return word;
  for (const auto& [theirs, ours] : foreign_names) {
    const std::string name = "--" + std::string(ours);
    if (word == "--" + std::string(theirs) && knows(name)) return name;
  }
  return data::nearest(word, known);
}

// Names the options that no command knows, with the nearest one that the command does know.
std::string unknown_arguments(const CLI::App& root) {
  const CLI::App& command = selected(root);
  const std::vector<std::string> unknown = root.remaining(true);
  const std::string first = unknown.empty() ? std::string() : unknown.front();
  const std::string word = first.substr(0, first.find('='));
  if (!word.starts_with("-")) {
    return command.get_subcommands({}).empty() ? "unexpected argument " + data::printable(word)
                                               : unknown_command(command, word);
  }
  const std::string near = nearest_option(command, word);
  if (near == word) return data::printable(word) + " stands behind --, where names are read and no options";
  return "unknown option " + data::printable(word) +
         (near.empty() ? "; " + full_name(command) + " --help lists them" : "; did you mean " + near + "?");
}

// What CLI11 says of an option that is given twice counts it; people want its name.
std::string mismatch_text(const std::string& message) {
  const auto at = message.find(": At Most 1 required");
  return at == std::string::npos ? message : message.substr(0, at) + " is given more than once";
}

int run(int argc, char** argv) {
  CLI::App root("Train small transformer language models on this machine.", "primer");
  root.formatter(std::make_shared<ExamplesFirst>());
  root.footer(
      "Examples:\n"
      "  primer train book.txt           train a model that fits the text\n"
      "  primer sample runs/book         write text with it\n"
      "  primer eval runs/book           measure it\n"
      "  primer COMMAND --help           all options of a command, as primer help COMMAND");
  root.set_version_flag("--version", version_text, "version, compiler, BLAS and threads");
  root.get_formatter()->column_width(34);
  root.require_subcommand(0, 1);  // a text may be named as a command is: primer train study
  add_train(root);
  add_sample(root);
  add_score(root);
  add_translate(root);
  add_eval(root);
  add_fill(root);
  add_classify(root);
  add_embed(root);
  add_info(root);
  add_tokenize(root);
  add_report(root);
  add_attention(root);
  add_circuits(root);
  add_bench(root);
  add_study(root);
  add_help(root);
  add_completion(root);
  if (argc < 2) {
    say(root.help());
    return static_cast<int>(Fault::usage);
  }
  try {
    root.parse(argc, argv);
    const CLI::App& command = selected(root);
    if (!command.get_subcommands({}).empty()) {
      throw Error(Fault::usage, "no command; " + full_name(command) + " --help lists them");
    }
    return 0;
  } catch (const CLI::CallForVersion&) {
    put(version_text());
    return 0;
  } catch (const CLI::CallForHelp&) {
    put(help_of(selected(root)));
    return 0;
  } catch (const CLI::ExtrasError&) {
    return fail(Fault::usage, unknown_arguments(root));
  } catch (const CLI::ArgumentMismatch& error) {
    return fail(Fault::usage, data::printable(mismatch_text(error.what())));
  } catch (const CLI::ParseError& error) {
    return fail(Fault::usage, data::printable(error.what()));
  }
}

// A standard stream that was closed before we began would lend its number to the next file we open, and what is meant
// for people would be written into it.
void open_standard_streams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) == -1 && ::open("/dev/null", O_RDWR) != descriptor) return;
  }
}

// OpenMP's threads spin while they wait for the next loop: for milliseconds unless told otherwise, and on a machine
// with other work that takes the time from those who have some (a small model then trains several times slower). A
// thousand turns or two bridge the gaps between our loops. The runtime reads this before main, hence the second start.
void wait_briefly(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  ::setenv("GOMP_SPINCOUNT", "2000", 1);
  ::execv("/proc/self/exe", argv);  // where that is not to be had, things go on as they are
}

}  // namespace

int run_program(int argc, char** argv) {
  hold_signals();
  wait_briefly(argv);
  release_stop_signals();
  open_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error to a write, and no reason to lose a training
  std::signal(SIGXFSZ, SIG_IGN);  // likewise a limit on file sizes
  try {
    return run(argc, argv);
  } catch (const Stopped& stopped) {
    return 128 + stopped.signal;
  } catch (const Different&) {
    return 1;
  } catch (const Error& error) {
    return fail(error.fault(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(Fault::memory, "not enough memory: try a smaller --batch, --context or --channels");
  } catch (const std::exception& error) {
    return fail(Fault::bug, std::string("a bug in primer, please report it: ") + error.what());
  }
}

}  // namespace primer::program
