// What the machine and its control groups leave to this process, of memory and of processors.
// https://docs.kernel.org/admin-guide/cgroup-v2.html, and cgroup-v1/memory.html, scheduler/sched-bwc.html.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>

#include "train/plan/memory.h"

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

/// What a group leaves of its memory.
double room_in(const std::string& group, const GroupFiles& names) {
  const auto most = number_in(group + names.most);
  const auto used = number_in(group + names.used);
  if (!most || !used) return HUGE_VAL;  // "max" is no number, and no limit
  const double cache = number_in(group + "memory.stat", names.inactive_cache).value_or(0) +
                       number_in(group + "memory.stat", names.active_cache).value_or(0);
  return std::max(0.0, *most - std::max(0.0, *used - cache));
}

/// Processors that a group may use at once, by its quota.
double processors_in(const std::string& group, int version) {
  double quota = 0, period = 0;
  if (version == 2) {
    std::ifstream(group + "cpu.max") >> quota >> period;  // "max 100000": no number, no limit
  } else {
    quota = number_in(group + "cpu.cfs_quota_us").value_or(0);  // -1: no limit
    period = number_in(group + "cpu.cfs_period_us").value_or(0);
  }
  return quota > 0 && period > 0 ? quota / period : HUGE_VAL;
}

/// Calls f(folder, version) for the control groups of this process that have to do with `controller`, and for those
/// above them.
template <class F>
void each_group(const std::string& root, const std::string& controller, F f) {
  const auto upwards = [&](const std::string& mount, std::string path, int version) {
    for (;;) {
      f(mount + path + "/", version);
      const auto slash = path.rfind('/');
      if (slash == std::string::npos) return;
      path.resize(slash);
    }
  };
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // number:controllers:path
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") upwards(root + "/sys/fs/cgroup", path, 2);
    if (controllers.find("," + controller + ",") != std::string::npos) {
      upwards(root + "/sys/fs/cgroup/" + controller, path, 1);
    }
  }
}

}  // namespace

MemoryLimit available_memory(const std::string& root) {
  MemoryLimit limit{HUGE_VAL, "are free"};
  if (const auto kib = number_in(root + "/proc/meminfo", "MemAvailable:")) limit.bytes = *kib * 1024;
  double groups = HUGE_VAL;
  each_group(root, "memory", [&](const std::string& group, int version) {
    groups = std::min(groups, room_in(group, version == 2 ? version_2 : version_1));
  });
  if (groups < limit.bytes) limit = {groups, "are left in this process's control group"};
  return limit;
}

long processor_quota(const std::string& root) {
  double processors = 1e9;
  each_group(root, "cpu", [&](const std::string& group, int version) {
    processors = std::min(processors, processors_in(group, version));
  });
  return static_cast<long>(std::max(1.0, std::ceil(processors)));
}

}  // namespace primer::train
