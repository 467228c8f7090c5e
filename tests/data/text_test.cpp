#include "data/text/text.h"

#include <sys/stat.h>

#include "data/bytes/checksum.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

std::string all_of(const Source& source) {
  TextReader reader(source);
  std::string text;
  for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) text += block;
  return text;
}

/// The paths found, without the folder in front of them.
std::vector<std::string> found(const Sources& sources, const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const Source& source : sources.files) names.push_back(source.path.substr(folder.path().size() + 1));
  return names;
}

std::string reason_for(const Sources& sources, const std::string& path) {
  for (const Skipped& skipped : sources.skipped) {
    if (skipped.path == path) return skipped.reason;
  }
  return {};
}

}  // namespace

TEST_CASE("a folder gives its text files in the byte order of their paths, and says what it skips") {
  const TemporaryFolder folder;
  for (const char* name : {"b.txt", "B.txt", "a/z.txt", "a.txt", "a-b", "\xC3\xA9.txt", "runs/notes"}) {
    folder.put(name, "text");
  }
  folder.put(".hidden", "x");
  folder.put(".git/config", "x");
  folder.put("binary", std::string("a\0b", 3));
  folder.put("late", std::string(3'000'000, 'x') + '\0');
  folder.put("empty", "");
  folder.put("runs/one/config.json", "{}");
  folder.put("runs/one/metrics.jsonl", "{}");
  folder.put("runs/two/config.json", "{}");
  folder.put("runs/two/tokens", "x");
  folder.put("build/CMakeCache.txt", "x");
  folder.put("build/deep/made.txt", "x");
  folder.put("plain/config.json", "{}");
  std::filesystem::create_symlink("a.txt", folder / "link.txt");
  std::filesystem::create_directory_symlink(".", folder / "loop");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);

  const Sources sources = collect_sources({folder.path()});
  CHECK(found(sources, folder) == std::vector<std::string>{"B.txt", "a-b", "a.txt", "a/z.txt", "b.txt",
                                                           "plain/config.json", "runs/notes", "\xC3\xA9.txt"});
  CHECK(reason_for(sources, folder / ".hidden") == "hidden");
  CHECK(reason_for(sources, folder / ".git") == "hidden");
  CHECK(reason_for(sources, folder / "binary") == "with NUL bytes");
  CHECK(reason_for(sources, folder / "late") == "with NUL bytes");
  CHECK(reason_for(sources, folder / "empty") == "empty");
  CHECK(reason_for(sources, folder / "runs/one") == "run folder");
  CHECK(reason_for(sources, folder / "runs/two") == "run folder");
  CHECK(reason_for(sources, folder / "build") == "build folder");
  CHECK(reason_for(sources, folder / "link.txt") == "link");
  CHECK(reason_for(sources, folder / "loop") == "link");
  CHECK(reason_for(sources, folder / "pipe") == "not a file");
  CHECK(sources.skipped.size() == 11);
  CHECK(sources.bytes() == 7 * 4 + 2);
  CHECK(sources.summary() ==
        "8 files, 30 bytes; skipped 11 (1 build folder, 1 empty, 2 hidden, 2 link, 1 not a file, "
        "2 run folder, 2 with NUL bytes)");
}

TEST_CASE("what cannot be read below a folder is skipped and counted") {
  const TemporaryFolder here;
  here.put("top/a.txt", "text");
  // A path beyond the system's limit, made from below: nobody can open it by its name, root neither.
  const std::string name(200, 'd');
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(here / "top");
  for (int depth = 0; depth < 25; ++depth) {
    std::filesystem::create_directory(name);
    std::filesystem::current_path(name);
  }
  std::filesystem::current_path(before);
  const Sources sources = collect_sources({here / "top"});
  CHECK(sources.files.size() == 1);
  REQUIRE(sources.skipped.size() == 1);
  CHECK(sources.skipped.front().reason == "that cannot be read");
  CHECK(sources.summary() == "1 file, 4 bytes; skipped 1 (1 that cannot be read)");
}

TEST_CASE("files named themselves keep their order and are never skipped") {
  const TemporaryFolder folder;
  const std::string b = folder.put("b", std::string("a\0b", 3)), a = folder.put(".a", "text");
  std::filesystem::create_symlink("b", folder / "link");
  const Sources sources = collect_sources({b, a, folder / "link"});
  CHECK(found(sources, folder) == std::vector<std::string>{"b", ".a", "link"});
  CHECK(all_of(sources.files[0]) == std::string("a\0b", 3));
  CHECK(all_of(sources.files[2]) == std::string("a\0b", 3));
}

TEST_CASE("a run folder that is named itself is read") {
  const TemporaryFolder folder;
  folder.put("run/config.json", "{}");
  folder.put("run/metrics.jsonl", "{}");
  CHECK(found(collect_sources({folder / "run"}), folder) ==
        std::vector<std::string>{"run/config.json", "run/metrics.jsonl"});
}

TEST_CASE("texts that cannot be used are refused with the right word") {
  const TemporaryFolder folder;
  CHECK(contains(refused(Fault::input, [&] { collect_sources({folder / "none"}); }), "no such file"));
  CHECK(contains(refused(Fault::input, [&] { collect_sources({folder.path()}); }), "holds no text"));
  CHECK(contains(refused(Fault::input, [&] { collect_sources({folder.put("empty", "")}); }), "text is empty"));
  CHECK(contains(refused(Fault::input, [&] { collect_sources({"/dev/zero"}); }), "is a device"));
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(contains(refused(Fault::input, [&] { collect_sources({folder / "pipe"}); }), "is a pipe"));
  refused(Fault::usage, [&] { collect_sources({}); });
  refused(Fault::usage, [&] { collect_sources({"-", "-"}, folder / "spool"); });
  refused(Fault::usage, [&] { collect_sources({"-"}); });
}

TEST_CASE("standard input is spooled up to its limit") {
  const TemporaryFolder folder;
  const std::string text = folder.put("input", std::string(2'500'000, 'x') + "end");
  const int saved = ::dup(STDIN_FILENO);
  REQUIRE(std::freopen(text.c_str(), "r", stdin) != nullptr);
  ::lseek(STDIN_FILENO, 0, SEEK_SET);
  const Sources sources = collect_sources({"-"}, folder / "spool");
  ::lseek(STDIN_FILENO, 0, SEEK_SET);
  const std::string message = refused(Fault::input, [&] { collect_sources({"-"}, folder / "small", 1000); });
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  CHECK(all_of(sources.files.at(0)) == read_file(text, 3'000'000));
  CHECK(sources.files[0].name() == "standard input");
  CHECK(contains(message, "more than 1000 bytes"));
  CHECK(kind_of(folder / "small", false) == FileKind::missing);
}

TEST_CASE("a file that changes while it is read is refused") {
  const TemporaryFolder folder;
  const std::string path = folder.put("one", std::string(3'000'000, 'x'));
  const Sources sources = collect_sources({path});
  const auto read_and = [&](auto change) {
    return [&, change] {
      TextReader reader(sources.files[0]);
      reader.next();
      change();
      while (!reader.next().empty()) {}
    };
  };
  CHECK(all_of(sources.files[0]).size() == 3'000'000);
  SUBCASE("longer") {
    CHECK(contains(refused(Fault::input, read_and([&] { std::filesystem::resize_file(path, 3'000'001); })), "changed"));
  }
  SUBCASE("shorter") {
    CHECK(contains(refused(Fault::input, read_and([&] { std::filesystem::resize_file(path, 1'500'000); })), "changed"));
  }
  SUBCASE("written to") {
    const auto later = std::filesystem::last_write_time(path) + std::chrono::seconds(2);
    CHECK(contains(refused(Fault::input, read_and([&] { std::filesystem::last_write_time(path, later); })), "changed"));
  }
  SUBCASE("replaced before it was opened") {
    folder.put("two", std::string(3'000'000, 'y'));
    std::filesystem::rename(folder / "two", path);
    refused(Fault::input, [&] { TextReader{sources.files[0]}; });
  }
}

TEST_CASE("a survey counts bytes and symbols and finds the alphabet") {
  const TemporaryFolder folder;
  const std::string one =
                        "\xEF\xBB\xBF"
                        "ba\r\n\xE4\xBD\xA0\xFF",
                    two = std::string("b\0\xE4\xBD", 4);
  const TextFacts facts = survey(collect_sources({folder.put("one", one), folder.put("two", two)}));
  CHECK(facts.bytes == one.size() + two.size());
  CHECK(facts.files[0].symbols == 7);
  CHECK(facts.files[1].symbols == 4);
  CHECK(facts.symbols == 11);
  CHECK(facts.stray_bytes == 3);
  CHECK(facts.control_bytes == 1);
  CHECK(facts.byte_order_mark);
  CHECK(facts.carriage_returns);
  CHECK(facts.checksum == crc32c(one + two));
  CHECK(facts.alphabet == std::vector<Symbol>{0, '\n', '\r', 'a', 'b', 0x4F60, 0xFEFF, first_stray + 0xBD,
                                              first_stray + 0xE4, first_stray + 0xFF});
}

TEST_CASE("a symbol across the border of two blocks is one symbol") {
  const TemporaryFolder folder;
  for (std::size_t shift = 0; shift < 5; ++shift) {
    const std::string text = std::string(TextReader::block_bytes - shift, 'x') + "\xF0\x9F\x98\x80y";
    const TextFacts facts = survey(collect_sources({folder.put("one", text)}));
    CHECK(facts.symbols == TextReader::block_bytes - shift + 2);
    CHECK(facts.stray_bytes == 0);
    CHECK(facts.alphabet == std::vector<Symbol>{'x', 'y', 0x1F600});
  }
}

}  // namespace primer::data
