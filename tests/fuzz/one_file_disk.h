// A disk with one file on it, in memory, that can only be read.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "data/bytes/disk.h"

namespace primer::fuzz {

/// Whatever path is opened, it is `bytes`, which must live as long.
class OneFileDisk final : public data::Disk {
 public:
  explicit OneFileDisk(std::string_view bytes) : bytes_(bytes) {}

  int open(const std::string&, Open how) override { return how == Open::read ? descriptor : -EROFS; }
  int close(int) override { return 0; }
  std::int64_t read(int, void* out, std::size_t count, std::uint64_t offset) override {
    if (offset >= bytes_.size()) return 0;
    const std::size_t n = std::min<std::size_t>(count, bytes_.size() - offset);
    std::memcpy(out, bytes_.data() + offset, n);
    return static_cast<std::int64_t>(n);
  }
  int status(int, data::FileStatus& status) override {
    status = {data::FileKind::regular, {1, 1, bytes_.size(), 0}};
    return 0;
  }
  int status(const std::string&, bool, data::FileStatus& status) override { return this->status(descriptor, status); }

  std::int64_t write(int, const void*, std::size_t, std::uint64_t) override { return -EROFS; }
  int allocate(int, std::uint64_t) override { return -EROFS; }
  int truncate(int, std::uint64_t) override { return -EROFS; }
  int sync(int) override { return -EROFS; }
  int lock(int) override { return -EROFS; }
  int names(const std::string&, std::vector<std::string>&) override { return -ENOTDIR; }
  int rename(const std::string&, const std::string&) override { return -EROFS; }
  int remove(const std::string&) override { return -EROFS; }
  int remove_folder(const std::string&) override { return -EROFS; }
  int make_folder(const std::string&) override { return -EROFS; }
  int access(const std::string&) override { return -EROFS; }

 private:
  static constexpr int descriptor = 3;
  std::string_view bytes_;
};

}  // namespace primer::fuzz
