// A disk in memory that fails, fills and dies where a test says. What it answers is what Linux answers:
// tests/data/disk_test.cpp compares the two.
#pragma once

#include <cstring>
#include <exception>
#include <optional>
#include <type_traits>

#include "data/bytes/disk.h"
#include "tests/disk/file_tree.h"

namespace primer::test {

/// The process was killed. Nothing in primer catches this, and a dead disk does nothing while it flies.
struct Killed {};

/// What goes wrong with a disk, and at which call.
struct Trouble {
  enum class Kind { none, error, shortened, kill_before, kill_after };
  enum class Repeat { once, every_other, for_ever };
  enum class Call {
    open,
    close,
    read,
    write,
    allocate,
    truncate,
    sync,
    lock,
    status,
    names,
    rename,
    remove,
    remove_folder,
    make_folder,
    access
  };
  Kind kind = Kind::none;
  long at = 1;  // counted from arm(), the first call is 1
  Repeat repeat = Repeat::once;
  int error = EIO;                // of Kind::error
  std::size_t bytes = 1;          // that a shortened read or write moves
  std::optional<Call> only = {};  // calls of this kind alone are counted
};

class MemoryDisk final : public data::Disk {
 public:
  using Call = Trouble::Call;

  MemoryDisk() = default;
  explicit MemoryDisk(FileTree tree) : tree_(std::move(tree)) {}

  FileTree& tree() { return tree_; }
  const FileTree& tree() const { return tree_; }

  /// The bytes of a file, nullptr where there is none. To write through it is the disk's own damage.
  std::string* file(const std::string& path) {
    const int number = tree_.find(path);
    return number < 0 || tree_.node(number).is_folder ? nullptr : &tree_.edit(number).bytes;
  }

  void arm(const Trouble& trouble) { trouble_ = trouble, counted_ = 0, struck_ = false; }
  void heal() { arm({}); }
  bool struck() const { return struck_; }  // the trouble has come
  bool dead() const { return dead_; }
  long calls() const { return counted_; }  // since arm()
  void set_capacity(std::optional<std::size_t> bytes) { capacity_ = bytes; }
  std::size_t open_descriptors() const { return descriptors_.size(); }

  /// Another process comes: it has no descriptors, and nobody's locks are left.
  void restart() {
    heal();
    dead_ = thrown_ = false;
    descriptors_.clear();
    locks_.clear();
  }

  int open(const std::string& path, Open how) override {
    return call(Call::open, [&] {
      FileTree::Place place;
      if (const int error = tree_.locate(path, place); error < 0) return error;
      const bool writes = how == Open::create || how == Open::update;
      if (place.node < 0) {
        if (!writes) return place.node;
        place.node = tree_.make(place, false);
      } else if (how == Open::create) {
        return -EEXIST;
      } else if (tree_.node(place.node).is_folder && writes) {
        return -EISDIR;
      } else if (!tree_.node(place.node).is_folder && how == Open::folder) {
        return -ENOTDIR;
      }
      descriptors_[next_descriptor_] = {place.node, how, false};
      return next_descriptor_++;
    });
  }

  int close(int descriptor) override {
    const auto let_go = [&] {
      std::erase_if(locks_, [&](const auto& lock) { return lock.second == descriptor; });
      return descriptors_.erase(descriptor) == 1 ? 0 : -EBADF;
    };
    return call(Call::close, let_go, [&](int error) {
      // A file system of a network says here that what was written, though synced, did not arrive.
      const Descriptor* const d = open_as(descriptor);
      if (d && d->written && error != EINTR) tree_.lose(tree_.edit(d->node));
      let_go();  // a descriptor is gone also when its close fails
    });
  }

  std::int64_t read(int descriptor, void* out, std::size_t count, std::uint64_t offset) override {
    return call(Call::read, [&]() -> std::int64_t {
      const Descriptor* const d = open_as(descriptor);
      if (!d || d->how == Open::create) return -EBADF;
      const FileTree::Node& node = tree_.node(d->node);
      if (node.is_folder) return -EISDIR;
      if (offset >= node.bytes.size()) return 0;
      const std::size_t got = std::min({count, node.bytes.size() - static_cast<std::size_t>(offset), at_once_});
      std::memcpy(out, node.bytes.data() + offset, got);
      return static_cast<std::int64_t>(got);
    });
  }

  std::int64_t write(int descriptor, const void* bytes, std::size_t count, std::uint64_t offset) override {
    return call(Call::write, [&]() -> std::int64_t {
      Descriptor* const d = open_as(descriptor);
      if (!d || !writes(*d)) return -EBADF;
      if (count == 0) return 0;
      FileTree::Node& node = tree_.edit(d->node);
      const std::size_t before = node.bytes.size(), space = room();
      const std::size_t most = space > SIZE_MAX - before ? SIZE_MAX : before + space;
      if (offset >= most) return -ENOSPC;
      const std::size_t put = std::min({count, static_cast<std::size_t>(most - offset), at_once_});
      node.bytes.resize(std::max<std::size_t>(before, offset + put));
      std::memcpy(node.bytes.data() + offset, bytes, put);
      tree_.touch(node, std::min<std::size_t>(before, offset), offset + put);
      d->written = true;
      return static_cast<std::int64_t>(put);
    });
  }

  int allocate(int descriptor, std::uint64_t bytes) override {
    return call(Call::allocate, [&] {
      const Descriptor* const d = open_as(descriptor);
      if (!d) return -EBADF;
      if (bytes == 0) return -EINVAL;
      if (!writes(*d)) return -EBADF;
      FileTree::Node& node = tree_.edit(d->node);
      if (bytes <= node.bytes.size()) return 0;
      if (bytes - node.bytes.size() > room()) return -ENOSPC;
      tree_.resize(node, bytes);
      return 0;
    });
  }

  int truncate(int descriptor, std::uint64_t bytes) override {
    return call(Call::truncate, [&] {
      const Descriptor* const d = open_as(descriptor);
      if (!d) return -EBADF;
      if (!writes(*d)) return -EINVAL;
      tree_.resize(tree_.edit(d->node), bytes);
      return 0;
    });
  }

  int sync(int descriptor) override {
    const auto write_out = [&](bool arrives) {
      const Descriptor* const d = open_as(descriptor);
      if (!d) return -EBADF;
      tree_.sync(d->node, arrives);
      return 0;
    };
    return call(
        Call::sync, [&] { return write_out(true); }, [&](int) { write_out(false); });
  }

  int lock(int descriptor) override {
    return call(Call::lock, [&] {
      const Descriptor* const d = open_as(descriptor);
      if (!d) return -EBADF;
      const auto [lock, fresh] = locks_.try_emplace(d->node, descriptor);
      return fresh || lock->second == descriptor ? 0 : -EWOULDBLOCK;
    });
  }

  int status(int descriptor, data::FileStatus& status) override {
    return call(Call::status, [&] {
      const Descriptor* const d = open_as(descriptor);
      return d ? describe(d->node, status) : -EBADF;
    });
  }

  int status(const std::string& path, bool, data::FileStatus& status) override {
    return call(Call::status, [&] { return describe(tree_.find(path), status); });
  }

  int names(const std::string& folder, std::vector<std::string>& names) override {
    return call(Call::names, [&] {
      const int number = tree_.find(folder);
      if (number < 0) return number;
      if (!tree_.node(number).is_folder) return -ENOTDIR;
      for (const auto& [name, below] : tree_.node(number).names) names.push_back(name);
      return 0;
    });
  }

  int rename(const std::string& from, const std::string& to) override {
    return call(Call::rename, [&] {
      FileTree::Place source, target;
      if (const int error = tree_.locate(from, source); error < 0) return error;
      if (const int error = tree_.locate(to, target); error < 0) return error;
      if (source.name.empty() || target.name.empty()) return -EBUSY;
      if (source.node < 0) return source.node;
      const bool is_folder = tree_.node(source.node).is_folder;
      if (is_folder && tree_.inside(target.folder, source.node)) return -EINVAL;
      if (target.node >= 0 && tree_.inside(source.folder, target.node)) return -ENOTEMPTY;
      if (source.node == target.node) return 0;
      if (target.node >= 0) {
        if (tree_.node(target.node).is_folder != is_folder) return is_folder ? -ENOTDIR : -EISDIR;
        if (!tree_.node(target.node).names.empty()) return -ENOTEMPTY;
      }
      tree_.change({source.folder, source.name, target.folder, target.name, source.node});
      return 0;
    });
  }

  int remove(const std::string& path) override {
    return call(Call::remove, [&] { return unlink(path, false); });
  }

  int remove_folder(const std::string& path) override {
    return call(Call::remove_folder, [&] { return unlink(path, true); });
  }

  int make_folder(const std::string& path) override {
    return call(Call::make_folder, [&] {
      FileTree::Place place;
      if (const int error = tree_.locate(path, place); error < 0) return error;
      if (place.node >= 0) return -EEXIST;
      tree_.make(place, true);
      return 0;
    });
  }

  int access(const std::string& folder) override {
    return call(Call::access, [&] {
      FileTree::Place place;
      if (const int error = tree_.locate(folder, place); error < 0) return error;
      return place.node < 0 ? -ENOENT : 0;
    });
  }

 private:
  struct Descriptor {
    int node = 0;
    Open how = Open::read;
    bool written = false;
  };

  static bool writes(const Descriptor& d) { return d.how == Open::create || d.how == Open::update; }

  Descriptor* open_as(int descriptor) {
    const auto found = descriptors_.find(descriptor);
    return found == descriptors_.end() ? nullptr : &found->second;
  }

  std::size_t room() const {
    if (!capacity_) return SIZE_MAX;
    return *capacity_ - std::min(*capacity_, tree_.used());
  }

  int describe(int number, data::FileStatus& status) const {
    if (number < 0) return number;
    const FileTree::Node& node = tree_.node(number);
    status.kind = node.is_folder ? data::FileKind::folder : data::FileKind::regular;
    status.identity = {1, static_cast<std::uint64_t>(number), node.bytes.size(), node.modified};
    return 0;
  }

  int unlink(const std::string& path, bool is_folder) {
    FileTree::Place place;
    if (const int error = tree_.locate(path, place); error < 0) return error;
    if (place.node < 0) return place.node;
    const FileTree::Node& node = tree_.node(place.node);
    if (node.is_folder != is_folder) return is_folder ? -ENOTDIR : -EISDIR;
    if (place.name.empty()) return -EBUSY;
    if (!node.names.empty()) return -ENOTEMPTY;
    tree_.change({place.folder, place.name, -1, "", place.node});
    return 0;
  }

  // Whether the trouble comes with this call.
  bool strikes(Call kind) {
    if (trouble_.kind == Trouble::Kind::none || (trouble_.only && *trouble_.only != kind)) {
      if (!trouble_.only) ++counted_;
      return false;
    }
    const long late = ++counted_ - trouble_.at;
    const bool now = late == 0 || (late > 0 && (trouble_.repeat == Trouble::Repeat::for_ever ||
                                                (trouble_.repeat == Trouble::Repeat::every_other && late % 2 == 0)));
    struck_ = struck_ || now;
    return now;
  }

  // Destructors close and remove, and must not throw: the next call that may throws instead.
  void die(Call kind) {
    dead_ = true;
    if (thrown_ || kind == Call::close || kind == Call::remove || std::uncaught_exceptions() > 0) return;
    thrown_ = true;
    throw Killed();
  }

  template <class Action, class Failed = void (*)(int)>
  std::invoke_result_t<Action> call(
      Call kind, Action action, Failed failed = [](int) {}) {
    using Result = std::invoke_result_t<Action>;
    using Kind = Trouble::Kind;
    if (dead_) {
      die(kind);
      return static_cast<Result>(-EIO);
    }
    const bool now = strikes(kind);
    if (now && trouble_.kind == Kind::kill_before) {
      die(kind);
      return static_cast<Result>(-EIO);
    }
    if (now && trouble_.kind == Kind::error) {
      failed(trouble_.error);
      return static_cast<Result>(-trouble_.error);
    }
    at_once_ = now && trouble_.kind == Kind::shortened ? trouble_.bytes : SIZE_MAX;
    const Result result = action();
    if (now && trouble_.kind == Kind::kill_after) die(kind);
    return result;
  }

  FileTree tree_;
  std::map<int, Descriptor> descriptors_;
  std::map<int, int> locks_;  // node -> the descriptor that holds it
  int next_descriptor_ = 3;
  std::optional<std::size_t> capacity_;  // bytes of files
  Trouble trouble_;
  long counted_ = 0;
  std::size_t at_once_ = SIZE_MAX;  // bytes that this call may move
  bool struck_ = false, dead_ = false, thrown_ = false;
};

}  // namespace primer::test
