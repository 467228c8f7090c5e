#include <memory>

#include "autograd/error.h"
#include "program/commands.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"

namespace primer::program {

using namespace train;

void add_sample(CLI::App& root) {
  struct SampleOptions : RunChoice {
    Excerpt excerpt;
    long seed = 1337;
    bool greedy = false;
  };
  const auto options = std::make_shared<SampleOptions>();
  CLI::App* const command = add_command(root, "sample", "write text with a trained model",
                                        "Examples:\n"
                                        "  primer sample runs/book\n"
                                        "  primer sample runs/book --prompt \"Once upon a time\" --tokens 1000\n"
                                        "  primer sample runs/book --temperature 0.5 --top-k 20 --samples 3\n"
                                        "  primer sample runs/book --greedy --stop \".\"");
  options->add_to(*command);
  command->add_option("--prompt", options->excerpt.prompt, "the text to go on with")->type_name("S");
  add_integer(*command, "--tokens", options->excerpt.tokens, 0, 1'000'000'000,
              "tokens of each sample; where these outgrow the context, a transformer keeps the last half of it");
  add_integer(*command, "--samples", options->excerpt.samples, 1, 1'000'000'000, "how many samples");
  add_number(*command, "--temperature", options->excerpt.sampling.temperature, 0, 1000,
             "below 1 safer, above 1 bolder; 0 as --greedy");
  add_integer(*command, "--top-k", options->excerpt.sampling.top_k, 0, 1'000'000'000,
              "choose among the k most probable tokens; 0: all");
  add_number(*command, "--top-p", options->excerpt.sampling.top_p, 0, 1,
             "choose among the fewest tokens that have this probability together");
  command->add_flag("--greedy", options->greedy, "always the most probable token");
  command->add_option("--stop", options->excerpt.stop, "end each sample before this text")->type_name("S");
  command->add_flag("--ignore-eos", options->excerpt.ignores_end,
                    "go on where a document ends, with <|endoftext|>, which is not written");
  add_integer(*command, "--seed", options->seed, 0, 9007199254740991,
              "of the choices; the same seed writes the same text");
  command->callback([options] {
    if (options->greedy) options->excerpt.sampling.temperature = 0;
    options->excerpt.sampling.seed = static_cast<std::uint64_t>(options->seed);
    write_samples(*options->open(), options->excerpt);
  });
}

}  // namespace primer::program
