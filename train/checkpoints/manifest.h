// The manifest of a checkpoint: what it consists of, with the length and checksum of each file. It is written last.
//
//   primer checkpoint 1
//   step 1000
//   model.safetensors 3190123 8a3bc1d2
//   ...
//   end 5b0e77c1
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/error.h"

namespace primer::train {

struct Manifest {
  static constexpr long format = 1;                   // of checkpoints that this program writes
  static constexpr std::size_t most_bytes = 1 << 16;  // of its text

  struct File {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint32_t checksum = 0;  // CRC32C
    bool operator==(const File&) const = default;
  };
  long step = 0;
  std::vector<File> files;
};

/// A checkpoint that is whole, but of a format that this program does not know.
struct NewerFormat : autograd::Error {
  using autograd::Error::Error;
};

/// The text, its own CRC32C in the last line.
std::string to_text(const Manifest& manifest);

/// Reads such a text; `name` is the file's, for messages. It accepts only what to_text() writes, byte for byte, of
/// files that can be in a checkpoint's folder, each named once. A whole manifest of a later format: NewerFormat;
/// anything else: Fault::checkpoint.
Manifest parse_manifest(std::string_view text, const std::string& name);

}  // namespace primer::train
