#include "data/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>

#include "data/utf8.h"

namespace primer::data {

namespace {

constexpr std::size_t copy_bytes = 1u << 20;

/// `path`: why; what to do.
[[noreturn]] void fail(Fault fault, const std::string& path, const std::string& why) {
  throw Error(fault, "'" + printable(path) + "': " + why);
}

std::string reason(int error) {
  const std::string text = std::strerror(error);
  switch (error) {
    case ENOSPC: case EDQUOT: return text + "; free some space and try again";
    case EACCES: case EPERM: return text + "; check its permissions and those of its folder";
    case EROFS: return text + "; choose a place that can be written";
    case EFBIG: return text + "; raise the limit on file sizes (ulimit -f)";
    case EMFILE: case ENFILE: return text + "; raise the limit on open files (ulimit -n)";
    default: return text;
  }
}

FileKind kind_of_mode(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::regular;
  if (S_ISDIR(mode)) return FileKind::folder;
  if (S_ISLNK(mode)) return FileKind::link;
  if (S_ISFIFO(mode)) return FileKind::pipe;
  if (S_ISSOCK(mode)) return FileKind::socket;
  return FileKind::device;
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

FileIdentity identity_from(const struct stat& s) {
  return {static_cast<std::uint64_t>(s.st_dev), static_cast<std::uint64_t>(s.st_ino),
          static_cast<std::uint64_t>(s.st_size),
          static_cast<std::int64_t>(s.st_mtim.tv_sec) * 1'000'000'000 + s.st_mtim.tv_nsec};
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

/// The folder part of a path, "." if it has none.
std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

InputFile::InputFile(const std::string& path, Fault fault) : path_(path) {
  if (path.find('\0') != std::string::npos) fail(fault, path, "no path holds a NUL byte");
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  do descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) {
    const int error = errno;
    if (error == ENOENT) fail(fault, path, "there is no such file; check the name");
    if (error == ENXIO) fail(fault, path, not_regular(kind_of(path, true)));  // a socket, or a device without driver
    fail(fault, path, "cannot be read: " + reason(error));
  }
  struct stat s{};
  if (::fstat(descriptor_, &s) != 0 || !S_ISREG(s.st_mode)) {
    ::close(descriptor_);
    fail(fault, path, not_regular(kind_of_mode(s.st_mode)));
  }
  size_ = static_cast<std::uint64_t>(s.st_size);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(other.descriptor_), size_(other.size_) {
  other.descriptor_ = -1;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FileIdentity InputFile::identity() const {
  struct stat s{};
  if (::fstat(descriptor_, &s) != 0) fail(Fault::io, path_, reason(errno));
  return identity_from(s);
}

std::size_t InputFile::read_at(void* out, std::size_t count, std::uint64_t offset) const {
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(descriptor_, static_cast<char*>(out) + done, count - done,
                                static_cast<off_t>(offset + done));
    if (got == 0) break;
    if (got > 0) done += static_cast<std::size_t>(got);
    else if (errno != EINTR) fail(Fault::io, path_, "reading failed: " + reason(errno));
  }
  return done;
}

void InputFile::read_exactly(void* out, std::size_t count, std::uint64_t offset, Fault fault) const {
  const std::size_t got = read_at(out, count, offset);
  if (got != count) {
    fail(fault, path_, "ends at byte " + std::to_string(offset + got) + ", where " + std::to_string(count - got) +
                            " more were expected; it was cut short");
  }
}

std::string read_file(const std::string& path, std::uint64_t limit, Fault fault) {
  const InputFile file(path, fault);
  if (file.size() > limit) {
    fail(fault, path, "holds " + std::to_string(file.size()) + " bytes, more than the " + std::to_string(limit) +
                          " that are allowed here");
  }
  std::string bytes(file.size(), '\0');
  file.read_exactly(bytes.data(), bytes.size(), 0, fault);
  return bytes;
}

AtomicFile::AtomicFile(const std::string& path) : path_(path) {
  static std::atomic<unsigned> counter{0};
  const std::string folder = folder_of(path);
  const std::string name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  if (name.empty() || path.find('\0') != std::string::npos) data::fail(Fault::io, path, "is not the name of a file");
  for (int attempt = 0; attempt < 100; ++attempt) {
    temporary_ = folder + "/." + name + "." + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp";
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ >= 0 || (errno != EEXIST && errno != EINTR)) break;
  }
  if (descriptor_ < 0) data::fail(Fault::io, path, "cannot be written: " + reason(errno));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* what, int error) {
  data::fail(Fault::io, path_, std::string(what) + " failed: " + reason(error));
}

void AtomicFile::reserve(std::uint64_t bytes) {
  if (bytes == 0) return;
  int error;
  do error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes)); while (error == EINTR);
  if (error != 0 && error != EOPNOTSUPP && error != EINVAL) fail("reserving disk space", error);
}

void AtomicFile::append(const void* bytes, std::size_t count) {
  write_at(bytes, count, end_);
  end_ += count;
}

void AtomicFile::write_at(const void* bytes, std::size_t count, std::uint64_t offset) {
  const char* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t put = ::pwrite(descriptor_, from, count, static_cast<off_t>(offset));
    if (put > 0) {
      from += put;
      offset += static_cast<std::uint64_t>(put);
      count -= static_cast<std::size_t>(put);
    } else if (put == 0) {
      fail("writing", ENOSPC);
    } else if (errno != EINTR) {
      fail("writing", errno);
    }
  }
}

void AtomicFile::commit() {
  // After a failed fsync the kernel may have dropped the pages and forgotten it: it is never tried again.
  if (::fsync(descriptor_) != 0) fail("syncing", errno);
  const int descriptor = descriptor_;
  descriptor_ = -1;
  const auto give_up = [&](const char* what) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    fail(what, error);
  };
  if (::close(descriptor) != 0 && errno != EINTR) give_up("closing");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) give_up("renaming");

  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail("opening its folder", errno);
  const int error = ::fsync(folder) == 0 ? 0 : errno;
  ::close(folder);
  if (error != 0 && error != EINVAL) fail("syncing its folder", error);  // EINVAL: this file system needs no such sync
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.append(bytes);
  file.commit();
}

std::uint64_t spool_standard_input(const std::string& path, std::uint64_t limit) {
  AtomicFile file(path);
  const auto block = std::make_unique<char[]>(copy_bytes);
  for (;;) {
    const ssize_t got = read_some(STDIN_FILENO, block.get(), copy_bytes);
    if (got < 0) throw Error(Fault::input, "standard input cannot be read: " + reason(errno));
    if (got == 0) break;
    if (file.appended() + static_cast<std::uint64_t>(got) > limit) {
      throw Error(Fault::input, "standard input holds more than " + std::to_string(limit) +
                                    " bytes; give a shorter text, or a file");
    }
    file.append(block.get(), static_cast<std::size_t>(got));
  }
  file.commit();
  return file.appended();
}

FileKind kind_of(const std::string& path, bool follow) {
  struct stat s{};
  if ((follow ? ::stat(path.c_str(), &s) : ::lstat(path.c_str(), &s)) == 0) return kind_of_mode(s.st_mode);
  if (errno == ENOENT || errno == ENOTDIR) return FileKind::missing;
  fail(Fault::input, path, "cannot be looked at: " + reason(errno));
}

FileIdentity identity_of(const std::string& path) {
  struct stat s{};
  if (::stat(path.c_str(), &s) != 0) fail(Fault::input, path, "cannot be looked at: " + reason(errno));
  return identity_from(s);
}

std::vector<std::string> names_in(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), ::closedir);
  if (!directory) fail(Fault::input, folder, "the folder cannot be read: " + reason(errno));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const found = ::readdir(directory.get());
    if (!found) {
      if (errno != 0) fail(Fault::io, folder, "reading the folder failed: " + reason(errno));
      break;
    }
    const std::string name = found->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace primer::data
