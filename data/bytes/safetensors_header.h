// The header of a safetensors file: what may stand there, and every check on it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/bytes/file.h"
#include "data/bytes/safetensors.h"

namespace primer::data {

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;  // in the order of their offsets, which are from the start of the file
  std::map<std::string, std::string> metadata;
};

/// Reads and checks the header. All wrong with it is Fault::checkpoint, naming the file and the reason.
SafetensorsHeader read_safetensors_header(const InputFile& file);

/// The header's bytes for these tensors, in this order, one after the other: the file's first bytes, length included,
/// padded with spaces to a multiple of 64. What the reader would refuse is Fault::bug.
std::string make_safetensors_header(const std::vector<TensorView>& tensors,
                                    const std::map<std::string, std::string>& metadata);

/// The size in bytes of a tensor; false when it does not fit 61 bits or is not whole bytes.
bool tensor_bytes(const std::vector<long>& shape, Dtype dtype, std::uint64_t& bytes);

/// Refuses a file: Fault::checkpoint with its path and `why`.
[[noreturn]] void refuse_safetensors(const std::string& path, const std::string& why);

/// A name for a message: in quotes, cut to the longest name that is allowed, fit for one line.
std::string quoted_name(std::string_view name);

}  // namespace primer::data
