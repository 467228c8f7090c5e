#include <unistd.h>

#include <memory>
#include <optional>

#include "autograd/error.h"
#include "program/commands.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/step/progress.h"

namespace primer::program {

using namespace train;

using autograd::Error;
using autograd::Fault;

namespace {

struct SampleOptions : RunChoice {
  Excerpt excerpt;
  std::optional<std::string> prompt, file;
  long seed = 1337;
  bool greedy = false;
};

void run_sample(SampleOptions& options) {
  Excerpt& excerpt = options.excerpt;
  if (options.greedy) excerpt.sampling.temperature = 0;
  excerpt.sampling.seed = static_cast<std::uint64_t>(options.seed);
  if (options.prompt && options.file) throw Error(Fault::usage, "--prompt and --prompt-file: give one of them");
  excerpt.prompt = options.file ? whole_input(*options.file) : options.prompt.value_or("");
  if (options.file && excerpt.prompt.ends_with('\n')) excerpt.prompt.pop_back();
  const auto run = options.open();
  const bool asks = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  if (options.prompt || options.file || !asks) {
    write_samples(*run, excerpt);
    return;
  }
  check_writes(*run);
  ask("prompt> ", [&](const std::string& line) {
    excerpt.prompt = line;
    try {
      const bool is_read = write_samples(*run, excerpt);
      excerpt.first += static_cast<std::uint64_t>(excerpt.samples);  // what is asked again gets another answer
      return is_read;
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      say(std::string(error.what()) + "\n");  // and the next line may be another matter
      return true;
    }
  });
}

}  // namespace

void add_sample(CLI::App& root) {
  const auto options = std::make_shared<SampleOptions>();
  CLI::App* const command = add_command(root, "sample", "write text with a trained model",
                                        "Examples:\n"
                                        "  primer sample runs/book\n"
                                        "  primer sample runs/book --prompt \"Once upon a time\" --tokens 1000\n"
                                        "  primer sample runs/book --temperature 0.5 --top-k 20 --samples 3\n"
                                        "  primer sample runs/book --greedy --stop \".\" --stop \"!\"\n"
                                        "  primer sample runs/book --prompt-file begun.txt --min-p 0.05 --json\n"
                                        "  primer sample runs/book                  asks on a terminal; Ctrl-D ends");
  options->add_to(*command);
  command
      ->add_option("--prompt", options->prompt,
                   "the text to go on with; without one, a terminal is asked for it, and an empty line or no terminal "
                   "is where the model's own texts begin")
      ->type_name("S");
  command
      ->add_option("--prompt-file", options->file,
                   "the prompt is all of a text, or -, standard input; but for one line feed at its end")
      ->type_name("FILE");
  add_integer(*command, "--tokens", options->excerpt.tokens, 0, 1'000'000'000,
              "tokens of each sample; where these outgrow the context, a transformer keeps the last half of it");
  add_integer(*command, "--samples", options->excerpt.samples, 1, 1'000'000'000, "how many samples");
  add_number(*command, "--temperature", options->excerpt.sampling.temperature, 0, 1000,
             "below 1 safer, above 1 bolder; 0 as --greedy");
  add_integer(*command, "--top-k", options->excerpt.sampling.top_k, 0, 1'000'000'000,
              "choose among the k most probable tokens; 0: all");
  add_number(*command, "--top-p", options->excerpt.sampling.top_p, 0, 1,
             "choose among the fewest tokens that have this probability together");
  add_number(*command, "--min-p", options->excerpt.sampling.min_p, 0, 1,
             "choose among the tokens that have this share of the probability of the most probable one, behind "
             "--temperature, --top-k and --top-p");
  add_number(*command, "--repetition-penalty", options->excerpt.sampling.repetition_penalty, 0.01, 100,
             "the logits of tokens that stand in the text already are divided by this, and multiplied where they are "
             "negative; 1: no penalty");
  command->add_flag("--greedy", options->greedy, "always the most probable token");
  command
      ->add_option("--stop", options->excerpt.form.stops,
                   "end each sample before this text; of several, before the first that is complete")
      ->type_name("S")
      ->allow_extra_args(false);
  command->add_flag("--json", options->excerpt.form.json,
                    "a JSON object a sample, in a line: prompt, text, end (length, stop or document), and tokens, all "
                    "that were drawn, with logprob, the model's own ln p");
  command->add_flag("--raw", options->excerpt.form.raw,
                    "draw and write any bytes; without, none that would make the text invalid UTF-8");
  command->add_flag("--ignore-eos", options->excerpt.form.ignores_end,
                    "go on where a document ends, with <|endoftext|>, which is not written");
  add_integer(*command, "--seed", options->seed, 0, 9007199254740991,
              "of the choices; the same seed writes the same text");
  command->callback([options] { run_sample(*options); });
}

}  // namespace primer::program
