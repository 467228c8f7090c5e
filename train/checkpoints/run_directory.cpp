#include "train/checkpoints/run_directory.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"

namespace primer::train {

namespace fs = std::filesystem;
using autograd::Error;
using autograd::Fault;
using data::printable;

namespace {

// Also true for a link that leads nowhere. Where nothing may be looked at: Fault::io.
bool is_taken(const std::string& path) {
  data::FileStatus status;
  const int result = data::system_disk().status(path, false, status);
  if (result < 0 && result != -ENOENT && result != -ENOTDIR) {
    throw Error(Fault::io, printable(path) + " cannot be looked at: " + data::reason(-result));
  }
  return result == 0;
}

void rename_directory(const std::string& from, const std::string& to) {
  if (const int result = data::system_disk().rename(from, to); result < 0) {
    throw Error(Fault::io, "cannot rename " + printable(from) + " to " + printable(to) + ": " + data::reason(-result));
  }
}

// Empty when there is no lock to take. Throws Fault::busy when the run is being trained.
std::optional<RunLock> lock_existing(const std::string& path) {
  const RunPaths run{path};
  for (int attempt = 1; is_taken(run.lock()); ++attempt) {
    try {
      return RunLock(run.lock());
    } catch (const Error& error) {  // it may have been moved away since, and another have taken its place
      if (error.fault() != Fault::io || attempt == 10) throw;
    }
  }
  return {};
}

/// A turn to change names in a folder: two programs that publish runs there take turns. Where a folder cannot be
/// locked, or another program keeps it, nobody waits for ever: then two runs that are forced into one place at the same
/// instant may end up as one moved aside by the other.
class Turn {
 public:
  explicit Turn(const std::string& folder) : descriptor_(data::system_disk().open(folder, data::Disk::Open::folder)) {
    for (int wait = 0; descriptor_ >= 0 && wait < 5000; ++wait) {
      const int result = data::system_disk().lock(descriptor_);
      if (result != -EWOULDBLOCK && result != -EINTR) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (descriptor_ >= 0) data::system_disk().close(descriptor_);
  }

 private:
  int descriptor_;
};

// Creates the folder and those above it, durably.
void create_folders(const fs::path& folder) {
  std::error_code unknown;  // what may not be looked at cannot be created either, and that says why
  if (folder.empty() || fs::is_directory(folder, unknown)) return;
  create_folders(folder.parent_path());
  const int result = data::system_disk().make_folder(folder.string());
  if (result < 0 && result != -EEXIST) {
    throw Error(Fault::io, "cannot create " + printable(folder.string()) + ": " + data::reason(-result));
  }
  data::sync_folder(data::folder_of(folder.string()));
}

}  // namespace

std::string default_run(const std::vector<std::string>& texts) {
  if (texts.empty() || texts.front() == "-") return "runs/stdin";
  std::error_code error;
  fs::path path = texts.front();
  if (fs::is_directory(path, error)) {
    const fs::path resolved = fs::canonical(path, error);  // so that "." has a name
    if (!error) path = resolved;
  } else {
    path = path.filename().stem();
  }
  std::string name;
  for (const char c : path.filename().string()) {
    const auto byte = static_cast<unsigned char>(c);
    const bool leading = name.empty() && (c == '.' || c == '-');
    name += byte < 0x20 || byte == 0x7F || c == '/' || leading ? '_' : c;
  }
  return "runs/" + (name.empty() ? "text" : name);
}

data::FileIdentity place_of(const std::string& directory) {
  data::FileStatus status;
  data::system_disk().status(directory, true, status);
  return {status.identity.device, status.identity.inode, 0, 0};
}

void check_place(const std::string& directory, const data::FileIdentity& place, const std::string& what) {
  if (place_of(directory) == place) return;
  throw Error(Fault::io,
              "the " + what + " is no longer at " + data::printable(directory) + ": it was moved or removed");
}

NewRun::NewRun(std::string path, bool force) : path_(std::move(path)), force_(force) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  const std::string name = fs::path(path_).filename().string();
  if (name.empty() || name == "." || name == ".." || path_.find('\0') != std::string::npos) {
    throw Error(Fault::usage, "\"" + printable(path_) + "\" cannot be the name of a run: give -o a new directory");
  }
  refuse_existing();
}

NewRun::~NewRun() {
  if (published_ || staging_.directory.empty()) return;
  data::remove_all(staging_.directory);
  if (made_folder_) data::system_disk().remove_folder(data::folder_of(path_));  // unless there is something in it
}

void NewRun::refuse_existing() const {
  if (!force_ && is_taken(path_)) {
    const char* const go_on = is_taken(RunPaths{path_}.config()) ? "go on with it by --resume, " : "";
    throw Error(Fault::usage, printable(path_) + " exists already: " + go_on +
                                  "choose another place with -o, or let --force move it aside");
  }
}

void NewRun::refuse_busy() const { lock_existing(path_); }

namespace {

// Hidden directories for the run `path` are named so, and a process number follows.
std::string staging_prefix(const fs::path& path) {
  return (path.parent_path() / ("." + path.filename().string() + ".starting.")).string();
}

}  // namespace

void NewRun::remove_stale() const {
  const std::string prefix = staging_prefix(path_);
  std::vector<std::string> names;
  data::system_disk().names(data::folder_of(prefix), names);
  for (const std::string& name : names) {
    const std::string found = (fs::path(prefix).parent_path() / name).string();
    if (!found.starts_with(prefix)) continue;
    try {
      // Without a lock too: its process was killed before it had one, or is about to take one, and then makes another
      // directory.
      const RunLock lock(RunPaths{found}.lock());
      data::remove_all(found);  // its process lives no more
    } catch (const Error&) {    // somebody is at work there
    }
  }
}

const RunPaths& NewRun::staging() {
  if (!staging_.directory.empty()) return staging_;
  made_folder_ = data::kind_of(data::folder_of(path_), true) == data::FileKind::missing;
  create_folders(fs::path(path_).parent_path());
  remove_stale();
  const std::string process = staging_prefix(path_) + std::to_string(::getpid());
  for (int attempt = 1; !lock_; ++attempt) {
    const std::string directory = attempt == 1 ? process : process + "-" + std::to_string(attempt);
    const int result = data::system_disk().make_folder(directory);
    if (result == -EEXIST && attempt < 100) continue;  // of a process with our number, on another machine perhaps
    if (result < 0) {
      throw Error(Fault::io, "cannot create " + printable(path_) + ": " + data::reason(-result));
    }
    try {
      lock_.emplace(RunPaths{directory}.lock());
      staging_.directory = directory;
    } catch (const Error&) {  // another process took it for a killed one's, in the moment before it was locked
      data::system_disk().remove_folder(directory);
      if (attempt >= 100) throw;
    }
  }
  return staging_;
}

RunPaths NewRun::publish(std::string* moved_to) {
  data::sync_folder(staging().directory);
  if (moved_to) moved_to->clear();
  const Turn turn(data::folder_of(path_));
  refuse_existing();
  if (is_taken(path_)) {
    const auto lock = lock_existing(path_);
    long number = 1;
    while (is_taken(path_ + "." + std::to_string(number))) ++number;
    const std::string aside = path_ + "." + std::to_string(number);
    rename_directory(path_, aside);
    if (moved_to) *moved_to = aside;
  }
  const int result = data::system_disk().rename(staging_.directory, path_);
  if (result == -EEXIST || result == -ENOTEMPTY || result == -ENOTDIR) refuse_existing();
  if (result < 0) {
    throw Error(Fault::io, "cannot create " + printable(path_) + ": " + data::reason(-result));
  }
  published_ = true;
  data::sync_folder(data::folder_of(path_));
  return {path_};
}

}  // namespace primer::train
