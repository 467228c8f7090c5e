#include "train/run/run_directory.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "autograd/error.h"
#include "data/utf8.h"

namespace primer::train {

namespace fs = std::filesystem;
using autograd::Error;
using autograd::Fault;
using data::printable;

namespace {

// Also true for a link that leads nowhere and for what may not be looked at: the name is taken.
bool is_taken(const std::string& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

void rename_directory(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) {
    throw Error(Fault::io, "cannot rename " + printable(from) + " to " + printable(to) + ": " + error.message());
  }
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
  std::error_code ignored;
  fs::remove_all(staging_.directory, ignored);
}

void NewRun::refuse_existing() const {
  if (!force_ && is_taken(path_)) {
    throw Error(Fault::usage, printable(path_) +
                                  " exists already: choose another place with -o, or let --force move it aside");
  }
}

const RunPaths& NewRun::staging() {
  if (!staging_.directory.empty()) return staging_;
  const fs::path path = path_;
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  const std::string directory =
      (path.parent_path() / ("." + path.filename().string() + ".starting." + std::to_string(::getpid()))).string();
  if (!error) fs::remove_all(directory, error);  // of a process that was killed long ago and had our number
  if (!error) fs::create_directory(directory, error);
  if (error) throw Error(Fault::io, "cannot create a run at " + printable(path_) + ": " + error.message());
  staging_.directory = directory;
  return staging_;
}

RunPaths NewRun::publish(std::string* moved_to) {
  staging();
  refuse_existing();
  if (moved_to) moved_to->clear();
  if (is_taken(path_)) {
    long number = 1;
    while (is_taken(path_ + "." + std::to_string(number))) ++number;
    const std::string aside = path_ + "." + std::to_string(number);
    rename_directory(path_, aside);
    if (moved_to) *moved_to = aside;
  }
  rename_directory(staging_.directory, path_);
  published_ = true;
  return {path_};
}

}  // namespace primer::train
