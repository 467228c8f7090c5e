#include "train/run/checkpoint_store.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "data/checksum.h"
#include "data/utf8.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;
using data::printable;

namespace {

constexpr std::string_view prefix = "step-";
constexpr std::string_view unevaluated = "-unevaluated";
constexpr std::size_t digits = 9;  // at least; so that names sort by step

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
  if (expected.name.find('/') != std::string::npos) refuse(path, "the manifest names a file elsewhere");
  const data::InputFile file(path, Fault::checkpoint, disk);
  if (file.size() != expected.bytes) {
    refuse(path, "it has " + std::to_string(file.size()) + " bytes, the manifest says " +
                     std::to_string(expected.bytes));
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

void CheckpointStore::save(CheckpointId id, const std::vector<File>& files) {
  const int made = disk_.make_folder(folder_);
  if (made < 0 && made != -EEXIST) fail(folder_, "cannot be created", -made);
  if (made == 0) data::sync_folder(data::folder_of(folder_), disk_);

  const std::string temporary = folder_ + "/." + name_of(id) + ".tmp";
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
    verify_folder(temporary, id);
    data::sync_folder(temporary, disk_);
    data::FileStatus status;
    if (disk_.status(path(id), false, status) == 0) set_aside(id, nullptr);
    if (const int result = disk_.rename(temporary, path(id)); result < 0) fail(path(id), "cannot be renamed", -result);
  } catch (...) {
    data::remove_all(temporary, disk_);
    throw;
  }
  data::sync_folder(folder_, disk_);
}

std::vector<CheckpointId> CheckpointStore::list() const {
  std::vector<std::string> names;
  const int result = disk_.names(folder_, names);
  if (result < 0 && result != -ENOENT) fail(folder_, "cannot be read", -result);
  std::vector<CheckpointId> ids;
  for (const std::string& name : names) {
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

void CheckpointStore::set_aside(CheckpointId id, std::string* name) {
  std::string aside = path(id) + ".broken";
  data::FileStatus status;
  for (long number = 2; disk_.status(aside, false, status) != -ENOENT && number < 1000; ++number) {
    aside = path(id) + ".broken." + std::to_string(number);
  }
  if (const int result = disk_.rename(path(id), aside); result < 0) fail(path(id), "cannot be set aside", -result);
  data::sync_folder(folder_, disk_);
  if (name) *name = aside;
}

CheckpointStore::Recovered CheckpointStore::recover() {
  Recovered recovered;
  std::vector<std::string> names;
  if (disk_.names(folder_, names) == 0) {
    for (const std::string& name : names) {
      if (name.starts_with("." + std::string(prefix))) data::remove_all(folder_ + "/" + name, disk_);
    }
  }
  std::vector<CheckpointId> ids = list();
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
        std::string aside;
        try {
          set_aside(*id, &aside);
          warning += "; it is now " + printable(aside);
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

void CheckpointStore::prune(CheckpointId newest, std::optional<CheckpointId> best, long keep) {
  try {
    std::vector<CheckpointId> ids = list();
    std::erase_if(ids, [&](CheckpointId id) { return id >= newest || id == best; });
    const auto kept = static_cast<std::size_t>(std::max(keep, 0L));
    ids.resize(ids.size() - std::min(ids.size(), kept));
    std::vector<std::string> hidden;
    for (const CheckpointId id : ids) {
      hidden.push_back(folder_ + "/." + name_of(id) + ".old");
      data::remove_all(hidden.back(), disk_);
      if (disk_.rename(path(id), hidden.back()) < 0) hidden.pop_back();
    }
    // A checkpoint loses its name for good before it loses its files: none is ever seen in part.
    if (!hidden.empty()) data::sync_folder(folder_, disk_);
    for (const std::string& path : hidden) data::remove_all(path, disk_);
  } catch (const Error&) {  // an old checkpoint too many harms nobody
  }
}

}  // namespace primer::train
