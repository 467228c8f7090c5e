#include "data/bytes/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

namespace primer::data {

namespace {

FileStatus status_from(const struct stat& s) {
  const FileKind kind = S_ISREG(s.st_mode)    ? FileKind::regular
                        : S_ISDIR(s.st_mode)  ? FileKind::folder
                        : S_ISLNK(s.st_mode)  ? FileKind::link
                        : S_ISFIFO(s.st_mode) ? FileKind::pipe
                        : S_ISSOCK(s.st_mode) ? FileKind::socket
                                              : FileKind::device;
  return {kind,
          {static_cast<std::uint64_t>(s.st_dev), static_cast<std::uint64_t>(s.st_ino),
           static_cast<std::uint64_t>(s.st_size),
           static_cast<std::int64_t>(s.st_mtim.tv_sec) * 1'000'000'000 + s.st_mtim.tv_nsec}};
}

// A system call's result, with its errno where it failed.
template <class Result>
Result with_error(Result result) {
  return result < 0 ? static_cast<Result>(-errno) : result;
}

class SystemDisk final : public Disk {
 public:
  int open(const std::string& path, Open how) override {
    // O_NONBLOCK: opening a pipe must not wait for a writer.
    const int flags = how == Open::read     ? O_RDONLY | O_NONBLOCK | O_NOCTTY
                      : how == Open::create ? O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
                      : how == Open::update ? O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK
                                            : O_RDONLY | O_DIRECTORY;
    return with_error(::open(path.c_str(), flags | O_CLOEXEC, 0666));
  }
  int close(int descriptor) override { return with_error(::close(descriptor)); }
  std::int64_t read(int descriptor, void* out, std::size_t count, std::uint64_t offset) override {
    return with_error<std::int64_t>(::pread(descriptor, out, count, static_cast<off_t>(offset)));
  }
  std::int64_t write(int descriptor, const void* bytes, std::size_t count, std::uint64_t offset) override {
    return with_error<std::int64_t>(::pwrite(descriptor, bytes, count, static_cast<off_t>(offset)));
  }
  int allocate(int descriptor, std::uint64_t bytes) override {
    return with_error(::fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)));
  }
  int truncate(int descriptor, std::uint64_t bytes) override {
    return with_error(::ftruncate(descriptor, static_cast<off_t>(bytes)));
  }
  int sync(int descriptor) override { return with_error(::fsync(descriptor)); }
  int lock(int descriptor) override { return with_error(::flock(descriptor, LOCK_EX | LOCK_NB)); }
  int status(int descriptor, FileStatus& status) override {
    struct stat s {};
    if (::fstat(descriptor, &s) != 0) return -errno;
    status = status_from(s);
    return 0;
  }
  int status(const std::string& path, bool follow, FileStatus& status) override {
    struct stat s {};
    if ((follow ? ::stat(path.c_str(), &s) : ::lstat(path.c_str(), &s)) != 0) return -errno;
    status = status_from(s);
    return 0;
  }
  int names(const std::string& folder, std::vector<std::string>& names) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), ::closedir);
    if (!directory) return -errno;
    for (;;) {
      errno = 0;
      const dirent* const found = ::readdir(directory.get());
      if (!found) return -errno;
      const std::string name = found->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
  }
  int rename(const std::string& from, const std::string& to) override {
    return with_error(::rename(from.c_str(), to.c_str()));
  }
  int remove(const std::string& path) override { return with_error(::unlink(path.c_str())); }
  int remove_folder(const std::string& path) override { return with_error(::rmdir(path.c_str())); }
  int make_folder(const std::string& path) override { return with_error(::mkdir(path.c_str(), 0777)); }
  int access(const std::string& folder) override {
    return with_error(::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS));
  }
};

}  // namespace

Disk& system_disk() {
  static SystemDisk disk;
  return disk;
}

}  // namespace primer::data
