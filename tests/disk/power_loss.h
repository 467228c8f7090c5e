// The states in which a power loss may leave a disk: of the names that were not synced any may be missing, in any
// order; of the bytes that were not synced each sector may be old, new, zeros or garbage, at any length on the way.
// Pillai et al.: All File Systems Are Not Created Equal (OSDI 2014). All of them where they are few, else a sample.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/disk/file_tree.h"

namespace primer::test {

/// A number that differs, for all practical purposes, between trees with different paths or bytes.
inline std::size_t digest(const FileTree& tree) {
  std::size_t sum = 0;
  const auto mix = [&](const std::string& text) {
    sum = (sum ^ std::hash<std::string>()(text)) * 0x9e3779b97f4a7c15u;
    sum ^= sum >> 29;
  };
  tree.each([&](const std::string& path, const FileTree::Node& node) {
    mix(path);
    mix(node.bytes);
  });
  return sum;
}

class PowerLoss {
 public:
  /// `most`: about how many states of one moment are tried.
  PowerLoss(const FileTree& tree, std::size_t most, unsigned seed) : tree_(tree), most_(most), random_(seed) {
    choose_changes();
    for (int number = FileTree::root; number < tree.end(); ++number) {
      if (!tree.has(number)) continue;
      const FileTree::Node& node = tree.node(number);
      if (!node.is_folder && (!node.unsynced.empty() || node.bytes.size() != node.durable_bytes.size())) {
        files_.emplace_back(number, contents(node));
      }
    }
  }

  /// Calls visit(state) for each different state; returns how many there were.
  template <class Visit>
  long each(Visit visit) {
    std::size_t all = changes_.size();
    for (const auto& [number, variants] : files_) all = std::min(most_ + 1, all * variants.size());
    std::set<std::size_t> seen;
    const auto enter = [&](const std::vector<std::size_t>& changes, const std::vector<std::size_t>& chosen) {
      std::map<int, std::string> bytes;
      for (std::size_t i = 0; i < files_.size(); ++i) bytes[files_[i].first] = files_[i].second[chosen[i]];
      FileTree state = tree_.after_power_loss(changes, bytes);
      if (seen.insert(digest(state)).second) visit(std::move(state));
    };
    std::vector<std::size_t> chosen(files_.size(), 0);
    if (all <= most_) {
      for (const auto& changes : changes_) {
        do enter(changes, chosen);
        while (next(chosen));
      }
    } else {
      for (std::size_t i = 0; i < most_; ++i) {
        for (std::size_t k = 0; k < chosen.size(); ++k) {
          // first no bytes at all and every byte, with each choice of names; then anything
          const std::size_t variants = files_[k].second.size();
          const std::size_t round = i / changes_.size();
          chosen[k] = round < 2 ? std::min(round, variants - 1) : random_() % variants;
        }
        enter(changes_[i % changes_.size()], chosen);
      }
    }
    return static_cast<long>(seen.size());
  }

 private:
  using Order = std::vector<std::size_t>;  // of indices into tree.unsynced_changes()

  // Which changes of names are written, and in which order.
  void choose_changes() {
    const std::size_t count = tree_.unsynced_changes().size();
    Order everything(count);
    for (std::size_t i = 0; i < count; ++i) everything[i] = i;
    if (count < 10 && (std::size_t{1} << count) <= most_) {
      for (std::size_t set = 0; set < std::size_t{1} << count; ++set) {
        add([&](std::size_t i) { return (set >> i & 1) != 0; });
      }
    } else {
      for (std::size_t k = 0; k <= count; ++k) {
        add([&](std::size_t i) { return i < k; });   // the first ones
        add([&](std::size_t i) { return i >= k; });  // the last ones
        add([&](std::size_t i) { return i == k; });
        add([&](std::size_t i) { return i != k; });
      }
      for (std::size_t k = 0; k < most_ / 4; ++k) add([&](std::size_t) { return random_() % 2 == 0; });
    }
    for (std::size_t k = 0, orders = changes_.size(); k < orders; ++k) {
      Order order = changes_[k];
      if (!conflicts(order)) continue;
      std::reverse(order.begin(), order.end());
      changes_.push_back(order);
      std::shuffle(order.begin(), order.end(), random_);
      changes_.push_back(std::move(order));
    }
  }

  template <class Chosen>
  void add(Chosen is_chosen) {
    Order order;
    for (std::size_t i = 0; i < tree_.unsynced_changes().size(); ++i) {
      if (is_chosen(i)) order.push_back(i);
    }
    changes_.push_back(std::move(order));
  }

  // Whether their order matters: two of them concern one name, or one thing.
  bool conflicts(const Order& order) const {
    const auto& all = tree_.unsynced_changes();
    std::set<std::pair<int, std::string>> names;
    std::set<int> nodes;
    for (const std::size_t i : order) {
      const FileTree::NameChange& c = all[i];
      if (!nodes.insert(c.node).second) return true;
      if (c.from_folder >= 0 && !names.insert({c.from_folder, c.from}).second) return true;
      if (c.to_folder >= 0 && !names.insert({c.to_folder, c.to}).second) return true;
    }
    return false;
  }

  // What a file with unsynced bytes may hold: first nothing of them, then all.
  std::vector<std::string> contents(const FileTree::Node& node) {
    constexpr std::size_t sector = FileTree::sector;
    std::vector<std::string> variants{node.durable_bytes, mixed(node, [](std::size_t) { return 1u; })};
    const std::vector<std::size_t> sectors(node.unsynced.begin(), node.unsynced.end());
    const auto place = [&](std::size_t s) {
      return static_cast<unsigned>(std::lower_bound(sectors.begin(), sectors.end(), s) - sectors.begin());
    };
    if (sectors.size() <= 3) {
      for (unsigned code = 0; code < 1u << 2 * sectors.size(); ++code) {
        variants.push_back(mixed(node, [&](std::size_t s) { return code >> 2 * place(s) & 3; }));
      }
    } else {
      for (unsigned kind = 0; kind < 4; ++kind) variants.push_back(mixed(node, [&](std::size_t) { return kind; }));
      for (int k = 0; k < 60; ++k) variants.push_back(mixed(node, [&](std::size_t) { return random_() % 4; }));
    }
    for (const std::size_t s : sectors) {  // grown up to here, and in the middle of a sector
      for (const std::size_t length : {s * sector, s * sector + sector / 2 + 1}) {
        if (length < node.bytes.size()) variants.push_back(variants[1].substr(0, length));
      }
    }
    return variants;
  }

  // kind_of(sector) is 0: as it was, 1: as written, 2: zeros, 3: garbage.
  template <class KindOf>
  std::string mixed(const FileTree::Node& node, KindOf kind_of) {
    std::string bytes = node.durable_bytes;
    bytes.resize(node.bytes.size());
    for (const std::size_t s : node.unsynced) {
      const std::size_t begin = std::min(s * FileTree::sector, bytes.size());
      const std::size_t end = std::min(begin + FileTree::sector, bytes.size());
      const unsigned kind = static_cast<unsigned>(kind_of(s));
      for (std::size_t i = begin; kind != 0 && i < end; ++i) {
        bytes[i] = kind == 1 ? node.bytes[i] : kind == 2 ? '\0' : static_cast<char>(random_());
      }
    }
    return bytes;
  }

  // The next choice of a variant for each file; false after the last.
  bool next(std::vector<std::size_t>& chosen) const {
    for (std::size_t k = 0; k < chosen.size(); ++k) {
      if (++chosen[k] < files_[k].second.size()) return true;
      chosen[k] = 0;
    }
    return false;
  }

  const FileTree& tree_;
  std::size_t most_;
  std::minstd_rand random_;
  std::vector<Order> changes_;
  std::vector<std::pair<int, std::vector<std::string>>> files_;  // node, what it may hold
};

}  // namespace primer::test
