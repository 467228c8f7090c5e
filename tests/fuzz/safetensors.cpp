// A safetensors file, and the same with its header's length mended. What is accepted lies within the file without hole
// or overlap, and says the same when it is written and read again.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "data/bytes/safetensors_header.h"
#include "tests/fuzz/one_file_disk.h"
#include "tests/fuzz/oracle.h"

using namespace primer;
using data::SafetensorsFile;
using data::TensorEntry;

namespace {

constexpr auto refused = {autograd::Fault::checkpoint};

// Every way to read a tensor, and what it may cost: an element takes at least half a byte in the file.
void read_tensor(const SafetensorsFile& file, const TensorEntry& tensor, std::size_t size) {
  const std::uint64_t count = tensor.count();
  fuzz::demand(count <= 2 * size, "a tensor has no more elements than the file can hold");
  std::vector<float> floats(count);
  std::vector<double> doubles(count);
  fuzz::accepts(refused, [&] { file.read(tensor.name, floats.data(), count); });
  fuzz::accepts(refused, [&] { file.read(tensor.name, doubles.data(), count); });
  fuzz::accepts(refused, [&] { fuzz::demand(file.read_integers(tensor.name).size() == count, "all are read"); });
  fuzz::accepts(refused, [&] {
    file.read(tensor.name, floats.data(), count + 1);
    fuzz::demand(false, "another number of elements is refused");
  });
}

// The file as this program writes it: the header of these tensors, and their bytes as they lie.
void write_again(const SafetensorsFile& file, std::string_view bytes, std::size_t data_begin) {
  std::vector<data::TensorView> views;
  for (const TensorEntry& tensor : file.tensors()) {
    for (const long dimension : tensor.shape) {
      if (dimension == 0) return;  // read from others, never written
    }
    views.push_back({tensor.name, tensor.dtype, tensor.shape, bytes.data() + tensor.offset});
  }
  std::string copy = make_safetensors_header(views, file.metadata());
  copy += bytes.substr(data_begin);
  fuzz::OneFileDisk disk(copy);
  const SafetensorsFile again("again", disk);
  fuzz::demand(again.tensors().size() == views.size(), "as many tensors are read back");
  for (std::size_t i = 0; i < views.size(); ++i) {
    const TensorEntry& tensor = again.tensors()[i];
    fuzz::demand(tensor.name == views[i].name && tensor.dtype == views[i].dtype && tensor.shape == views[i].shape,
                 "a tensor is read back under its name, type and shape");
    fuzz::demand(std::memcmp(copy.data() + tensor.offset, views[i].data, tensor.bytes) == 0, "its bytes too");
  }
  for (const auto& [key, text] : file.metadata()) {
    fuzz::demand(key == "format" || again.metadata().at(key) == text, "what is said about the file is read back");
  }
}

void check(std::string_view bytes) {
  fuzz::OneFileDisk disk(bytes);
  fuzz::accepts(refused, [&] {
    const SafetensorsFile file("f", disk);
    std::uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, bytes.data(), 8);
    std::uint64_t end = 8 + header_bytes;
    for (const TensorEntry& tensor : file.tensors()) {
      fuzz::demand(tensor.offset == end, "a tensor begins where the one before ends");
      end += tensor.bytes;
      fuzz::demand(file.find(tensor.name)->offset == tensor.offset, "a tensor is found by its name");
      read_tensor(file, tensor, bytes.size());
    }
    fuzz::demand(end == bytes.size(), "the tensors fill the file");
    write_again(file, bytes, 8 + header_bytes);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  // The same with the header's length as it should be: few changes of a header keep its length.
  const auto brace = bytes.rfind('}');
  if (brace == std::string_view::npos || brace < 8) return 0;
  const std::uint64_t header_bytes = brace + 1 - 8;
  std::string mended(bytes);
  std::memcpy(mended.data(), &header_bytes, 8);
  if (mended != bytes) check(mended);
  return 0;
}
