// Files and folders in memory, each twice: as processes see them, and as they are on the disk. A sync makes them equal;
// a power loss leaves the second, with any part of what was not synced. Copies are cheap: they share what stays equal.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace primer::test {

class FileTree {
 public:
  static constexpr std::size_t sector = 512;  // bytes that reach a disk together or not at all
  static constexpr int root = 1;

  struct Node {
    bool is_folder = false;
    std::string bytes, durable_bytes;                 // of a file
    std::set<std::size_t> unsynced;                   // its sectors that differ
    std::map<std::string, int> names, durable_names;  // of a folder
    std::int64_t modified = 0;
  };

  /// A file or folder that was made (`to`), removed (`from`) or renamed (both): one step, written whole or not at all.
  struct NameChange {
    int from_folder = -1;
    std::string from;
    int to_folder = -1;
    std::string to;
    int node = -1;
  };

  /// Where a path leads.
  struct Place {
    int folder = root;
    std::string name;  // empty: the path names the root, or ends in a dot
    int node = -ENOENT;
  };

  FileTree() : nodes_(root + 1) {
    nodes_[root] = std::make_shared<Node>();
    nodes_[root]->is_folder = true;
  }

  // ---- as processes see it ---------------------------------------------------------------------------------------

  const Node& node(int number) const { return *nodes_.at(static_cast<std::size_t>(number)); }

  Node& edit(int number) {  // for this tree alone
    std::shared_ptr<Node>& shared = nodes_.at(static_cast<std::size_t>(number));
    if (shared.use_count() > 1) shared = std::make_shared<Node>(*shared);
    return *shared;
  }

  /// 0, or -errno where a folder on the way is none. A last name that is not there is no error: place.node is -ENOENT.
  int locate(const std::string& path, Place& place) const {
    if (path.empty()) return -ENOENT;
    std::vector<int> way{root};
    place = {root, "", root};
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      const std::string name = path.substr(begin, end - begin);
      begin = end + 1;
      if (name.empty()) continue;
      if (place.node < 0) return -ENOENT;
      if (!node(place.node).is_folder) return -ENOTDIR;
      if (name.size() > 255) return -ENAMETOOLONG;
      if (name == "." || name == "..") {
        if (name == ".." && way.size() > 1) way.pop_back();
        place = {way.back(), "", way.back()};
        continue;
      }
      const auto& names = node(place.node).names;
      const auto found = names.find(name);
      place = {place.node, name, found == names.end() ? -ENOENT : found->second};
      way.push_back(place.node);
    }
    return 0;
  }

  /// The number of what `path` names, or -errno.
  int find(const std::string& path) const {
    Place place;
    const int error = locate(path, place);
    return error < 0 ? error : place.node;
  }

  /// Whether `number` is `folder` or stands somewhere below it.
  bool inside(int number, int folder) const {
    if (number == folder) return true;
    if (folder < 0 || !node(folder).is_folder) return false;
    const auto& names = node(folder).names;
    return std::any_of(names.begin(), names.end(), [&](const auto& name) { return inside(number, name.second); });
  }

  int make(const Place& place, bool is_folder) {
    const int number = static_cast<int>(nodes_.size());
    nodes_.push_back(std::make_shared<Node>());
    nodes_.back()->is_folder = is_folder;
    nodes_.back()->modified = ++clock_;
    change({-1, "", place.folder, place.name, number});
    return number;
  }

  void change(const NameChange& change) {
    if (change.from_folder >= 0) edit(change.from_folder).names.erase(change.from);
    if (change.to_folder >= 0) edit(change.to_folder).names[change.to] = change.node;
    changes_.push_back(change);
  }

  /// The bytes [begin, end) of a file are new.
  void touch(Node& file, std::size_t begin, std::size_t end) {
    for (std::size_t s = begin / sector; s * sector < end; ++s) file.unsynced.insert(s);
    file.modified = ++clock_;
  }

  void resize(Node& file, std::size_t bytes) {
    const std::size_t before = file.bytes.size();
    file.bytes.resize(bytes);
    touch(file, std::min(before, bytes), std::max(before, bytes));
  }

  /// Calls visit(path, node) for all that is there; a folder's path ends in a slash.
  template <class Visit>
  void each(Visit visit) const {
    std::string path;
    walk(root, path, visit);
  }

  /// Every path and its bytes.
  std::map<std::string, std::string> paths() const {
    std::map<std::string, std::string> found;
    each([&](const std::string& path, const Node& n) { found[path] = n.bytes; });
    return found;
  }

  std::size_t used() const {  // bytes of files
    std::size_t bytes = 0;
    each([&](const std::string&, const Node& n) { bytes += n.bytes.size(); });
    return bytes;
  }

  // ---- as it is on the disk --------------------------------------------------------------------------------------

  int end() const { return static_cast<int>(nodes_.size()); }  // of the numbers, from root
  bool has(int number) const { return nodes_.at(static_cast<std::size_t>(number)) != nullptr; }
  const std::vector<NameChange>& unsynced_changes() const { return changes_; }

  /// Of a file its bytes, of a folder its names. One that does not arrive is forgotten all the same, so that the next
  /// sync has nothing to do. Rebello et al.: Can Applications Recover from fsync Failures? (ATC 2020).
  void sync(int number, bool arrives) {
    Node& n = edit(number);
    if (arrives && !n.is_folder) {
      n.durable_bytes.resize(n.bytes.size());
      for (const std::size_t s : n.unsynced) {
        const std::size_t begin = std::min(s * sector, n.bytes.size());
        const std::size_t count = std::min(sector, n.bytes.size() - begin);
        n.durable_bytes.replace(begin, count, n.bytes, begin, count);
      }
    }
    n.unsynced.clear();
    std::erase_if(changes_, [&](const NameChange& c) {
      if (c.from_folder != number && c.to_folder != number) return false;
      if (arrives) apply(c, [&](int folder) -> Names& { return edit(folder).durable_names; });
      return true;
    });
  }

  /// What was written to a file never arrives.
  void lose(Node& file) {
    file.durable_bytes.clear();
    file.unsynced.clear();
  }

  void settle() {  // everything is synced
    for (int number = root; number < end(); ++number) {
      if (!has(number)) continue;
      Node& n = edit(number);
      n.durable_bytes = n.bytes, n.durable_names = n.names;
      n.unsynced.clear();
    }
    changes_.clear();
  }

  /// What a power loss leaves when of the unsynced changes of names these were written, in this order, and the files
  /// with these numbers hold these bytes. All else is as the last syncs left it.
  FileTree after_power_loss(const std::vector<std::size_t>& changes, const std::map<int, std::string>& files) const {
    std::map<int, Names> names;  // of the folders that they change
    const auto names_of = [&](int folder) -> Names& {
      return names.try_emplace(folder, node(folder).durable_names).first->second;
    };
    for (const std::size_t i : changes) apply(changes_[i], names_of);
    FileTree left;
    left.nodes_.resize(nodes_.size());
    left.clock_ = clock_;
    left.adopt(root, *this, names, files);
    return left;
  }

 private:
  using Names = std::map<std::string, int>;

  // A name is removed only from what it was removed from: it may be another's by now. A folder never has two names.
  template <class NamesOf>
  void apply(const NameChange& c, NamesOf names_of) const {
    if (c.from_folder >= 0) {
      Names& names = names_of(c.from_folder);
      const auto found = names.find(c.from);
      if (found != names.end() && found->second == c.node) names.erase(found);
    }
    if (c.to_folder < 0) return;
    if (node(c.node).is_folder) {
      std::erase_if(names_of(c.to_folder), [&](const auto& name) { return name.second == c.node; });
    }
    names_of(c.to_folder)[c.to] = c.node;
  }

  void adopt(int number, const FileTree& from, const std::map<int, Names>& names,
             const std::map<int, std::string>& files) {
    const Node& old = from.node(number);
    const auto changed = names.find(number);
    const auto chosen = files.find(number);
    const Names& its_names = changed == names.end() ? old.durable_names : changed->second;
    const std::string& its_bytes = chosen == files.end() ? old.durable_bytes : chosen->second;
    std::shared_ptr<Node>& n = nodes_.at(static_cast<std::size_t>(number));
    if (its_names == old.durable_names && its_names == old.names && its_bytes == old.durable_bytes &&
        its_bytes == old.bytes && old.unsynced.empty()) {
      n = from.nodes_.at(static_cast<std::size_t>(number));
    } else {
      n = std::make_shared<Node>(Node{old.is_folder, its_bytes, its_bytes, {}, its_names, its_names, old.modified});
    }
    for (const auto& [name, below] : its_names) adopt(below, from, names, files);
  }

  template <class Visit>
  void walk(int number, std::string& path, Visit& visit) const {
    const Node& n = node(number);
    if (n.is_folder) path += '/';
    visit(std::as_const(path), n);
    const std::size_t length = path.size();
    for (const auto& [name, below] : n.names) {
      path += name;
      walk(below, path, visit);
      path.resize(length);
    }
  }

  std::vector<std::shared_ptr<Node>> nodes_;  // by number; none where a power loss left no name
  std::vector<NameChange> changes_;           // not yet on the disk, in the order in which they were made
  std::int64_t clock_ = 0;
};

}  // namespace primer::test
