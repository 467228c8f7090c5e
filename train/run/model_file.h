// A model on disk: its parameters as safetensors, by their paths.
#pragma once

#include <map>
#include <string>

#include "autograd/parameters.h"
#include "data/safetensors.h"

namespace primer::train {

/// Writes every parameter, atomically. `metadata` goes into the header. The disk: Fault::io.
void save_model(const std::string& path, const autograd::Parameters<float>& parameters,
                const std::map<std::string, std::string>& metadata);

/// Throws Fault::checkpoint unless the file holds exactly the declared parameters in their shapes; the message names
/// what is missing, left over or of another shape, up to ten of them. Needs no memory for the parameters.
void check_model(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters);

/// Checks as above, then fills the parameters, which must be built. A value that is not finite: Fault::checkpoint.
void load_model(const data::SafetensorsFile& file, autograd::Parameters<float>& parameters);

}  // namespace primer::train
