#include <program_commit.h>  // made by cmake/commit.cmake

#include "program/commands.h"

namespace primer::program {

std::string version() {
  const std::string commit = PRIMER_COMMIT;
  return PRIMER_VERSION + (commit.empty() ? commit : ", commit " + commit);
}

}  // namespace primer::program
