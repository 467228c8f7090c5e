// What commands share: results on standard output, threads, and samples.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "data/text/text.h"
#include "train/checkpoints/loaded_run.h"
#include "train/step/generate.h"

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

/// What sample writes.
struct Excerpt {
  std::string prompt;
  std::string stop;
  long tokens = 500;
  long samples = 1;
  bool ignores_end = false;  // goes on behind the end of a document
  train::Sampling sampling;
};

/// Writes samples of a run's model to standard output: the prompt, its continuation, a line feed; several are separated
/// by a line of dashes. Several are made at once; the first that has not ended is written as it comes. A sample ends
/// with its document: where the model says end_of_text, which is not written. Without a prompt a model of documents
/// begins a new one; another begins after a line feed if the vocabulary has one, else with the first token of the
/// training text. Throws Fault::usage for a masked model.
void write_samples(const train::LoadedRun& run, const Excerpt& excerpt);

}  // namespace primer::program
