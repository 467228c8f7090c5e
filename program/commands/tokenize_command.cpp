#include <charconv>
#include <memory>

#include "autograd/error.h"
#include "data/bytes/scratch_folder.h"
#include "data/tokenizers/bpe_training.h"
#include "data/tokenizers/tokenizer_files.h"
#include "program/commands.h"
#include "program/commands/tokenize_stats.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/step/progress.h"

namespace primer::program {

using namespace train;

using autograd::Error;
using autograd::Fault;

namespace {

struct LearnOptions {
  std::vector<std::string> texts, specials;
  std::string encoding, tokenizer = "bpe:4096", out = "tokenizer.json";
  long threads = 0;
  bool force = false, quiet = false;
};

struct UseOptions {
  std::vector<std::string> texts;
  std::string encoding, tokenizer;
  long top = 20;
  bool specials = false, json = false;
};

// The texts, standard input copied into the folder. What was skipped is said.
template <class Options>
data::Sources sources_of(const Options& options, const data::ScratchFolder& folder, bool quiet = false) {
  data::Sources sources =
      data::collect_sources(options.texts, folder.path() + "/text", data::longest_spool, options.encoding);
  if (!quiet && !sources.skipped.empty()) say("files  " + sources.summary() + "\n");
  return sources;
}

std::shared_ptr<const data::Tokenizer> learn(const LearnOptions& options, const data::Sources& sources) {
  if (options.tokenizer == "byte") return data::make_byte_tokenizer(options.specials);
  if (options.tokenizer == "char") {
    return data::make_character_tokenizer(data::survey(sources).alphabet, options.specials);
  }
  if (const int size = bpe_size(options.tokenizer)) {
    return data::train_bpe(data::count_words(sources), size, options.specials);
  }
  throw Error(Fault::usage, "--tokenizer " + data::printable(options.tokenizer) +
                                ": expected char, byte, or bpe:SIZE with a size from " +
                                std::to_string(data::fewest_bpe_tokens) + " to " +
                                std::to_string(data::most_bpe_tokens));
}

void run_train(const LearnOptions& options) {
  use_threads(options.threads);
  if (data::kind_of(options.out, false) != data::FileKind::missing && !options.force) {
    throw Error(Fault::usage, data::printable(options.out) + " exists; --force replaces it, -o names another");
  }
  const data::ScratchFolder folder("tokenize");
  const data::Sources sources = sources_of(options, folder, options.quiet);
  if (!options.quiet) say_learning(options.tokenizer, sources);
  const auto tokenizer = learn(options, sources);
  data::write_file_atomically(options.out, tokenizer->json());
  if (options.quiet) return;
  say("saved  " + data::printable(options.out) + ", " + std::to_string(tokenizer->vocabulary_size()) + " tokens\n");
  const int ordinary = tokenizer->vocabulary_size() - static_cast<int>(tokenizer->specials().size());
  if (ordinary < bpe_size(options.tokenizer)) say("note   the text has no more pairs that occur twice\n");
}

/// Writes ids to standard output, a line a text.
class IdWriter {
 public:
  void add(const std::vector<int>& ids) {
    for (const int id : ids) {
      if (!first_) line_ += ' ';
      line_ += std::to_string(id);
      first_ = false;
    }
  }
  void end() { line_ += '\n', first_ = true; }
  /// False if nobody reads any more.
  bool flush() {
    const bool is_read = put(line_);
    line_.clear();
    return is_read;
  }

 private:
  std::string line_;
  bool first_ = true;
};

void run_encode(const UseOptions& options) {
  const auto tokenizer = data::open_tokenizer(options.tokenizer);
  const data::ScratchFolder folder("tokenize");
  const data::Sources sources = sources_of(options, folder);
  IdWriter writer;
  data::Unknowns unknown;
  for (const data::Source& source : sources.files) {
    if (options.specials) {
      constexpr std::uint64_t most = 64u << 20;  // bytes: such a text is held whole
      writer.add(tokenizer->encode_with_specials(data::whole_text(source, most), &unknown));
    } else {
      data::TextReader reader(source);
      const auto encoder = tokenizer->encoder();
      std::vector<int> ids;
      for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) {
        ids.clear();
        encoder->feed(block, ids);
        writer.add(ids);
        if (!writer.flush()) return;
      }
      ids.clear();
      encoder->finish(ids);
      writer.add(ids);
      unknown.add(encoder->unknown());
    }
    writer.end();
    if (!writer.flush()) return;
  }
  if (unknown.symbols > 0) warn({tokenizer->unknown_note(unknown)});
}

/// Reads numbers with white space between them from blocks.
class IdReader {
 public:
  explicit IdReader(const data::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void feed(std::string_view block, std::string& out) {
    for (const char c : block) {
      if (c == ' ' || (c >= '\t' && c <= '\r')) {
        finish(out);
      } else if (word_.size() <= longest_id) {  // of more no more is kept than says so
        word_ += c;
      }
    }
  }

  void finish(std::string& out) {
    if (word_.empty()) return;
    int id = -1;
    const auto [end, error] = std::from_chars(word_.data(), word_.data() + word_.size(), id);
    const bool is_number = error == std::errc() && end == word_.data() + word_.size() && word_.size() <= longest_id;
    if (!is_number || id < 0 || id >= tokenizer_.vocabulary_size()) {
      throw Error(Fault::input, "\"" + data::printable(word_) + "\" is no token; they are 0 to " +
                                    std::to_string(tokenizer_.vocabulary_size() - 1));
    }
    out += first_ ? tokenizer_.decode({&id, 1}) : tokenizer_.following_text(id);
    first_ = false;
    word_.clear();
  }

 private:
  static constexpr std::size_t longest_id = 20;  // symbols

  const data::Tokenizer& tokenizer_;
  std::string word_;
  bool first_ = true;
};

void run_decode(const UseOptions& options) {
  const auto tokenizer = data::open_tokenizer(options.tokenizer);
  const data::ScratchFolder folder("tokenize");
  const data::Sources sources = sources_of(options, folder);
  for (const data::Source& source : sources.files) {
    data::TextReader reader(source);
    IdReader ids(*tokenizer);
    std::string out;
    for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) {
      out.clear();
      ids.feed(block, out);
      if (!put(out)) return;
    }
    out.clear();
    ids.finish(out);
    if (!put(out)) return;
  }
}

void run_stats(const UseOptions& options) {
  const auto tokenizer = data::open_tokenizer(options.tokenizer);
  const data::ScratchFolder folder("tokenize");
  const data::Sources sources = sources_of(options, folder);
  const TokenStats stats = count_stats(sources, *tokenizer);
  put(options.json ? stats_json(stats, *tokenizer, options.top) : stats_text(stats, *tokenizer, options.top));
}

std::shared_ptr<UseOptions> add_use(CLI::App* command, const char* texts, void (*run)(const UseOptions&)) {
  const auto options = std::make_shared<UseOptions>();
  command->add_option("TEXT", options->texts, texts)->required();
  add_encoding_option(*command, options->encoding);
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "a tokenizer.json, vocab.json with merges.txt, vocab.txt, or a folder with one, such as a run")
      ->type_name("PATH")
      ->required();
  command->callback([options, run] { run(*options); });
  return options;
}

void add_learn(CLI::App& group) {
  const auto options = std::make_shared<LearnOptions>();
  CLI::App* const command = add_command(group, "train", "learn a tokenizer from a text",
                                        "Examples:\n"
                                        "  primer tokenize train book.txt --tokenizer bpe:4096 -o tokenizer.json\n"
                                        "  primer tokenize train . --tokenizer bpe:8000 --special '<|endoftext|>'");
  command->add_option("TEXT", options->texts, "files, folders (every text file below), or - for standard input")
      ->required();
  add_encoding_option(*command, options->encoding);
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "pieces of words learned by byte pair encoding, SIZE in all, or characters or bytes [bpe:4096]")
      ->type_name("bpe:SIZE|char|byte");
  command->add_option("-o", options->out, "the file to write [tokenizer.json]")->type_name("FILE");
  command
      ->add_option("--special", options->specials,
                   "a special token on top of SIZE, such as [MASK]; may be given more than once")
      ->type_name("NAME")
      ->allow_extra_args(false);
  add_threads_option(*command, options->threads);
  command->add_flag("--force", options->force, "replace an existing file");
  command->add_flag("-q,--quiet", options->quiet, "say nothing");
  command->callback([options] { run_train(*options); });
}

}  // namespace

void add_tokenize(CLI::App& root) {
  CLI::App* const group = add_command(root, "tokenize", "learn a tokenizer, or use one on its own",
                                      "Examples:\n"
                                      "  primer tokenize train book.txt --tokenizer bpe:4096 -o tokenizer.json\n"
                                      "  primer tokenize encode book.txt --tokenizer tokenizer.json >ids\n"
                                      "  primer tokenize decode ids --tokenizer tokenizer.json\n"
                                      "  primer tokenize stats book.txt --tokenizer runs/book\n"
                                      "  primer tokenize COMMAND --help   all options of one of these");
  add_learn(*group);
  CLI::App* const encode = add_command(*group, "encode", "write a text's token ids, separated by spaces",
                                       "Examples:\n"
                                       "  primer tokenize encode book.txt --tokenizer tokenizer.json\n"
                                       "  echo 'a [MASK]' | primer tokenize encode - --tokenizer vocab.txt --specials");
  const auto encoding = add_use(encode, "files, each written as a line, folders, or - for standard input", run_encode);
  encode->add_flag("--specials", encoding->specials,
                   "names of special tokens in the text stand for these tokens; without, they are text like any other");
  add_use(add_command(*group, "decode", "write the text that token ids stand for",
                      "Examples:\n"
                      "  primer tokenize decode ids --tokenizer tokenizer.json\n"
                      "  echo 15496 995 | primer tokenize decode - --tokenizer gpt2/vocab.json"),
          "files of ids with white space between them, or - for standard input", run_decode);
  CLI::App* const stats = add_command(*group, "stats", "how a tokenizer cuts a text: tokens a word, commonest, longest",
                                      "Examples:\n"
                                      "  primer tokenize stats book.txt --tokenizer tokenizer.json --top 50");
  const auto counting = add_use(stats, "files, folders, or - for standard input", run_stats);
  add_integer(*stats, "--top", counting->top, 0, 1'000'000, "how many of the commonest and of the longest to show");
  stats->add_flag("--json", counting->json, "one JSON object");
}

}  // namespace primer::program
