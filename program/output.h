// What commands share: results on standard output, threads, and samples.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "data/text/text.h"
#include "train/checkpoints/loaded_run.h"
#include "train/step/generate.h"
#include "train/use/sample_writer.h"

namespace primer::program {

/// Writes a result to standard output. A reader that has gone away is no error: false says that nobody reads any more.
/// Another failure, such as a full disk: Fault::io.
bool put(const std::string& text);

/// Where a page goes: a file, in the place of an older page, or - for standard output.
struct PagePlace {
  std::string path;

  /// Adds -o. It must outlive the parsing.
  CLI::Option* add_to(CLI::App& command);

  /// Before work begins. No name, or one of what is there and no page of primer: Fault::usage. A place that cannot be
  /// written to: Fault::io.
  void check() const;

  /// Says where a file is, and how large.
  void write(const std::string& html) const;
};

/// Limits the parallel regions to `threads`; 0 leaves all processors that this process may use, fewer where a control
/// group has a quota of their time. More threads than processors could ever serve: Fault::usage.
void use_threads(long threads);

/// Says that bpe:SIZE is about to be learned, which takes seconds for each 100 MB; nothing for another tokenizer.
/// `whose`: " of sources".
void say_learning(const std::string& tokenizer, const data::Sources& sources, std::string_view whose = {});

/// All of a file or, "-", of standard input, at most 64 MiB: more than any context holds. What collect_sources throws.
std::string whole_input(const std::string& path, const std::string& encoding = {});

/// Asks on a terminal for a line, and again behind answer(line), until Ctrl-D, or until nobody reads the answers any
/// more and it is false.
void ask(const std::string& question, const std::function<bool(const std::string&)>& answer);

/// What sample writes.
struct Excerpt {
  std::string prompt;
  long tokens = 500;
  std::uint64_t first = 0;  // samples are numbered from here
  long samples = 1;
  train::Sampling sampling;
  train::SampleForm form;
};

/// Throws Fault::usage for a model that cannot go on with a text.
void check_writes(const train::LoadedRun& run);

/// Writes samples of a run's model to standard output: the prompt, its continuation, a line feed; several are separated
/// by a line of dashes. Several are made at once; the first that has not ended is written as it comes. A sample ends
/// with its document: where the model says end_of_text, which is not written. Without a prompt a model of documents
/// begins a new one; another begins after a line feed if the vocabulary has one, else with the first token of the
/// training text. What would be no valid UTF-8 is not drawn, unless form.raw. False: nobody reads
/// any more. As check_writes().
bool write_samples(const train::LoadedRun& run, const Excerpt& excerpt);

}  // namespace primer::program
