#include "data/bytes/scratch_folder.h"

#include <stdlib.h>

#include <filesystem>

#include "autograd/error.h"

namespace primer::data {

ScratchFolder::ScratchFolder(const std::string& what) {
  std::error_code error;
  path_ = (std::filesystem::temp_directory_path(error) / ("primer-" + what + "-XXXXXX")).string();
  if (error || !::mkdtemp(path_.data())) {
    throw autograd::Error(autograd::Fault::io, "cannot create a temporary folder like " + path_);
  }
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace primer::data
