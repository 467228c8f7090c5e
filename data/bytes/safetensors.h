// safetensors: named arrays in one file. 8 bytes header length, a JSON header, then the arrays, packed, little-endian.
// The format: https://github.com/huggingface/safetensors, README and safetensors/src/tensor.rs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/bytes/file.h"

namespace primer::data {

/// The format's element types, in its order: a file's tensors are stored with the last of these first.
enum class Dtype {
  BOOL,
  F4,
  F6_E2M3,
  F6_E3M2,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  F8_E8M0,
  F8_E4M3FNUZ,
  F8_E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64
};

std::string_view dtype_name(Dtype dtype);
int dtype_bits(Dtype dtype);  // bits per element

/// What a reader accepts at most; every limit is checked before memory is taken for what it bounds.
struct SafetensorsLimits {
  static constexpr std::uint64_t header_bytes = 16u << 20;
  static constexpr std::size_t metadata_bytes = 1u << 20;
  static constexpr std::size_t tensors = 65'536;
  static constexpr std::size_t name_bytes = 256;
  static constexpr std::size_t rank = 8;
  static constexpr std::uint64_t dimension = 2'147'483'647;
};

/// One tensor of a file.
struct TensorEntry {
  std::string name;
  Dtype dtype = Dtype::F32;
  std::vector<long> shape;   // row-major; empty for a scalar; a dimension may be 0
  std::uint64_t offset = 0;  // bytes from the start of the file
  std::uint64_t bytes = 0;
  std::uint64_t count() const;  // elements
};

/// A safetensors file, its header read and checked, its arrays read on demand.
/// Anything wrong with the contents is Fault::checkpoint, naming the file and the reason; a file that is missing,
/// unreadable or not regular is Fault::input.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path, Disk& disk = system_disk());

  const std::string& path() const { return file_.path(); }
  const std::vector<TensorEntry>& tensors() const { return tensors_; }  // in the order of their offsets
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const TensorEntry* find(std::string_view name) const;  // null if there is none

  /// Reads the tensor `name` into out[count], converting F64, F32, F16 and BF16 (to float: rounding to nearest).
  /// Another type, another count or an unknown name: Fault::checkpoint, and out is not touched.
  void read(std::string_view name, float* out, std::uint64_t count) const;
  void read(std::string_view name, double* out, std::uint64_t count) const;

  /// Reads a tensor of BOOL or of any integer type. A U64 above 2^63 - 1: Fault::checkpoint.
  std::vector<std::int64_t> read_integers(std::string_view name) const;

 private:
  template <class T>
  void read_floats(std::string_view name, T* out, std::uint64_t count) const;
  const TensorEntry& entry(std::string_view name) const;

  InputFile file_;
  std::vector<TensorEntry> tensors_;
  std::map<std::string, std::string> metadata_;
  std::unordered_map<std::string, std::size_t> index_;  // name -> place in tensors_
};

/// A tensor to be written: `data` points at the packed elements and must live until the file is written.
struct TensorView {
  std::string name;
  Dtype dtype;
  std::vector<long> shape;
  const void* data;
};
inline TensorView tensor_view(std::string name, std::vector<long> shape, const float* data) {
  return {std::move(name), Dtype::F32, std::move(shape), data};
}
inline TensorView tensor_view(std::string name, std::vector<long> shape, const double* data) {
  return {std::move(name), Dtype::F64, std::move(shape), data};
}
inline TensorView tensor_view(std::string name, std::vector<long> shape, const std::int64_t* data) {
  return {std::move(name), Dtype::I64, std::move(shape), data};
}
inline TensorView tensor_view(std::string name, std::vector<long> shape, const std::int32_t* data) {
  return {std::move(name), Dtype::I32, std::move(shape), data};
}
inline TensorView tensor_view(std::string name, std::vector<long> shape, const std::uint8_t* data) {
  return {std::move(name), Dtype::U8, std::move(shape), data};
}

/// Appends the file's bytes to an empty `file`, straight from the tensors' memory; to finish or commit it is left to
/// the caller. `__metadata__` holds format = pt and `metadata`. The arrays start at a multiple of 64 bytes. The same
/// tensors make the same bytes, in whatever order they are given. A name given twice, too long or with control
/// characters, a dimension below 1: Fault::bug; the disk: Fault::io.
void write_safetensors(OutputFile& file, std::vector<TensorView> tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// The same to a file that appears atomically at `path`.
void write_safetensors(const std::string& path, std::vector<TensorView> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace primer::data
