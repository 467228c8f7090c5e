// What the machine and its control groups leave to this process.
// https://docs.kernel.org/admin-guide/cgroup-v2.html, and cgroup-v1/memory.html.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>

#include "train/run/memory.h"

namespace primer::train {

namespace {

/// The number that a line begins with after `key` and spaces; the first line of the file when there is no key.
std::optional<double> number_in(const std::string& path, std::string_view key = "") {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::string_view rest = line;
    if (!rest.starts_with(key)) continue;
    rest.remove_prefix(key.size());
    const auto digits = rest.find_first_not_of(" \t");
    if (digits == std::string_view::npos || (digits == 0 && !key.empty())) continue;  // a longer key
    rest.remove_prefix(digits);
    double value = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), value).ec == std::errc()) return value;
    if (key.empty()) break;
  }
  return {};
}

/// Names of the files and keys in which a version of control groups says what we ask.
struct GroupFiles {
  const char *most, *used, *inactive_cache, *active_cache;
};
constexpr GroupFiles version_1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
                               "total_active_file"};
constexpr GroupFiles version_2{"memory.max", "memory.current", "inactive_file", "active_file"};

/// The least that a group and those above it leave. `mount` is where their files are, `path` the group's below it.
double room_in_groups(const std::string& mount, std::string path, const GroupFiles& names) {
  double room = HUGE_VAL;
  for (;;) {
    const std::string group = mount + path + "/";
    const auto most = number_in(group + names.most);
    const auto used = number_in(group + names.used);
    if (most && used) {  // "max" is no number, and no limit
      const double cache = number_in(group + "memory.stat", names.inactive_cache).value_or(0) +
                           number_in(group + "memory.stat", names.active_cache).value_or(0);
      room = std::min(room, std::max(0.0, *most - std::max(0.0, *used - cache)));
    }
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return room;
    path.resize(slash);
  }
}

/// The least that the control groups of this process leave.
double room_in_groups(const std::string& root) {
  double room = HUGE_VAL;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // number:controllers:path
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") room = std::min(room, room_in_groups(root + "/sys/fs/cgroup", path, version_2));
    if (controllers.find(",memory,") != std::string::npos) {
      room = std::min(room, room_in_groups(root + "/sys/fs/cgroup/memory", path, version_1));
    }
  }
  return room;
}

}  // namespace

MemoryLimit available_memory(const std::string& root) {
  MemoryLimit limit{HUGE_VAL, "are free"};
  if (const auto kib = number_in(root + "/proc/meminfo", "MemAvailable:")) limit.bytes = *kib * 1024;
  const double groups = room_in_groups(root);
  if (groups < limit.bytes) limit = {groups, "are left in this process's control group"};
  return limit;
}

}  // namespace primer::train
