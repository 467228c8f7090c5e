// The disk. Every system call of this room is in file.cpp, behind the few functions below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/error.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

/// What tells one state of a file from another: a file that was replaced or written to has another identity.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  std::uint64_t size = 0;        // bytes
  std::int64_t modified_ns = 0;  // nanoseconds since 1970
  bool operator==(const FileIdentity&) const = default;
};

/// A regular file open for reading. Reads name their offset, so several threads may share it.
class InputFile {
 public:
  /// Opens `path`, following links. A missing or unreadable file, a folder, pipe, socket or device: Error(fault),
  /// naming which of them it is.
  explicit InputFile(const std::string& path, Fault fault = Fault::input);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }  // bytes, when it was opened
  FileIdentity identity() const;                // now

  /// Reads up to `count` bytes from `offset` into `out`; returns how many, fewer only at the end of the file.
  /// A failing device: Fault::io.
  std::size_t read_at(void* out, std::size_t count, std::uint64_t offset) const;

  /// The same, but a file that ends earlier is Error(fault).
  void read_exactly(void* out, std::size_t count, std::uint64_t offset, Fault fault = Fault::input) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// The bytes of a regular file. One that is larger than `limit` bytes is Error(fault), before any memory is taken.
std::string read_file(const std::string& path, std::uint64_t limit, Fault fault = Fault::input);

/// A file that appears under its name complete and durable, or not at all: it is written under a temporary name in
/// the same folder, synced, renamed over `path`, and the folder synced. Without commit() nothing stays behind.
/// Pillai et al.: All File Systems Are Not Created Equal (OSDI 2014), on why each of these steps is needed.
/// Every failure is Fault::io with the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Takes the disk space of the first `bytes` bytes now, so that a full disk is met before the work.
  void reserve(std::uint64_t bytes);
  void append(const void* bytes, std::size_t count);
  void append(std::string_view bytes) { append(bytes.data(), bytes.size()); }
  void write_at(const void* bytes, std::size_t count, std::uint64_t offset);
  std::uint64_t appended() const { return end_; }  // bytes given to append() so far
  void commit();

 private:
  [[noreturn]] void fail(const char* what, int error);

  std::string path_, temporary_;
  int descriptor_ = -1;
  std::uint64_t end_ = 0;
};

void write_file_atomically(const std::string& path, std::string_view bytes);

/// Copies standard input to the file `path`, atomically, and returns its length in bytes.
/// More than `limit` bytes: Fault::input.
std::uint64_t spool_standard_input(const std::string& path, std::uint64_t limit);

enum class FileKind { missing, regular, folder, link, pipe, socket, device };

/// The kind of what `path` names; with `follow`, of what a link leads to (a broken link is missing).
/// A path that may not be looked at: Fault::input.
FileKind kind_of(const std::string& path, bool follow);

/// Size, place and time of what `path` names, following links. It must exist: Fault::input.
FileIdentity identity_of(const std::string& path);

/// The names in a folder without "." and "..", in byte order. Unreadable: Fault::input.
std::vector<std::string> names_in(const std::string& folder);

}  // namespace primer::data
