// Files, read and written so that every failure is one clear error. The system calls below are data/bytes/disk.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/error.h"
#include "data/bytes/disk.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

/// A regular file open for reading. Reads name their offset, so several threads may share it.
class InputFile {
 public:
  /// Opens `path`, following links. A missing or unreadable file, a folder, pipe, socket or device: Error(fault),
  /// naming which of them it is.
  explicit InputFile(const std::string& path, Fault fault = Fault::input, Disk& disk = system_disk());
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
  Disk& disk_;
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// The bytes of a regular file. One that is larger than `limit` bytes is Error(fault), before any memory is taken.
std::string read_file(const std::string& path, std::uint64_t limit, Fault fault = Fault::input,
                      Disk& disk = system_disk());

/// A new file, written and then made durable. Without finish() nothing stays behind.
/// Every failure is Fault::io with the system's reason.
class OutputFile {
 public:
  /// Creates `path`, where nothing may be yet. `shown` is the name for messages, `path` if empty.
  explicit OutputFile(const std::string& path, Disk& disk = system_disk(), const std::string& shown = {});
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  /// Takes the disk space of the first `bytes` bytes now, so that a full disk is met before the work.
  void reserve(std::uint64_t bytes);
  void append(const void* bytes, std::size_t count);
  void append(std::string_view bytes) { append(bytes.data(), bytes.size()); }
  void write_at(const void* bytes, std::size_t count, std::uint64_t offset);
  const std::string& path() const { return path_; }     // where it is while it is written
  std::uint64_t appended() const { return end_; }       // bytes given to append() so far
  std::uint32_t checksum() const { return checksum_; }  // their CRC32C

  /// Syncs and closes: what was written is on the disk, though its name may not be yet (sync_folder).
  void finish();

 protected:
  [[noreturn]] void fail(const char* what, int error) const;

  Disk& disk_;
  std::string path_, shown_;

 private:
  int descriptor_ = -1;
  std::uint64_t end_ = 0;
  std::uint32_t checksum_ = 0;
};

/// A file that appears under its name complete and durable, or not at all: it is written under a temporary name in
/// the same folder, synced, renamed over `path`, and the folder synced. Without commit() nothing stays behind.
/// Pillai et al.: All File Systems Are Not Created Equal (OSDI 2014), on why each of these steps is needed.
class AtomicFile : public OutputFile {
 public:
  explicit AtomicFile(const std::string& path, Disk& disk = system_disk());
  void commit();

 private:
  std::string final_path_;
};

void write_file_atomically(const std::string& path, std::string_view bytes, Disk& disk = system_disk());

/// Makes the names in a folder durable: what was created in it, renamed or removed. Fault::io.
void sync_folder(const std::string& folder, Disk& disk = system_disk());

/// The folder part of a path, "." if it has none.
std::string folder_of(const std::string& path);

/// Waits for bytes of standard input and reads them into out[count]. How many; 0: there are no more. Fault::input.
std::size_t read_standard_input(char* out, std::size_t count);

/// Copies standard input to the file `path`, atomically, and returns its length in bytes.
/// More than `limit` bytes: Fault::input.
std::uint64_t spool_standard_input(const std::string& path, std::uint64_t limit);

/// The kind of what `path` names; with `follow`, of what a link leads to (a broken link is missing).
/// A path that may not be looked at: Error(fault).
FileKind kind_of(const std::string& path, bool follow, Disk& disk = system_disk(), Fault fault = Fault::input);

/// Size, place and time of what `path` names, following links. It must exist: Fault::input.
FileIdentity identity_of(const std::string& path);

/// The names in a folder without "." and "..", in byte order. Unreadable: Fault::input.
std::vector<std::string> names_in(const std::string& folder, Disk& disk = system_disk());

/// Removes a file, or a folder with all that is below it; links are removed, not followed. False if something is left.
bool remove_all(const std::string& path, Disk& disk = system_disk());

/// Why a system call failed and what to do about it, in words. `error` is an errno.
std::string reason(int error);

}  // namespace primer::data
