#pragma once

#include <string>

namespace primer::program {

/// "0.1.0", and the commit it was built from where that is known: "0.1.0, commit 30268a5".
std::string version();

}  // namespace primer::program
