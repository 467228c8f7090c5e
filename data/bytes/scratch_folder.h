// A folder of our own beside the system's temporary files.
#pragma once

#include <string>

namespace primer::data {

/// Made with a name of its own, removed at the end with all that is in it. `what` is part of the name. Fault::io.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& what);
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace primer::data
