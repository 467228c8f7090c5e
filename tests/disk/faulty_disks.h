// Mistakes that a program may make with a disk, each between it and a good one. The tests must see every one of them.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "data/bytes/disk.h"

namespace primer::test {

/// Passes everything on, and remembers which path each descriptor was opened with.
class PassingDisk : public data::Disk {
 public:
  explicit PassingDisk(data::Disk& under) : under_(under) {}

  int open(const std::string& path, Open how) override {
    const int descriptor = under_.open(path, how);
    if (descriptor >= 0) opened_[descriptor] = {path, how};
    return descriptor;
  }
  int close(int descriptor) override { return under_.close(descriptor); }
  std::int64_t read(int descriptor, void* out, std::size_t count, std::uint64_t offset) override {
    return under_.read(descriptor, out, count, offset);
  }
  std::int64_t write(int descriptor, const void* bytes, std::size_t count, std::uint64_t offset) override {
    return under_.write(descriptor, bytes, count, offset);
  }
  int allocate(int descriptor, std::uint64_t bytes) override { return under_.allocate(descriptor, bytes); }
  int truncate(int descriptor, std::uint64_t bytes) override { return under_.truncate(descriptor, bytes); }
  int sync(int descriptor) override { return under_.sync(descriptor); }
  int lock(int descriptor) override { return under_.lock(descriptor); }
  int status(int descriptor, data::FileStatus& status) override { return under_.status(descriptor, status); }
  int status(const std::string& path, bool follow, data::FileStatus& status) override {
    return under_.status(path, follow, status);
  }
  int names(const std::string& folder, std::vector<std::string>& names) override { return under_.names(folder, names); }
  int rename(const std::string& from, const std::string& to) override { return under_.rename(from, to); }
  int remove(const std::string& path) override { return under_.remove(path); }
  int remove_folder(const std::string& path) override { return under_.remove_folder(path); }
  int make_folder(const std::string& path) override { return under_.make_folder(path); }
  int access(const std::string& folder) override { return under_.access(folder); }

 protected:
  bool is_folder(int descriptor) const { return opened_.at(descriptor).second == Open::folder; }
  const std::string& path_of(int descriptor) const { return opened_.at(descriptor).first; }

  data::Disk& under_;

 private:
  std::map<int, std::pair<std::string, Open>> opened_;
};

struct FilesUnsynced final : PassingDisk {
  using PassingDisk::PassingDisk;
  int sync(int descriptor) override { return is_folder(descriptor) ? under_.sync(descriptor) : 0; }
};

struct FoldersUnsynced final : PassingDisk {
  using PassingDisk::PassingDisk;
  int sync(int descriptor) override { return is_folder(descriptor) ? 0 : under_.sync(descriptor); }
};

/// One folder is not synced.
struct FolderUnsynced final : PassingDisk {
  FolderUnsynced(data::Disk& under, std::string folder) : PassingDisk(under), folder_(std::move(folder)) {}
  int sync(int descriptor) override { return path_of(descriptor) == folder_ ? 0 : under_.sync(descriptor); }

 private:
  std::string folder_;
};

/// What is renamed is synced only after it: files, and a folder with what is in it.
struct RenamedBeforeSync final : PassingDisk {
  using PassingDisk::PassingDisk;
  int sync(int descriptor) override {
    if (path_of(descriptor).find("/.") == std::string::npos) return under_.sync(descriptor);
    waiting_.push_back(path_of(descriptor));
    return 0;
  }
  int rename(const std::string& from, const std::string& to) override {
    const int result = under_.rename(from, to);
    for (const std::string& path : waiting_) {
      if (!path.starts_with(from)) continue;
      const int descriptor = under_.open(to + path.substr(from.size()), Open::read);
      under_.sync(descriptor);
      under_.close(descriptor);
    }
    waiting_.clear();
    return result;
  }

 private:
  std::vector<std::string> waiting_;
};

/// A temporary name is the final one: what is written appears piece by piece.
struct WrittenInPlace final : PassingDisk {
  using PassingDisk::PassingDisk;
  int open(const std::string& path, Open how) override { return PassingDisk::open(final_path(path), how); }
  int status(const std::string& path, bool follow, data::FileStatus& status) override {
    const int result = under_.status(final_path(path), follow, status);
    return renamed_.empty() && path == final_path(path) && path.find("/step-") != std::string::npos ? -ENOENT : result;
  }
  int names(const std::string& folder, std::vector<std::string>& names) override {
    return under_.names(final_path(folder), names);
  }
  int rename(const std::string& from, const std::string& to) override {
    renamed_ = to;
    return final_path(from) == to ? 0 : under_.rename(from, to);
  }
  int remove(const std::string& path) override { return under_.remove(final_path(path)); }
  int remove_folder(const std::string& path) override { return under_.remove_folder(final_path(path)); }
  int make_folder(const std::string& path) override { return under_.make_folder(final_path(path)); }
  int access(const std::string& folder) override { return under_.access(final_path(folder)); }
  using PassingDisk::status;

 private:
  static std::string final_path(std::string path) {
    const auto dot = path.find("/."), end = path.find(".tmp");
    if (dot == std::string::npos || end == std::string::npos) return path;
    return path.erase(end, 4).erase(dot + 1, 1);
  }
  std::string renamed_;
};

struct CloseErrorsIgnored final : PassingDisk {
  using PassingDisk::PassingDisk;
  int close(int descriptor) override {
    under_.close(descriptor);
    return 0;
  }
};

struct ShortWritesIgnored final : PassingDisk {
  using PassingDisk::PassingDisk;
  std::int64_t write(int descriptor, const void* bytes, std::size_t count, std::uint64_t offset) override {
    const std::int64_t put = under_.write(descriptor, bytes, count, offset);
    return put < 0 ? put : static_cast<std::int64_t>(count);
  }
};

struct SyncTriedAgain final : PassingDisk {
  using PassingDisk::PassingDisk;
  int sync(int descriptor) override {
    const int result = under_.sync(descriptor);
    return result < 0 ? under_.sync(descriptor) : result;
  }
};

/// The lock is fcntl(2)'s, which belongs to the process.
struct LockedForTheProcess final : PassingDisk {
  using PassingDisk::PassingDisk;
  int lock(int descriptor) override {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    return ::fcntl(descriptor, F_SETLK, &whole) == 0 ? 0 : errno == EACCES ? -EWOULDBLOCK : -errno;
  }
};

}  // namespace primer::test
