#include "data/bytes/safetensors.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "data/bytes/safetensors_header.h"

namespace primer::data {

namespace {

float half_to_float(std::uint16_t h) {
  const std::uint32_t sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, fraction = h & 0x3FF;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float tiny = static_cast<float>(fraction) * 0x1p-24f;  // zero or a denormal
  return sign ? -tiny : tiny;
}

/// Reads `count` elements of type Stored and gives each, converted, to out; those of out's own type go there straight.
template <class Stored, class Out, class Convert>
void read_converted(const InputFile& file, std::uint64_t offset, std::uint64_t count, Out* out, Convert convert) {
  if constexpr (std::is_same_v<Stored, Out>) {
    file.read_exactly(out, count * sizeof(Out), offset, Fault::checkpoint);
    return;
  }
  constexpr std::size_t piece = 1u << 16;  // elements
  const auto buffer = std::make_unique<Stored[]>(std::min<std::uint64_t>(piece, count));
  for (std::uint64_t done = 0; done < count;) {
    const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(piece, count - done));
    file.read_exactly(buffer.get(), n * sizeof(Stored), offset + done * sizeof(Stored), Fault::checkpoint);
    for (std::size_t i = 0; i < n; ++i) out[done + i] = convert(buffer[i]);
    done += n;
  }
}

}  // namespace

std::uint64_t TensorEntry::count() const { return bytes * 8 / static_cast<std::uint64_t>(dtype_bits(dtype)); }

SafetensorsFile::SafetensorsFile(const std::string& path, Disk& disk) : file_(path, Fault::input, disk) {
  SafetensorsHeader header = read_safetensors_header(file_);
  tensors_ = std::move(header.tensors);
  metadata_ = std::move(header.metadata);
  for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
}

const TensorEntry* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const TensorEntry& SafetensorsFile::entry(std::string_view name) const {
  const TensorEntry* const found = find(name);
  if (!found) refuse_safetensors(path(), "it has no tensor " + quoted_name(name));
  return *found;
}

template <class T>
void SafetensorsFile::read_floats(std::string_view name, T* out, std::uint64_t count) const {
  const TensorEntry& t = entry(name);
  if (t.count() != count) {
    refuse_safetensors(path(), "tensor " + quoted_name(name) + " has " + std::to_string(t.count()) + " elements, " +
                                   std::to_string(count) + " were expected");
  }
  switch (t.dtype) {
    case Dtype::F64: return read_converted<double>(file_, t.offset, count, out, [](double x) { return T(x); });
    case Dtype::F32: return read_converted<float>(file_, t.offset, count, out, [](float x) { return T(x); });
    case Dtype::F16:
      return read_converted<std::uint16_t>(file_, t.offset, count, out, [](auto x) { return T(half_to_float(x)); });
    case Dtype::BF16:
      return read_converted<std::uint16_t>(file_, t.offset, count, out, [](auto x) {
        return T(std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16));
      });
    default:
      refuse_safetensors(path(), "tensor " + quoted_name(name) + " holds " + std::string(dtype_name(t.dtype)) +
                                     ", a float type was expected (F64, F32, F16, BF16)");
  }
}

void SafetensorsFile::read(std::string_view name, float* out, std::uint64_t count) const {
  read_floats(name, out, count);
}
void SafetensorsFile::read(std::string_view name, double* out, std::uint64_t count) const {
  read_floats(name, out, count);
}

std::vector<std::int64_t> SafetensorsFile::read_integers(std::string_view name) const {
  const TensorEntry& t = entry(name);
  const auto read = [&]<class Stored>(Stored) {
    std::vector<std::int64_t> out(t.count());
    read_converted<Stored>(file_, t.offset, out.size(), out.data(), [&](Stored x) {
      if (std::cmp_greater(x, std::numeric_limits<std::int64_t>::max())) {
        refuse_safetensors(path(), "tensor " + quoted_name(name) + " holds a number above 2^63 - 1");
      }
      return static_cast<std::int64_t>(x);
    });
    return out;
  };
  switch (t.dtype) {
    case Dtype::BOOL:
    case Dtype::U8: return read(std::uint8_t{});
    case Dtype::I8: return read(std::int8_t{});
    case Dtype::I16: return read(std::int16_t{});
    case Dtype::U16: return read(std::uint16_t{});
    case Dtype::I32: return read(std::int32_t{});
    case Dtype::U32: return read(std::uint32_t{});
    case Dtype::I64: return read(std::int64_t{});
    case Dtype::U64: return read(std::uint64_t{});
    default:
      refuse_safetensors(path(), "tensor " + quoted_name(name) + " holds " + std::string(dtype_name(t.dtype)) +
                                     ", an integer type was expected");
  }
}

void write_safetensors(OutputFile& file, std::vector<TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorView& a, const TensorView& b) {
    return a.dtype != b.dtype ? a.dtype > b.dtype : a.name < b.name;
  });
  const std::string header = make_safetensors_header(tensors, metadata);
  std::vector<std::uint64_t> sizes(tensors.size());  // bytes
  std::uint64_t total = header.size();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    tensor_bytes(tensors[i].shape, tensors[i].dtype, sizes[i]);
    total += sizes[i];
  }

  file.reserve(total);
  file.append(header);
  for (std::size_t i = 0; i < tensors.size(); ++i) file.append(tensors[i].data, sizes[i]);
}

void write_safetensors(const std::string& path, std::vector<TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  AtomicFile file(path);
  write_safetensors(file, std::move(tensors), metadata);
  file.commit();
}

}  // namespace primer::data
