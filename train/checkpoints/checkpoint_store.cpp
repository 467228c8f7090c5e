#include "train/checkpoints/checkpoint_store.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "data/bytes/checksum.h"
#include "data/bytes/utf8.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;
using data::printable;

namespace {

constexpr std::string_view prefix = "step-";
constexpr std::string_view unevaluated = "-unevaluated";
constexpr std::string_view temporary_ending = ".tmp";      // being written
constexpr std::string_view removed_ending = ".old";        // to be removed
constexpr std::string_view replaced_ending = ".replaced";  // whole, until another of the same moment has its name
constexpr std::size_t digits = 9;                          // at least; so that names sort by step

std::string name_of(CheckpointId id) {
  std::string number = std::to_string(id.step);
  if (number.size() < digits) number.insert(0, digits - number.size(), '0');
  return std::string(prefix) + number + std::string(id.evaluated ? "" : unevaluated);
}

// Only names that name_of() makes.
std::optional<CheckpointId> id_of(const std::string& name) {
  if (!name.starts_with(prefix)) return {};
  CheckpointId id;
  id.evaluated = !name.ends_with(unevaluated);
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), id.step);
  if (error != std::errc() || id.step < 0 || name != name_of(id)) return {};
  return id;
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Error(Fault::checkpoint, printable(path) + ": " + why);
}

[[noreturn]] void fail(const std::string& path, const std::string& what, int error) {
  throw Error(Fault::io, printable(path) + ": " + what + ": " + data::reason(error));
}

// Its length and checksum must be those of the manifest.
void check_file(const std::string& path, const Manifest::File& expected, data::Disk& disk) {
  const data::InputFile file(path, Fault::checkpoint, disk);
  if (file.size() != expected.bytes) {
    refuse(path,
           "it has " + std::to_string(file.size()) + " bytes, the manifest says " + std::to_string(expected.bytes));
  }
  std::string block(std::min<std::uint64_t>(expected.bytes, 1 << 20), '\0');
  std::uint32_t checksum = 0;
  for (std::uint64_t done = 0; done < expected.bytes; done += block.size()) {
    block.resize(std::min<std::uint64_t>(block.size(), expected.bytes - done));
    file.read_exactly(block.data(), block.size(), done, Fault::checkpoint);
    checksum = data::crc32c(block, checksum);
  }
  if (checksum != expected.checksum) refuse(path, "its checksum is wrong; it was damaged");
}

}  // namespace

std::string CheckpointStore::path(CheckpointId id) const { return folder_ + "/" + name_of(id); }

std::string CheckpointStore::hidden(CheckpointId id, std::string_view ending) const {
  return folder_ + "/." + name_of(id) + std::string(ending);
}

bool CheckpointStore::is_there(const std::string& path) const {
  data::FileStatus status;
  const int result = disk_.status(path, false, status);
  if (result < 0 && result != -ENOENT) fail(path, "cannot be looked at", -result);
  return result == 0;
}

void CheckpointStore::rename(const std::string& from, const std::string& to) {
  if (const int result = try_to_rename(from, to); result < 0) fail(from, "cannot be renamed", -result);
}

int CheckpointStore::try_to_rename(const std::string& from, const std::string& to) {
  return data::uninterrupted([&] { return disk_.rename(from, to); });
}

void CheckpointStore::make_folder() {
  const int made = disk_.make_folder(folder_);
  if (made < 0 && made != -EEXIST) fail(folder_, "cannot be created", -made);
  // Also when it was there: whoever made it may have been killed before its name was on the disk.
  if (made == 0) folder_is_durable_ = false;
  if (folder_is_durable_) return;
  try {
    data::sync_folder(data::folder_of(folder_), disk_);
  } catch (const Error&) {
    disk_.remove_folder(folder_);  // if empty; what a failed sync forgot must be made anew
    throw;
  }
  folder_is_durable_ = true;
}

void CheckpointStore::save(CheckpointId id, const std::vector<File>& files) {
  make_folder();
  const std::string temporary = hidden(id, temporary_ending), replaced = hidden(id, replaced_ending);
  data::remove_all(temporary, disk_);
  try {
    if (const int result = disk_.make_folder(temporary); result < 0) fail(path(id), "cannot be created", -result);
    Manifest manifest{id.step, {}};
    const auto write = [&](const std::string& name, const auto& write_bytes) {
      data::OutputFile file(temporary + "/" + name, disk_, path(id) + "/" + name);
      write_bytes(file);
      file.finish();
      manifest.files.push_back({name, file.appended(), file.checksum()});
    };
    for (const File& file : files) write(file.name, file.write);
    write("manifest", [text = to_text(manifest)](data::OutputFile& file) { file.append(text); });
    read_back(temporary, id);
    data::sync_folder(temporary, disk_);
    if (is_there(path(id))) {
      // It keeps another name until the new one is safe. If it has one already, then this one never became safe.
      rename(path(id), is_there(replaced) ? hidden(id, removed_ending) : replaced);
      data::sync_folder(folder_, disk_);
    }
    rename(temporary, path(id));
  } catch (...) {
    data::remove_all(temporary, disk_);
    try_to_rename(replaced, path(id));  // refused when there is none, or when the name was not given up
    throw;
  }
  data::sync_folder(folder_, disk_);
  data::remove_all(replaced, disk_);
  data::remove_all(hidden(id, removed_ending), disk_);
}

void CheckpointStore::read_back(const std::string& path, CheckpointId id) const {
  try {
    verify_folder(path, id);
  } catch (const Error& error) {
    if (error.fault() == Fault::io) throw;
    throw Error(Fault::io, std::string("what was written is read back otherwise: ") + error.what());
  }
}

std::vector<std::string> CheckpointStore::names() const {
  std::vector<std::string> names;
  const int result = disk_.names(folder_, names);
  if (result < 0 && result != -ENOENT) fail(folder_, "cannot be read", -result);
  return names;
}

std::vector<CheckpointId> CheckpointStore::list() const {
  std::vector<CheckpointId> ids;
  for (const std::string& name : names()) {
    if (const auto id = id_of(name)) ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Manifest CheckpointStore::verify(CheckpointId id) const { return verify_folder(path(id), id); }

Manifest CheckpointStore::verify_folder(const std::string& path, CheckpointId id) const {
  const std::string name = path + "/manifest";
  const Manifest manifest =
      parse_manifest(data::read_file(name, Manifest::most_bytes, Fault::checkpoint, disk_), printable(name));
  if (manifest.step != id.step) refuse(name, "it is that of step " + std::to_string(manifest.step));
  for (const Manifest::File& file : manifest.files) check_file(path + "/" + file.name, file, disk_);
  return manifest;
}

std::string CheckpointStore::set_aside(CheckpointId id, std::string_view ending) {
  const std::string first = path(id) + std::string(ending);
  std::string aside = first;
  for (long number = 2; is_there(aside); ++number) aside = first + "." + std::to_string(number);
  rename(path(id), aside);
  data::sync_folder(folder_, disk_);
  return aside;
}

void CheckpointStore::tidy() {
  std::vector<std::string> leftovers;
  for (const std::string& name : names()) {
    if (name.starts_with("." + std::string(prefix))) leftovers.push_back(name);
  }
  for (const std::string& name : leftovers) {
    if (!name.ends_with(replaced_ending)) continue;
    const auto id = id_of(name.substr(1, name.size() - 1 - replaced_ending.size()));
    if (id && !is_there(path(*id))) rename(folder_ + "/" + name, path(*id));
  }
  // Names first: no checkpoint may keep its name when its files go, and none that is found may lose it later.
  data::sync_folder(folder_, disk_);
  for (const std::string& name : leftovers) data::remove_all(folder_ + "/" + name, disk_);
}

CheckpointStore::Recovered CheckpointStore::recover() {
  Recovered recovered;
  std::vector<CheckpointId> ids;
  if (is_there(folder_)) {
    tidy();
    ids = list();
  }
  bool unreadable = false;
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    try {
      verify(*id);
      recovered.id = *id;
      return recovered;
    } catch (const NewerFormat&) {
      throw;
    } catch (const Error& error) {
      std::string warning = error.what();
      if (error.fault() == Fault::checkpoint) {
        try {
          warning += "; it is now " + printable(set_aside(*id, ".broken"));
        } catch (const Error&) {  // where nothing can be renamed, going on is still right
        }
      } else {
        unreadable = true;
      }
      recovered.warnings.push_back(warning);
    }
  }
  std::string why = printable(folder_) + " holds no whole checkpoint";
  if (!recovered.warnings.empty()) why += ": " + recovered.warnings.front();
  throw Error(unreadable ? Fault::io : Fault::checkpoint, why);
}

std::vector<std::string> CheckpointStore::go_back(CheckpointId to) {
  const std::vector<CheckpointId> ids = list();
  std::vector<std::string> asides;
  for (auto id = ids.rbegin(); id != ids.rend() && *id > to; ++id) asides.push_back(set_aside(*id, ".aside"));
  return asides;
}

void CheckpointStore::prune(CheckpointId newest, std::optional<CheckpointId> best, long keep, long save_every) {
  try {
    const std::vector<CheckpointId> ids = list();
    if (!std::binary_search(ids.begin(), ids.end(), newest)) return;
    const auto was_due = [&](CheckpointId id) {
      return save_every == 0 || (id.evaluated && id.step % save_every == 0);
    };
    std::vector<CheckpointId> superfluous;
    long kept = 0;
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {  // the newest first
      if (*id >= newest || *id == best) continue;
      if (was_due(*id) && kept < keep) {
        ++kept;
      } else {
        superfluous.push_back(*id);
      }
    }
    for (const CheckpointId id : superfluous) try_to_rename(path(id), hidden(id, removed_ending));
    tidy();
  } catch (const Error&) {  // an old checkpoint too many harms nobody
  }
}

}  // namespace primer::train
