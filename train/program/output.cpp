#include "train/program/output.h"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "autograd/error.h"
#include "data/token_file.h"
#include "data/utf8.h"
#include "train/run/loaded_run.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

bool put(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EPIPE || errno == EBADF)) return false;
    if (count <= 0) {
      throw Error(Fault::io, "cannot write to standard output: " + std::generic_category().message(errno));
    }
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void use_threads(long threads) {
  // OpenBLAS waits for ever for threads that the runtime promises and then does not hand out.
  omp_set_dynamic(0);
  const int wanted = threads > 0 ? static_cast<int>(std::min(threads, 4096L)) : omp_get_max_threads();
  omp_set_num_threads(std::min(wanted, omp_get_thread_limit()));
}

namespace {

// A text begins after a line feed; one without line feeds begins as the training text does.
std::vector<int> beginning(const LoadedRun& run, std::string* shown) {
  for (int id = 0; id < run.tokenizer->vocabulary_size(); ++id) {
    if (run.tokenizer->token_text(id) == "\n") return {id};
  }
  std::vector<int> first(1);
  data::TokenFile(run.paths.tokens()).train().read(0, 1, first.data());
  *shown = run.tokenizer->token_text(first[0]);
  return first;
}

}  // namespace

void write_samples(const std::string& run, const Excerpt& excerpt) {
  const auto loaded = load_run(run);
  if (loaded->config.objective != "lm") {
    throw Error(Fault::usage, data::printable(run) + " holds a masked model, which fills gaps and cannot go on with a "
                                  "text; train with --objective lm to sample");
  }
  std::string shown = excerpt.prompt;
  std::vector<int> prompt = loaded->tokenizer->encode(excerpt.prompt);
  if (prompt.empty()) prompt = beginning(*loaded, &shown);

  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const auto show = [terminal](const std::string& text) { return put(terminal ? for_terminal(text) : text); };
  autograd::Tape<float> tape;
  bool is_read = true;
  for (long sample = 0; sample < excerpt.samples && is_read; ++sample) {
    if (sample > 0) is_read = put("---------------\n");
    is_read = is_read && show(shown);
    data::StreamDecoder decoder(loaded->tokenizer);
    StopFilter filter(excerpt.stop);
    generate(*loaded->gpt, tape, loaded->config.context, prompt, excerpt.tokens, excerpt.sampling,
             static_cast<std::uint64_t>(sample), [&](int id) {
               is_read = is_read && show(filter.feed(decoder.feed(id)));
               return is_read && !filter.stopped();
             });
    // What the decoder still holds is the beginning of a character that never came: it is not shown.
    is_read = is_read && show(filter.finish()) && put("\n");
  }
}

}  // namespace primer::train
