#include "data/bytes/file.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>

#include "data/bytes/checksum.h"
#include "data/bytes/utf8.h"

namespace primer::data {

namespace {

constexpr std::size_t copy_bytes = 1u << 20;

/// `path`: why; what to do.
[[noreturn]] void fail(Fault fault, const std::string& path, const std::string& why) {
  throw Error(fault, "'" + printable(path) + "': " + why);
}

std::string not_regular(FileKind kind) {
  switch (kind) {
    case FileKind::folder: return "is a folder, not a file";
    case FileKind::pipe: return "is a pipe; give '-' and let the pipe be standard input";
    case FileKind::socket: return "is a socket, not a file";
    case FileKind::device: return "is a device, not a file";
    default: return "is not a regular file";
  }
}

/// Waits for bytes and reads them into out[count]. Returns how many; 0 at the end, -1 with errno.
ssize_t read_some(int descriptor, void* out, std::size_t count) {
  for (;;) {
    const ssize_t got = ::read(descriptor, out, count);
    if (got >= 0) return got;
    if (errno == EAGAIN) {  // whoever shares the pipe has made it non-blocking
      pollfd wait{descriptor, POLLIN, 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return -1;
    }
  }
}

}  // namespace

std::string reason(int error) {
  const std::string text = std::strerror(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT: return text + "; free some space and try again";
    case EACCES:
    case EPERM: return text + "; check its permissions and those of its folder";
    case EROFS: return text + "; choose a place that can be written";
    case EFBIG: return text + "; raise the limit on file sizes (ulimit -f)";
    case EMFILE:
    case ENFILE: return text + "; raise the limit on open files (ulimit -n)";
    default: return text;
  }
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

InputFile::InputFile(const std::string& path, Fault fault, Disk& disk) : disk_(disk), path_(path) {
  if (path.find('\0') != std::string::npos) fail(fault, path, "no path holds a NUL byte");
  descriptor_ = uninterrupted([&] { return disk_.open(path, Disk::Open::read); });
  if (descriptor_ < 0) {
    const int error = -descriptor_;
    if (error == ENOENT || error == ENOTDIR) fail(fault, path, "there is no such file; check the name");
    if (error == ENXIO)
      fail(fault, path, not_regular(kind_of(path, true, disk_)));  // a socket, or a device without driver
    const bool is_slip = error == EACCES || error == EPERM || error == ELOOP || error == ENAMETOOLONG;  // or the disk's
    fail(is_slip && fault != Fault::checkpoint ? fault : Fault::io, path, "cannot be read: " + reason(error));
  }
  FileStatus status;
  const int error = -disk_.status(descriptor_, status);
  if (error != 0 || status.kind != FileKind::regular) {
    disk_.close(descriptor_);
    if (error != 0) fail(Fault::io, path, "cannot be looked at: " + reason(error));
    fail(fault, path, not_regular(status.kind));
  }
  size_ = status.identity.size;
}

InputFile::InputFile(InputFile&& other) noexcept
    : disk_(other.disk_), path_(std::move(other.path_)), descriptor_(other.descriptor_), size_(other.size_) {
  other.descriptor_ = -1;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) disk_.close(descriptor_);
}

FileIdentity InputFile::identity() const {
  FileStatus status;
  if (const int result = disk_.status(descriptor_, status); result < 0) fail(Fault::io, path_, reason(-result));
  return status.identity;
}

std::size_t InputFile::read_at(void* out, std::size_t count, std::uint64_t offset) const {
  std::size_t done = 0;
  while (done < count) {
    const std::int64_t got = uninterrupted(
        [&] { return disk_.read(descriptor_, static_cast<char*>(out) + done, count - done, offset + done); });
    if (got == 0) break;
    if (got < 0) fail(Fault::io, path_, "reading failed: " + reason(static_cast<int>(-got)));
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void InputFile::read_exactly(void* out, std::size_t count, std::uint64_t offset, Fault fault) const {
  const std::size_t got = read_at(out, count, offset);
  if (got != count) {
    fail(fault, path_,
         "ends at byte " + std::to_string(offset + got) + ", where " + std::to_string(count - got) +
             " more were expected; it was cut short");
  }
}

std::string read_file(const std::string& path, std::uint64_t limit, Fault fault, Disk& disk) {
  const InputFile file(path, fault, disk);
  if (file.size() > limit) {
    fail(fault, path,
         "holds " + std::to_string(file.size()) + " bytes, more than the " + std::to_string(limit) +
             " that are allowed here");
  }
  std::string bytes(file.size(), '\0');
  file.read_exactly(bytes.data(), bytes.size(), 0, fault);
  return bytes;
}

OutputFile::OutputFile(const std::string& path, Disk& disk, const std::string& shown)
    : disk_(disk), path_(path), shown_(shown.empty() ? path : shown) {
  if (path.empty() || path.back() == '/' || path.find('\0') != std::string::npos) {
    data::fail(Fault::io, shown_, "is not the name of a file");
  }
  descriptor_ = uninterrupted([&] { return disk_.open(path_, Disk::Open::create); });
  if (descriptor_ < 0) fail("creating it", -descriptor_);
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  disk_.close(descriptor_);
  disk_.remove(path_);
}

void OutputFile::fail(const char* what, int error) const {
  data::fail(Fault::io, shown_, std::string("cannot be written: ") + what + " failed: " + reason(error));
}

void OutputFile::reserve(std::uint64_t bytes) {
  if (bytes == 0) return;
  const int result = uninterrupted([&] { return disk_.allocate(descriptor_, bytes); });
  if (result < 0 && result != -EOPNOTSUPP && result != -ENOSYS) fail("reserving disk space", -result);
}

void OutputFile::append(const void* bytes, std::size_t count) {
  write_at(bytes, count, end_);
  end_ += count;
  checksum_ = crc32c(bytes, count, checksum_);
}

void OutputFile::write_at(const void* bytes, std::size_t count, std::uint64_t offset) {
  const char* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const std::int64_t put = uninterrupted([&] { return disk_.write(descriptor_, from, count, offset); });
    if (put <= 0) fail("writing", put == 0 ? ENOSPC : static_cast<int>(-put));
    from += put;
    offset += static_cast<std::uint64_t>(put);
    count -= static_cast<std::size_t>(put);
  }
}

void OutputFile::finish() {
  // After a failed fsync the kernel may have dropped the pages and forgotten it: it is never tried again.
  // Rebello et al.: Can Applications Recover from fsync Failures? (ATC 2020).
  if (const int result = disk_.sync(descriptor_); result < 0) fail("syncing", -result);
  const int result = disk_.close(descriptor_);
  descriptor_ = -1;  // closed also when the system says that it failed
  if (result < 0 && result != -EINTR) {
    disk_.remove(path_);
    fail("closing", -result);
  }
}

namespace {

std::string temporary_name(const std::string& path, Disk& disk) {
  static std::atomic<unsigned> counter{0};
  const std::string name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  if (name.empty()) fail(Fault::io, path, "is not the name of a file");
  const std::string temporary =
      folder_of(path) + "/." + name + "." + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp";
  disk.remove(temporary);  // of a process that was killed long ago and had our number
  return temporary;
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path, Disk& disk)
    : OutputFile(temporary_name(path, disk), disk, path), final_path_(path) {}

void AtomicFile::commit() {
  finish();
  if (const int result = disk_.rename(path_, final_path_); result < 0) {
    disk_.remove(path_);
    fail("renaming", -result);
  }
  sync_folder(folder_of(final_path_), disk_);
}

void write_file_atomically(const std::string& path, std::string_view bytes, Disk& disk) {
  AtomicFile file(path, disk);
  file.append(bytes);
  file.commit();
}

void sync_folder(const std::string& folder, Disk& disk) {
  const int descriptor = uninterrupted([&] { return disk.open(folder, Disk::Open::folder); });
  if (descriptor < 0) fail(Fault::io, folder, "the folder cannot be opened: " + reason(-descriptor));
  const int result = disk.sync(descriptor);
  disk.close(descriptor);
  if (result < 0 && result != -EINVAL) {  // EINVAL: this file system needs no such sync
    fail(Fault::io, folder, "syncing the folder failed: " + reason(-result));
  }
}

std::size_t read_standard_input(char* out, std::size_t count) {
  const ssize_t got = read_some(STDIN_FILENO, out, count);
  if (got < 0) throw Error(Fault::input, "standard input cannot be read: " + reason(errno));
  return static_cast<std::size_t>(got);
}

std::uint64_t spool_standard_input(const std::string& path, std::uint64_t limit) {
  AtomicFile file(path);
  const auto block = std::make_unique<char[]>(copy_bytes);
  for (;;) {
    const std::size_t got = read_standard_input(block.get(), copy_bytes);
    if (got == 0) break;
    if (file.appended() + got > limit) {
      throw Error(Fault::input,
                  "standard input holds more than " + std::to_string(limit) + " bytes; give a shorter text, or a file");
    }
    file.append(block.get(), got);
  }
  file.commit();
  return file.appended();
}

FileKind kind_of(const std::string& path, bool follow, Disk& disk, Fault fault) {
  FileStatus status;
  const int result = disk.status(path, follow, status);
  if (result == 0) return status.kind;
  if (result == -ENOENT || result == -ENOTDIR) return FileKind::missing;
  fail(fault, path, "cannot be looked at: " + reason(-result));
}

FileIdentity identity_of(const std::string& path) {
  FileStatus status;
  const int result = system_disk().status(path, true, status);
  if (result < 0) fail(Fault::input, path, "cannot be looked at: " + reason(-result));
  return status.identity;
}

std::vector<std::string> names_in(const std::string& folder, Disk& disk) {
  std::vector<std::string> names;
  const int result = disk.names(folder, names);
  if (result < 0) fail(Fault::input, folder, "the folder cannot be read: " + reason(-result));
  std::sort(names.begin(), names.end());
  return names;
}

bool remove_all(const std::string& path, Disk& disk) {
  FileStatus status;
  if (const int result = disk.status(path, false, status); result < 0) return result == -ENOENT;
  if (status.kind != FileKind::folder) return disk.remove(path) == 0;
  std::vector<std::string> names;
  bool all = disk.names(path, names) == 0;
  for (const std::string& name : names) all = remove_all(path + "/" + name, disk) && all;
  return disk.remove_folder(path) == 0 && all;
}

}  // namespace primer::data
