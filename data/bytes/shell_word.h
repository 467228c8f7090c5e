// Words of a command line that people are told.
#pragma once

#include <string>

namespace primer::data {

/// The word as a shell reads it: between quotes where it needs them.
std::string shell_word(const std::string& word);

}  // namespace primer::data
