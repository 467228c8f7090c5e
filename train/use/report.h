// A training as a page: its curves, what its model wrote on the way, and what it expects of a text that it did not
// learn from.
#pragma once

#include <string>
#include <vector>

namespace primer::train {

/// The page of one run, or of several whose curves lie over each other. They may be in training. What had to be passed
/// over goes to `warnings`. No run: Fault::input.
std::string report(const std::vector<std::string>& runs, std::vector<std::string>& warnings);

}  // namespace primer::train
