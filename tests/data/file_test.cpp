#include "data/bytes/file.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>

#include "data/bytes/checksum.h"
#include "tests/data/fixture.h"
#include "tests/disk/memory_disk.h"

namespace primer::data {

TEST_CASE("crc32c has its published answers") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);    // RFC 3720, appendix B.4
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);  // the same
  CHECK(crc32c("") == 0);
}

TEST_CASE("crc32c is the same from tables, from any place in memory and of any length") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * i * 7 + 3 * i);
  for (std::size_t begin = 0; begin < 9; ++begin) {
    for (std::size_t count = 0; begin + count <= text.size(); ++count) {
      const std::string_view part = std::string_view(text).substr(begin, count);
      CHECK(crc32c(part, 17) == crc32c_by_tables(part.data(), part.size(), 17));
    }
  }
}

TEST_CASE("crc32c of two pieces continues, wherever the cut is") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string_view whole = text;
    CHECK(crc32c(whole.substr(cut), crc32c(whole.substr(0, cut))) == crc32c(whole));
  }
}

TEST_CASE("a file that may not be opened is the reader's matter, one that the disk does not give out is the disk's") {
  const auto fault_of = [](int error, Fault fault) {
    test::MemoryDisk disk;
    disk.arm({.kind = test::Trouble::Kind::error, .error = error});
    try {
      InputFile("f", fault, disk);
    } catch (const autograd::Error& refusal) {
      return refusal.fault();
    }
    return Fault::bug;
  };
  for (const Fault fault : {Fault::input, Fault::checkpoint}) {
    for (const int error : {EIO, ENOSPC, EMFILE}) CHECK(fault_of(error, fault) == Fault::io);
    CHECK(fault_of(ENOENT, fault) == fault);
  }
  CHECK(fault_of(EACCES, Fault::input) == Fault::input);
  CHECK(fault_of(EACCES, Fault::checkpoint) == Fault::io);
}

TEST_CASE("a file written atomically is there complete, with nothing beside it") {
  const TemporaryFolder folder;
  const std::string bytes("a\0b\n", 4);
  write_file_atomically(folder / "one", bytes);
  CHECK(read_file(folder / "one", 100) == bytes);
  write_file_atomically(folder / "one", "new");
  CHECK(read_file(folder / "one", 100) == "new");
  CHECK(names_in(folder.path()) == std::vector<std::string>{"one"});
}

TEST_CASE("without commit an atomic file leaves the old one and nothing else") {
  const TemporaryFolder folder;
  folder.put("one", "old");
  {
    AtomicFile file(folder / "one");
    file.append("half of the ne");
    CHECK(names_in(folder.path()).size() == 2);
  }
  CHECK(names_in(folder.path()) == std::vector<std::string>{"one"});
  CHECK(read_file(folder / "one", 100) == "old");
}

TEST_CASE("writing at two places of an atomic file") {
  const TemporaryFolder folder;
  AtomicFile file(folder / "one");
  file.reserve(8);
  file.append("ab");
  file.write_at("gh", 2, 6);
  file.append("cd");
  file.write_at("ef", 2, 4);
  file.commit();
  CHECK(file.appended() == 4);
  CHECK(read_file(folder / "one", 100) == "abcdefgh");
}

TEST_CASE("a folder that is not there is an I/O error with the reason") {
  const TemporaryFolder folder;
  const std::string message = refused(Fault::io, [&] { write_file_atomically(folder / "none/one", "x"); });
  CHECK(contains(message, "No such file or directory"));
  refused(Fault::io, [&] { write_file_atomically(folder / "", "x"); });
}

TEST_CASE("a file that cannot take its name leaves nothing behind") {
  const TemporaryFolder folder;
  folder.put("taken/inside", "x");
  refused(Fault::io, [&] { write_file_atomically(folder / "taken", "x"); });
  CHECK(names_in(folder.path()) == std::vector<std::string>{"taken"});
}

TEST_CASE("a file that may not grow is an I/O error and leaves nothing behind") {
  const TemporaryFolder folder;
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string written =
      refused(Fault::io, [&] { write_file_atomically(folder / "one", std::string(5000, 'x')); });
  const std::string reserved = refused(Fault::io, [&] { AtomicFile(folder / "two").reserve(5000); });
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  CHECK(contains(written, "File too large"));
  CHECK(contains(reserved, "File too large"));
  CHECK(names_in(folder.path()).empty());
}

TEST_CASE("what is not a regular file is named for what it is") {
  const TemporaryFolder folder;
  CHECK(contains(refused(Fault::input, [&] { InputFile(folder / "none"); }), "no such file"));
  CHECK(contains(refused(Fault::input, [&] { InputFile(folder.path()); }), "is a folder"));
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(contains(refused(Fault::input, [&] { InputFile(folder / "pipe"); }), "is a pipe"));
  CHECK(contains(refused(Fault::checkpoint, [&] { InputFile("/dev/null", Fault::checkpoint); }), "is a device"));
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder / "s";
  REQUIRE(path.size() < sizeof address.sun_path);
  std::strcpy(address.sun_path, path.c_str());
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK(contains(refused(Fault::input, [&] { InputFile{path}; }), "is a socket"));
  ::close(socket);
  if (::geteuid() != 0) {
    const std::string secret = folder.put("secret", "x");
    REQUIRE(::chmod(secret.c_str(), 0) == 0);
    CHECK(contains(refused(Fault::input, [&] { InputFile{secret}; }), "Permission denied"));
  }
}

TEST_CASE("a path in a message cannot write to the terminal") {
  const std::string message = refused(Fault::input, [] { InputFile("no\x1b[31m\nsuch"); });
  CHECK(contains(message, "no\\x1B[31m\\x0Asuch"));
}

TEST_CASE("a file above the limit is refused, one at the limit is read") {
  const TemporaryFolder folder;
  const std::string path = folder.put("one", "12345");
  CHECK(read_file(path, 5) == "12345");
  CHECK(contains(refused(Fault::input, [&] { read_file(path, 4); }), "5 bytes"));
}

TEST_CASE("reading beyond the end gives what there is, or an error where all is needed") {
  const TemporaryFolder folder;
  const InputFile file(folder.put("one", "12345"));
  char out[10] = {};
  CHECK(file.read_at(out, 10, 3) == 2);
  CHECK(file.read_at(out, 10, 99) == 0);
  CHECK(contains(refused(Fault::checkpoint, [&] { file.read_exactly(out, 10, 3, Fault::checkpoint); }), "byte 5"));
}

}  // namespace primer::data
