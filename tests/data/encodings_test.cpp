// Texts that are not UTF-8, and files that are no text.
#include "data/text/encodings.h"

#include "data/text/parallel.h"
#include "data/text/text.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

using namespace std::string_literals;

/// What `bytes` are as UTF-8, arriving so many at a time.
std::string turned(const std::string& encoding, const std::string& bytes, std::size_t at_once) {
  Transcoder transcoder(encoding);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += at_once)
    out += transcoder.turn(std::string_view(bytes).substr(i, at_once));
  return out += transcoder.finish();
}

std::string all_of(const Source& source) { return whole_text(source, 1 << 30); }

// "aß你😀\n"
const std::string utf8 = "a\u00DF\u4F60\U0001F600\n";
const std::string utf16le =
    "\xFF\xFE"
    "a\0\xDF\0\x60\x4F\x3D\xD8\x00\xDE\n\0"s;
const std::string utf16be = "\xFE\xFF\0a\0\xDF\x4F\x60\xD8\x3D\xDE\x00\0\n"s;

}  // namespace

TEST_CASE("bytes of other encodings become UTF-8, wherever the blocks are cut") {
  for (const std::size_t at_once : {1u, 2u, 3u, 1000u}) {
    CHECK(turned("UTF-16", utf16le, at_once) == utf8);
    CHECK(turned("UTF-16", utf16be, at_once) == utf8);
    CHECK(turned("latin1",
                 "Gr\xF6\xDF"
                 "e",
                 at_once) == "Gr\u00F6\u00DFe");
    CHECK(turned("gb18030", "\xC4\xE3\xBA\xC3", at_once) == "\u4F60\u597D");
    CHECK(turned("shift-jis", "\x93\xFA\x96\x7B", at_once) == "\u65E5\u672C");
    CHECK(turned("UTF-8", utf8, at_once) == utf8);
    CHECK(turned("cp1255", "\xF9\xEC\xE5\xED \xE0", at_once) == "\u05E9\u05DC\u05D5\u05DD \u05D0");  // held back
    CHECK(contains(refused(Fault::input,
                           [&] {
                             turned("UTF-8",
                                    "abc\xFF"
                                    "d",
                                    at_once);
                           }),
                   "the byte at 3 begins"));
    CHECK(contains(refused(Fault::input, [&] { turned("UTF-16", utf16le + "x", at_once); }), "in UTF-16"));
  }
  for (const char* name : {"klingon", " ", "/", "//", "//TRANSLIT"}) {
    const std::string message = refused(Fault::usage, [&] { Transcoder{name}; });
    CHECK(contains(message, "--encoding '" + std::string(name) + "': iconv does not know it"));
    refused(Fault::usage, [&] { collect_sources({"."}, {}, 0, name); });
  }
}

TEST_CASE("a text of UTF-16 is known by its mark, in a folder too; another encoding is said") {
  const TemporaryFolder folder;
  folder.put("all/a.txt", utf16le);
  folder.put("all/b.txt", utf16be);
  folder.put("all/c.txt", "plain\n");
  std::string all;
  for (const Source& source : collect_sources({folder / "all"}).files) all += all_of(source);
  CHECK(all == utf8 + utf8 + "plain\n");
  const std::string latin = folder.put("latin.txt",
                                       "Gr\xF6\xDF"
                                       "e\n"),
                    wide = folder.put("wide.txt", utf16le);
  const Sources sources = collect_sources({latin, wide}, {}, longest_spool, "latin1");
  CHECK(all_of(sources.files[0]) == "Gr\u00F6\u00DFe\n");
  CHECK(all_of(sources.files[1]) == utf8);
  const TextFacts facts = survey(sources);
  CHECK(facts.stray_bytes == 0);
  CHECK(facts.files[0].bytes == 8);
  CHECK(facts.files[1].symbols == 5);
  const Source joined = join_parallel(latin, wide, folder / "spool", "latin1");
  CHECK(all_of(joined) == "Gr\u00F6\u00DFe\t" + utf8);
  // A text that turns to nothing within a block goes on.
  const std::string long_text(3u << 20, 'x');
  CHECK(all_of(collect_sources({folder.put("long", long_text)}, {}, longest_spool, "latin1").files[0]) == long_text);
  const Source broken = collect_sources({folder.put("broken.txt", "abc\xFF")}, {}, longest_spool, "ascii").files[0];
  CHECK(contains(refused(Fault::input, [&] { all_of(broken); }), "broken.txt': the byte at 3 begins nothing"));
  const std::string in_ascii = folder / "broken.txt";
  const std::string twice = refused(Fault::input, [&] { join_parallel(in_ascii, wide, folder / "spool", "ascii"); });
  CHECK(contains(twice, "broken.txt"));
  CHECK(twice.find("broken.txt") == twice.rfind("broken.txt"));
}

TEST_CASE("a file of a folder that is not in its encoding, or holds NUL in it, is left out by its name") {
  const TemporaryFolder folder;
  folder.put("all/binary", "\xFF\xFE\xFF\xDF and no text");
  folder.put("all/cut",
             "\xFF\xFE"
             "a");
  folder.put("all/nul.bin", "a\0b"s);
  folder.put("all/text.txt",
             "Gr\xF6\xDF"
             "e\n");
  folder.put("all/mark.txt",
             "\xEF\xBB\xBF"
             "ma\u00DF\n");
  const Sources plain = collect_sources({folder / "all"});
  CHECK(contains(plain.summary(), "2 files, 14 bytes; skipped 3 (2 not in UTF-16, 1 with NUL bytes)"));
  const Sources latin = collect_sources({folder / "all"}, {}, 0, "latin1");
  CHECK(contains(latin.summary(), "2 files, 14 bytes; skipped 3 (2 not in UTF-16, 1 with NUL bytes)"));
  CHECK(all_of(latin.files[0]) == "\xEF\xBB\xBFma\u00DF\n");  // its mark says that it is UTF-8
  CHECK(all_of(latin.files[1]) == "Gr\u00F6\u00DFe\n");
  CHECK(collect_sources({folder / "all"}, {}, 0, "ascii").summary().find("1 not in ascii") != std::string::npos);
  // Read as it stands, anything is a text.
  const Sources bytes = collect_sources({folder / "all"}, {}, 0, std::string(as_bytes));
  CHECK(bytes.skipped.empty());
  CHECK(all_of(bytes.files[0]) == "\xFF\xFE\xFF\xDF and no text");
  const std::string archive = folder.put("a.gz", "\x1F\x8B\x08 and more");
  CHECK(contains(refused(Fault::input, [&] { collect_sources({archive}); }), "--encoding bytes reads it as it stands"));
  CHECK(all_of(source_at(archive, std::string(as_bytes))) == "\x1F\x8B\x08 and more");
}

TEST_CASE("what is no text is refused with the way to its text, and left out of a folder by its name") {
  const TemporaryFolder folder;
  const std::pair<std::string, std::string> files[] = {
      {"\x1F\x8B\x08\0x"s, "is gzip, and no text; give what zcat writes, as in zcat "},
      {"\xFD"
       "7zXZ\0\0"s,
       "is xz, and no text; give what xzcat writes"},
      {"\x28\xB5\x2F\xFDx"s, "is zstd, and no text; give what zstdcat writes"},
      {"BZh91AY&SY\x01\x02"s, "is bzip2, and no text; give what bzcat writes"},
      {"PK\x03\x04x"s, "is a ZIP archive, and no text; give what unzip -p writes"},
      {std::string(257, 'n') + "ustar\0"s, "is a tar archive, and no text; give what tar -xOf writes"},
      {"%PDF-1.7\n"s, "is PDF, and no text"},
      {"\x89PNG\r\n\x1A\n"s, "is a PNG picture, and no text"},
      {"\x7F"
       "ELF\x02"s,
       "is a program, and no text"},
  };
  int count = 0;
  for (const auto& [bytes, message] : files) {
    const std::string path = folder.put("all/" + std::to_string(count++), bytes);
    CHECK(contains(refused(Fault::input, [&] { collect_sources({path}); }), message));
  }
  folder.put("all/text", "BZh1 is no archive, and neither is PK\n");
  CHECK_FALSE(no_text("GIF89a is the name of a format"));
  CHECK_FALSE(no_text(std::string(257, 'n') + "ustar is a format, too"));
  CHECK_FALSE(no_text("]\0\0\0a\0\0\0b\0\0\0"s));  // UTF-32 without a mark
  CHECK(no_text("]\0\0\x80\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s)->name == "lzma");
  CHECK(no_text("GIF89a\x10\0\x10\0"s)->name == "a GIF picture");
  const Sources sources = collect_sources({folder / "all"});
  CHECK(sources.files.size() == 1);
  CHECK(contains(sources.summary(),
                 "1 PDF, 1 a PNG picture, 1 a ZIP archive, 1 a program, 1 a tar archive, 1 bzip2, 1 gzip"));
}

}  // namespace primer::data
