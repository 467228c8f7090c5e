#include "program/output.h"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <latch>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/scratch_folder.h"
#include "data/bytes/utf8.h"
#include "program/run_options.h"
#include "train/checkpoints/loaded_run.h"
#include "train/pages/page.h"
#include "train/plan/memory.h"
#include "train/plan/plan.h"
#include "train/step/progress.h"
#include "train/tasks/numbers.h"

namespace primer::program {

using namespace train;

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

CLI::Option* PagePlace::add_to(CLI::App& command) {
  const std::string help = "the page; replaces an older one; - is standard output [" + path + "]";
  return command.add_option("-o", path, help)->type_name("FILE");
}

void PagePlace::check() const {
  using data::FileKind;
  if (path.empty()) throw Error(Fault::usage, "-o: expected a file, or - for standard output");
  if (path == "-") return;
  // A rename would put the page in the place of a device, too.
  const FileKind kind = data::kind_of(path, true, data::system_disk(), Fault::io);
  if (kind != FileKind::missing && kind != FileKind::regular) {
    throw Error(Fault::usage, "-o " + data::printable(path) + " is there and no file; - is standard output");
  }
  if (kind == FileKind::regular && !may_replace(path)) {
    throw Error(Fault::usage, "-o " + data::printable(path) +
                                  " is there and no page of primer, so it stays; choose another name with -o");
  }
  const data::AtomicFile trial(path);
}

void PagePlace::write(const std::string& html) const {
  if (path == "-") {
    put(html);
    return;
  }
  data::write_file_atomically(path, html);
  char size[32];
  const auto bytes = static_cast<double>(html.size());
  std::snprintf(size, sizeof size, bytes < 1e5 ? "%.1f kB" : "%.1f MB", bytes / (bytes < 1e5 ? 1e3 : 1e6));
  say("saved  " + data::printable(path) + ", " + size + "; open it in a browser\n");
}

namespace {

// Starts the threads of the parallel regions before anything else takes the room of their stacks. Where one cannot be
// had the runtime would end the program in its own way, hence the trial with threads whose refusal can be caught: one
// more than the regions have beside this one, for what the runtime itself takes.
void start_threads(long count) {
  if (count == 1) return;
  std::latch end(1);
  std::vector<std::jthread> others;
  std::error_code refusal;
  try {
    while (static_cast<long>(others.size()) < count) others.emplace_back([&end] { end.wait(); });
  } catch (const std::system_error& error) {
    refusal = error.code();
  } catch (const std::bad_alloc&) {
    refusal = std::make_error_code(std::errc::not_enough_memory);
  }
  const std::size_t had = std::max<std::size_t>(others.size(), 1);
  end.count_down();
  others.clear();
  if (refusal) {
    throw Error(Fault::memory, "cannot start " + std::to_string(count) + " threads, only " + std::to_string(had) +
                                   ": " + refusal.message() + "; set --threads " + std::to_string(had) +
                                   ", or raise the limits (ulimit -v, ulimit -d, ulimit -u)");
  }
#pragma omp parallel
  {
#pragma omp barrier  // without it the region is empty, and the compiler leaves it out
  }
}

}  // namespace

void use_threads(long threads) {
  // OpenBLAS waits for ever for threads that the runtime promises and then does not hand out.
  omp_set_dynamic(0);
  const long processors = omp_get_num_procs(), most = std::max(16L, 4 * processors);
  const bool by_variable = threads == 0 && std::getenv("OMP_NUM_THREADS") != nullptr;
  if (threads == 0) {
    threads = by_variable ? omp_get_max_threads() : std::min<long>(omp_get_max_threads(), processor_quota());
  }
  if (threads > most) {
    throw Error(Fault::usage, (by_variable ? "OMP_NUM_THREADS " : "--threads ") + std::to_string(threads) +
                                  ": this process has " + std::to_string(processors) +
                                  (processors == 1 ? " processor" : " processors") + ", and takes " +
                                  std::to_string(most) + " threads at most");
  }
  threads = std::min<long>(threads, omp_get_thread_limit());
  omp_set_num_threads(static_cast<int>(threads));
  start_threads(threads);
}

void say_learning(const std::string& tokenizer, const data::Sources& sources, std::string_view whose) {
  const int size = bpe_size(tokenizer);
  if (size == 0) return;
  say("learn  " + std::to_string(size) + " pieces of words" + std::string(whose) + ", from " +
      short_number(static_cast<double>(sources.bytes())) + "B of text\n");
}

std::string whole_input(const std::string& path, const std::string& encoding) {
  constexpr std::uint64_t most = 64u << 20;
  const data::ScratchFolder folder("input");
  if (path != "-") (void)data::source_at(path, encoding);  // a folder is refused
  return data::whole_text(data::collect_sources({path}, folder.path() + "/text", most, encoding).files.front(), most);
}

void ask(const std::string& question, const std::function<bool(const std::string&)>& answer) {
  say(question);
  for (std::string line; std::getline(std::cin, line) && answer(line);) say(question);
  say("\n");
}

void check_writes(const LoadedRun& run) {
  if (run.config.objective->writes()) return;
  throw Error(Fault::usage, data::printable(run.paths.directory) + " holds a model that was trained with --objective " +
                                std::string(run.config.objective->name()) +
                                " and cannot go on with a text; train with --objective " +
                                std::string(language_task().name()) + " to sample");
}

bool write_samples(const LoadedRun& run, const Excerpt& excerpt) {
  check_writes(run);
  std::string shown = excerpt.prompt;
  std::vector<int> prompt = run.encode(excerpt.prompt, true);
  const bool has_nothing = std::ranges::all_of(prompt, [&](int id) { return id == run.tokenizer->unknown(); });
  if (has_nothing && !excerpt.prompt.empty())
    throw Error(Fault::input, "nothing of the prompt is in the vocabulary of " + data::printable(run.paths.directory));
  warn_of_unknown(run);
  if (prompt.empty())
    prompt = beginning(
        *run.tokenizer, run.config.documents != data::Parting::none,
        [&] { return first_token(open_tokens(run, run.paths.tokens())->train()); }, &shown);

  // Samples side by side cost little more than one, but each has keys and values (512 MiB for all is enough), and the
  // text of all but the first is held back.
  const nn::ModelConfig& shape = run.network->config();
  const long most_by_cache = (long{512} << 20) / (shape.layers * shape.context * 2 * shape.channels * 4 + 1);
  const long most_by_text = (excerpt.form.json ? 400'000 : 4'000'000) / std::max(excerpt.tokens, 1L);
  const long group = std::clamp(std::min(most_by_cache, most_by_text), 1L, 8L);
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  SampleWriter writer(run.tokenizer, shown, excerpt.form,
                      [terminal](const std::string& text) { return put(terminal ? for_terminal(text) : text); });
  std::optional<ValidText> valid;
  if (!excerpt.form.raw) valid.emplace(*run.tokenizer);
  std::span<const float> logits;  // the model's own, of the token that comes
  const Drawing drawing{run.tokenizer->unknown(), valid ? &*valid : nullptr, excerpt.form.json ? &logits : nullptr};
  autograd::Tape<float> tape;
  for (long first = 0; first < excerpt.samples && writer.is_read(); first += group) {
    const SampleRange range{excerpt.first + static_cast<std::uint64_t>(first),
                            std::min(group, excerpt.samples - first)};
    writer.begin(static_cast<std::size_t>(range.count));
    const auto each = [&](std::uint64_t sample, int id) {
      return writer.feed(sample - range.first, id, excerpt.form.json ? expectation(logits, id, 0).log_probability : 0);
    };
    generate(*run.network, tape, prompt, excerpt.tokens, excerpt.sampling, range, each, drawing);
    writer.end();
  }
  return writer.is_read();
}

}  // namespace primer::program
