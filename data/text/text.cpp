#include "data/text/text.h"

#include <algorithm>
#include <map>

#include "data/bytes/shell_word.h"
#include "data/text/records.h"

namespace primer::data {

namespace {

std::string head_of(const InputFile& file) {
  std::string head(head_bytes, '\0');
  head.resize(file.read_at(head.data(), head.size(), 0));
  return head;
}

/// The reason to leave out a folder with these names in it, or nothing.
std::string folder_fault(const std::vector<std::string>& names) {
  const auto has = [&](const char* name) { return std::binary_search(names.begin(), names.end(), name); };
  if (has("config.json") && (has("metrics.jsonl") || has("tokens"))) return "run folder";
  if (has("CMakeCache.txt")) return "build folder";
  return {};
}

constexpr const char* unreadable = "that cannot be read";  // no permission, a failing disk, or gone meanwhile

/// What a path below a folder is; `missing` too where that cannot be told.
FileKind kind_below(const std::string& path) {
  try {
    return kind_of(path, false);
  } catch (const Error&) {
    return FileKind::missing;
  }
}

/// The file of a folder, or in `why` the reason to leave it out.
std::optional<Source> text_below(const std::string& path, const std::string& encoding, std::string& why) {
  try {
    const InputFile file(path);
    const std::string head = head_of(file);
    Source source{path, file.identity(), {}, false, encoding_of(head, encoding)};
    if (file.size() == 0) {
      why = "empty";
      return {};
    }
    if (encoding == as_bytes) return source;
    if (const std::optional<NoText> other = no_text(head)) {
      why = other->name;
      return {};
    }
    Transcoder transcoder(source.encoding);
    std::string block(TextReader::block_bytes, '\0');
    for (std::uint64_t offset = 0;;) {
      const std::size_t got = file.read_at(block.data(), block.size(), offset);
      why = "not in " + source.encoding;  // if it is not
      const std::string_view text = got > 0 ? transcoder.turn({block.data(), got}) : transcoder.finish();
      why = "with NUL bytes";
      if (text.find('\0') != text.npos) return {};
      why.clear();
      if (got == 0) return source;
      offset += got;
    }
  } catch (const Error&) {
    if (why.empty()) why = unreadable;
  }
  return {};
}

/// Adds the text files below `top`, in the byte order of their paths.
void add_folder(const std::string& top, const std::string& encoding, Sources& sources) {
  std::vector<std::string> folders{top}, files;
  const auto skip = [&](const std::string& path, const std::string& why) { sources.skipped.push_back({path, why}); };
  while (!folders.empty()) {
    const std::string folder = folders.back();
    folders.pop_back();
    std::vector<std::string> names;
    try {
      names = names_in(folder);
    } catch (const Error&) {  // what was named must be there; below it things come and go
      if (folder == top) throw;
      skip(folder, unreadable);
      continue;
    }
    if (const std::string why = folder_fault(names); !why.empty() && folder != top) {
      skip(folder, why);
      continue;
    }
    for (const std::string& name : names) {
      const std::string path = folder.ends_with('/') ? folder + name : folder + "/" + name;
      if (name.starts_with('.')) {
        skip(path, "hidden");
        continue;
      }
      switch (kind_below(path)) {
        case FileKind::regular: files.push_back(path); break;
        case FileKind::folder: folders.push_back(path); break;
        case FileKind::link: skip(path, "link"); break;
        case FileKind::missing: skip(path, unreadable); break;
        default: skip(path, "not a file");
      }
    }
  }
  std::sort(files.begin(), files.end());
  for (const std::string& path : files) {
    std::string why;
    if (const std::optional<Source> source = text_below(path, encoding, why)) sources.files.push_back(*source);
    else skip(path, why);
  }
}

}  // namespace

std::string Source::name() const { return !shown_as.empty() ? shown_as : "'" + printable(path) + "'"; }

std::uint64_t Sources::bytes() const {
  std::uint64_t sum = 0;
  for (const Source& source : files) sum += source.identity.size;
  return sum;
}

std::string Sources::summary() const {
  std::string text =
      std::to_string(files.size()) + (files.size() == 1 ? " file, " : " files, ") + std::to_string(bytes()) + " bytes";
  if (skipped.empty()) return text;
  std::map<std::string, std::size_t> reasons;
  for (const Skipped& one : skipped) ++reasons[one.reason];
  text += "; skipped " + std::to_string(skipped.size());
  const char* separator = " (";
  for (const auto& [reason, count] : reasons) {
    text += separator + std::to_string(count) + " " + reason;
    separator = ", ";
  }
  return text + ")";
}

std::string check_text(std::string_view head, const std::string& encoding, const std::string& name,
                       const std::string& file_name) {
  if (const std::optional<NoText> other = no_text(head); other && encoding != as_bytes) {
    const std::string reader(other->reader);
    const std::string way =
        reader.empty() ? ""
                       : "; give what " + reader + " writes, as in " + reader + " " + file_name + " | primer train -";
    throw Error(Fault::input, name + " is " + std::string(other->name) + ", and no text" + way +
                                  "; --encoding bytes reads it as it stands");
  }
  return encoding_of(head, encoding);
}

Source source_at(const std::string& path, const std::string& encoding, const std::string& shown_as) {
  const InputFile file(path);
  Source source{path, file.identity(), shown_as};
  source.encoding =
      check_text(head_of(file), encoding, source.name(), shown_as.empty() ? shell_word(printable(path)) : "FILE");
  return source;
}

Sources collect_sources(const std::vector<std::string>& paths, const std::string& spool, std::uint64_t spool_limit,
                        const std::string& encoding) {
  if (paths.empty()) throw Error(Fault::usage, "no text is given; name a file, a folder, or - for standard input");
  if (std::count(paths.begin(), paths.end(), "-") > 1) {
    throw Error(Fault::usage, "standard input (-) is given twice; it can be read once");
  }
  Transcoder{encoding};  // refuses one that there is not
  Sources sources;
  for (const std::string& path : paths) {
    if (path == "-") {
      if (spool.empty()) throw Error(Fault::usage, "standard input (-) cannot be used here; name a file");
      spool_standard_input(spool, spool_limit);
      sources.files.push_back(source_at(spool, encoding, "standard input"));
    } else if (kind_of(path, true) == FileKind::folder) {
      const std::size_t before = sources.files.size();
      add_folder(path, encoding, sources);
      if (sources.files.size() == before) {
        throw Error(Fault::input, "'" + printable(path) + "': the folder holds no text file; name one that does");
      }
    } else {
      sources.files.push_back(source_at(path, encoding));
    }
  }
  if (sources.bytes() == 0) {
    const std::string name = paths.front() == "-" ? "standard input" : "'" + printable(paths.front()) + "'";
    throw Error(Fault::input, name + ": the text is empty; give one with something in it");
  }
  return sources;
}

void hold_back(Sources& sources, const Sources& own) {
  const auto is_own = [&](const Source& source) {
    return std::ranges::any_of(own.files, [&](const Source& one) { return one.identity == source.identity; });
  };
  for (const Source& source : sources.files) {
    if (is_own(source)) sources.skipped.push_back({source.path, "for validation"});
  }
  std::erase_if(sources.files, is_own);
  if (sources.bytes() == 0) {
    throw Error(Fault::input, "every text is one to validate with, and none is left to learn from; give others");
  }
  for (Source source : own.files) {
    source.held_back = true;
    sources.files.push_back(std::move(source));
  }
  sources.skipped.insert(sources.skipped.end(), own.skipped.begin(), own.skipped.end());
}

TextReader::TextReader(const Source& source) : source_(source), file_(source.path), transcoder_(source.encoding) {
  check_unchanged();
}

std::string_view TextReader::next() {
  for (;;) {
    const std::uint64_t left = source_.identity.size - offset_;
    block_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left, block_bytes)));
    const std::size_t got = file_.read_at(block_.data(), block_.size(), offset_);
    offset_ += got;
    if (got < block_.size() || offset_ == source_.identity.size) check_unchanged();
    const std::string_view block = std::string_view(block_).substr(0, got);
    std::string_view text;
    naming(source_, [&] { text = block.empty() ? transcoder_.finish() : transcoder_.turn(block); });
    if (block.empty() || !text.empty()) return text;
  }
}

void TextReader::check_unchanged() const {
  if (file_.identity() == source_.identity) return;
  throw Error(Fault::input, source_.name() + ": the file changed while it was read; try again");
}

std::string whole_text(const Source& source, std::uint64_t most) {
  if (source.identity.size > most) {
    throw Error(Fault::input, source.name() + " holds " + std::to_string(source.identity.size) +
                                  " bytes, more than the " + std::to_string(most) + " that are allowed here");
  }
  std::string text;
  TextReader reader(source);
  for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) text += block;
  return text;
}

TextFacts survey(const Sources& sources) {
  TextFacts facts;
  std::vector<unsigned char> seen(symbol_count, 0);  // [symbols], 1 for one that occurs, 2 for one that does so again
  for (const Source& source : sources.files) {
    FileFacts file;
    file.held_back = source.held_back;
    Symbol before = 0;
    const auto each = [&](Symbol symbol, int) {
      seen[symbol] = seen[symbol] == 0 ? 1 : 2;
      if (symbol < 0x20 || symbol == 0x7F) {
        if (symbol == '\n') facts.carriage_returns |= before == '\r';
        else if (symbol != '\t' && symbol != '\f' && symbol != '\r') ++facts.control_bytes;
      } else if (is_stray(symbol)) {
        ++facts.stray_bytes;
      } else if (symbol == 0xFEFF && file.symbols == 0) {
        facts.byte_order_mark = true;
      }
      before = symbol;
      ++file.symbols;
    };
    SymbolReader symbols;
    facts.checksum = each_block(source, sources.fields, facts.checksum, [&](std::string_view block) {
      file.bytes += block.size();
      symbols.feed(block, each);
    });
    symbols.finish(each);
    facts.bytes += file.bytes;
    facts.symbols += file.symbols;
    facts.files.push_back(file);
  }
  if (facts.bytes == 0 && !sources.fields.names.empty())
    throw Error(Fault::input, sources.files.front().name() + ": no record has anything in the fields that are read");
  for (Symbol symbol = 0; symbol < symbol_count; ++symbol) {
    if (seen[symbol] > 0) facts.alphabet.push_back(symbol);
    if (seen[symbol] == 1) facts.rare.push_back(symbol);
  }
  return facts;
}

}  // namespace primer::data
