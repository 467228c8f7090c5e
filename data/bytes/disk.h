// The system calls that touch files, one function each. Everything that primer does to a disk goes through them, so
// that a test can put another disk underneath: one in memory that fails, dies or loses power at any call.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace primer::data {

enum class FileKind { missing, regular, folder, link, pipe, socket, device };

/// What tells one state of a file from another: a file that was replaced or written to has another identity.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  std::uint64_t size = 0;        // bytes
  std::int64_t modified_ns = 0;  // nanoseconds since 1970
  bool operator==(const FileIdentity&) const = default;
};

struct FileStatus {
  FileKind kind = FileKind::missing;
  FileIdentity identity;
};

/// Every function does what the system call of that name does and no more: nothing is tried again. A result below zero
/// is -errno. Paths hold no NUL byte.
class Disk {
 public:
  enum class Open {
    read,    // of whatever kind it is, without waiting for a pipe's writer
    create,  // a new file, to be written; EEXIST when something is there
    update,  // to be written, where it was or made anew; no link is followed
    folder,  // to be synced
  };

  virtual ~Disk() = default;
  virtual int open(const std::string& path, Open how) = 0;  // a descriptor
  virtual int close(int descriptor) = 0;
  virtual std::int64_t read(int descriptor, void* out, std::size_t count, std::uint64_t offset) = 0;  // bytes; 0: end
  virtual std::int64_t write(int descriptor, const void* bytes, std::size_t count, std::uint64_t offset) = 0;  // bytes
  virtual int allocate(int descriptor, std::uint64_t bytes) = 0;
  virtual int truncate(int descriptor, std::uint64_t bytes) = 0;
  virtual int sync(int descriptor) = 0;  // of a file: its bytes; of a folder: its names
  virtual int lock(int descriptor) = 0;  // flock, exclusive; -EWOULDBLOCK when somebody else has it
  virtual int status(int descriptor, FileStatus& status) = 0;
  virtual int status(const std::string& path, bool follow, FileStatus& status) = 0;
  virtual int names(const std::string& folder, std::vector<std::string>& names) = 0;  // without "." and ".."
  virtual int rename(const std::string& from, const std::string& to) = 0;  // over a file, or an empty folder, too
  virtual int remove(const std::string& path) = 0;                         // a file
  virtual int remove_folder(const std::string& path) = 0;                  // an empty one
  virtual int make_folder(const std::string& path) = 0;
  virtual int access(const std::string& folder) = 0;  // faccessat: may names be made and removed there?
};

/// Makes a call of a Disk again while a signal interrupts it.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -EINTR) result = call();
  return result;
}

/// The disk of this machine.
Disk& system_disk();

}  // namespace primer::data
