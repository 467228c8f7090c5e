#include "program/run_options.h"

#include <algorithm>
#include <utility>

#include "autograd/error.h"
#include "data/examples/encoded_text.h"
#include "data/text/sides.h"
#include "data/text/text.h"
#include "program/number_option.h"
#include "program/output.h"
#include "train/plan/plan.h"
#include "train/step/progress.h"

namespace primer::program {

CLI::Option* add_checkpoint_option(CLI::App& command, std::string& checkpoint) {
  return command
      .add_option("--checkpoint", checkpoint,
                  "which state of a run: best (lowest validation loss), last, or a step [best]")
      ->type_name("best|last|STEP");
}

CLI::Option* add_encoding_option(CLI::App& command, std::string& encoding) {
  const train::Config config;
  return command.add_option("--encoding", encoding, train::field_at(config, &config.encoding).help)->type_name("NAME");
}

void add_threads_option(CLI::App& command, long& threads) {
  add_integer(command, "--threads", threads, 0, 4096, "processor threads; 0: all");
}

void warn(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) train::say("note   " + warning + "\n");
}

void warn_of_unknown(const train::LoadedRun& run) {
  const data::Unknowns unknown = std::exchange(run.unknown, {});
  if (unknown.symbols > 0) warn({run.tokenizer->of_sources().unknown_note(unknown)});
}

void RunChoice::add_to(CLI::App& command, const std::string& help) {
  command.add_option("RUN", run, help)->required();
  add_checkpoint_option(command, checkpoint);
  add_threads_option(command, threads);
}

std::unique_ptr<train::LoadedRun> RunChoice::open() const {
  use_threads(threads);
  auto loaded = train::load_run(run, train::parse_choice(checkpoint));
  warn(loaded->warnings);
  return loaded;
}

void BeamOptions::add_to(CLI::App& command) {
  options = {add_integer(command, "--beam", search.width, 1, 1024,
                         "hypotheses of each translation that are followed; 1: always the most probable token"),
             add_number(command, "--length-penalty", search.length_penalty, 0, 10,
                        "choose by ln p over ((5 + tokens) / 6) to this power; above 0 for longer translations")};
}

bool BeamOptions::are_given() const {
  return std::ranges::any_of(options, [](const CLI::Option* option) { return option->count() > 0; });
}

std::string cut_lines_note(long lines) {
  return std::to_string(lines) + (lines == 1 ? " line was" : " lines were") +
         " longer than the context and lost the end";
}

TokensOfTexts::TokensOfTexts(const train::LoadedRun& run, const std::vector<std::string>& texts,
                             const std::string& encoding) {
  const data::ScratchFolder folder("text");  // gone as soon as the tokens are open: a signal leaves nothing behind
  data::Sources sources = data::collect_sources(texts, folder.path() + "/text", data::longest_spool, encoding);
  sources.fields = train::text_fields(run.config);
  const std::string path = folder.path() + "/tokens";
  const data::TextReading reading = train::reading_of(run.config, *run.tokenizer, run.labels);
  data::TextFacts facts = data::survey(sources);
  data::EncodedText encoded(path, sources, facts, reading);
  encoded.commit(0);
  run.unknown.add(encoded.unknown());
  warn_of_unknown(run);
  warn(train::line_notes(facts, run.config));
  file_.emplace(path);
}

static void read_lines(const LinesText& text, const data::TextFields& fields,
                       const std::function<void(const std::string&, const data::Records&)>& each,
                       const std::function<bool()>& give) {
  bool is_told = fields.names.empty();
  const auto see = [&](const std::vector<std::string>& texts, const data::Records& records) {
    if (!std::exchange(is_told, true) && records.are_lines())
      warn({"the text has no column '" + data::printable(fields.names[0]) + "': each line of it is read whole"});
    if (!texts.empty()) each(texts[0], records);
  };
  if (text.path != "-") {
    for (const data::Source& source : data::collect_sources({text.path}, {}, 0, text.encoding).files)
      data::each_record(source, fields, {}, see);
    return;
  }
  const data::Source standard{.path = "-", .identity = {}, .shown_as = "standard input"};
  data::Transcoder{text.encoding};             // refuses one that there is not, before anything is waited for
  std::optional<data::Transcoder> transcoder;  // once it is known what comes
  data::Records records(fields);
  const auto see_one = [&](const std::vector<std::string>& texts) { see(texts, records); };
  std::vector<char> block(data::TextReader::block_bytes);
  std::size_t begun = 0;  // bytes of the block that were waited for more with
  while (const std::size_t got = data::read_standard_input(block.data() + begun, block.size() - begun)) {
    const std::string_view bytes(block.data(), begun + got);
    begun = transcoder || !data::may_begin_mark(bytes) ? 0 : bytes.size();
    if (begun > 0) continue;
    if (!transcoder) transcoder.emplace(data::check_text(bytes, text.encoding, standard.name(), "FILE"));
    data::naming(standard, [&] { records.feed(transcoder->turn(bytes), see_one); });
    if (!give()) return;
  }
  if (begun > 0) {
    transcoder.emplace(data::check_text({block.data(), begun}, text.encoding, standard.name(), "FILE"));
    data::naming(standard, [&] { records.feed(transcoder->turn({block.data(), begun}), see_one); });
  }
  if (!transcoder) {
    throw autograd::Error(autograd::Fault::input, "standard input: the text is empty; give one with something in it");
  }
  data::naming(standard, [&] {
    records.feed(transcoder->finish(), see_one);
    records.finish(see_one);
  });
}

void each_line_of_text(const LinesText& text, const train::Config& config,
                       const std::function<void(const std::string&, const data::Records&)>& each,
                       const std::function<bool()>& give) {
  data::TextFields fields = train::text_fields(config);
  if (!fields.names.empty()) fields = {{fields.names[fields.labels]}, 0, true};
  try {
    read_lines(text, fields, each, give);
  } catch (const autograd::Error& error) {
    if (error.fault() == autograd::Fault::input) give();  // what came before is not lost
    throw;
  }
  give();
}

void each_line_of(const LinesText& text, const train::Reader& reader, const std::function<bool(LinesRead lines)>& take,
                  const std::function<std::string_view(std::string_view)>& text_of, bool whole) {
  LinesRead waiting;
  std::size_t tokens = 0;  // of the lines that wait
  bool is_read = true;
  long cut = 0;
  const auto give = [&] {
    LinesRead some = std::exchange(waiting, {});
    tokens = 0;
    is_read = is_read && (some.lines.empty() || take(std::move(some)));
    return is_read;
  };
  const auto see = [&](const std::string& line, const data::Records& records) {
    if (!is_read) return;
    const std::string_view read = records.are_lines() ? text_of(line) : line;
    if (!data::is_blank(read)) {
      bool is_cut = false;
      waiting.ids.push_back(whole ? reader.run().encode(read) : reader.ids(read, false, &is_cut));
      waiting.places.push_back(waiting.lines.size());
      tokens += waiting.ids.back().size();
      cut += is_cut;
    }
    waiting.lines.push_back(records.are_lines() ? line : data::as_side(line));
    if (waiting.lines.size() == 1024 || tokens > 1u << 20) give();
  };
  each_line_of_text(text, reader.run().config, see, give);
  if (cut > 0) warn({cut_lines_note(cut)});
  warn_of_unknown(reader.run());
}

}  // namespace primer::program
