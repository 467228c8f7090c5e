// What commands that read a run have in common.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/bytes/scratch_folder.h"
#include "data/examples/token_file.h"
#include "data/text/records.h"
#include "train/checkpoints/checkpoint.h"
#include "train/checkpoints/loaded_run.h"
#include "train/use/reader.h"
#include "train/use/translate.h"

namespace primer::program {

/// Adds --checkpoint; parse_choice() reads what it holds.
CLI::Option* add_checkpoint_option(CLI::App& command, std::string& checkpoint);

/// Adds --encoding, of the texts that a command reads: see data::encoding_of().
CLI::Option* add_encoding_option(CLI::App& command, std::string& encoding);

/// Adds --threads, for use_threads().
void add_threads_option(CLI::App& command, long& threads);

/// Says on standard error what had to be passed over.
void warn(const std::vector<std::string>& warnings);

/// Says what the vocabulary of a run lacks of the texts that it has encoded, and forgets it.
void warn_of_unknown(const train::LoadedRun& run);

/// Which run a command reads, which of its states, and by how many threads.
struct RunChoice {
  std::string run, checkpoint = "best";
  long threads = 0;

  /// Adds RUN, which `help` describes, --checkpoint and --threads. It must outlive the parsing.
  void add_to(CLI::App& command, const std::string& help = "a trained run");

  /// Sets the threads, reads the run and says its warnings.
  std::unique_ptr<train::LoadedRun> open() const;
};

/// How translations are searched for. What a translator's own paper takes: Vaswani et al. 2017, section 6.1.
struct BeamOptions {
  train::BeamSearch search{4, 0.6};
  std::vector<CLI::Option*> options = {};

  /// Adds --beam and --length-penalty. It must outlive the parsing.
  void add_to(CLI::App& command);
  bool are_given() const;
};

/// "3 lines were longer than the context and lost the end"
std::string cut_lines_note(long lines);

/// Texts in tokens, as those of a run are; kept in a scratch file without a name.
class TokensOfTexts {
 public:
  /// Texts are files, folders or "-". What collect_sources and EncodedText throw. Says what of lines is left out.
  TokensOfTexts(const train::LoadedRun& run, const std::vector<std::string>& texts, const std::string& encoding);
  const data::TokenFile& file() const { return *file_; }

 private:
  std::optional<data::TokenFile> file_;
};

/// A text whose lines each get an answer.
struct LinesText {
  std::string path;      // a file, a folder, or - for standard input
  std::string encoding;  // see data::encoding_of()
};

/// Calls each(text, records) for every line of a file, of the files of a folder or, "-", of standard input as it comes.
/// Where the run of this configuration was trained on named fields, and the text has the one that is no label (of a
/// translation, the source), each(text, records) gets what it holds in every record.
/// Behind all that has come at once, before more is waited for, at the end, and before an error is thrown, calls
/// give(), which tells whether anybody still reads the answers: if not, no more is read of standard input. What is
/// wrong with a line names file and line; what collect_sources() throws.
void each_line_of_text(const LinesText& text, const train::Config& config,
                       const std::function<void(const std::string&, const data::Records&)>& each,
                       const std::function<bool()>& give);

/// Lines that get answers: the tokens of those that are not blank, their places among all, and all. What a field holds
/// stands there as_side(), on one line.
struct LinesRead {
  std::vector<std::vector<int>> ids;
  std::vector<std::size_t> places;
  std::vector<std::string> lines;
};

/// Reads a text whose lines each get an answer, 1024 of them at a time or as many as have come. `take` tells whether
/// anybody still reads its answers. What is read of a line that is no field is text_of(line). Says how many lines were
/// cut to the context, unless they stay `whole`: then nothing frames them. Otherwise as each_line_of_text().
void each_line_of(const LinesText& text, const train::Reader& reader, const std::function<bool(LinesRead lines)>& take,
                  const std::function<std::string_view(std::string_view)>& text_of = std::identity(),
                  bool whole = false);

}  // namespace primer::program
