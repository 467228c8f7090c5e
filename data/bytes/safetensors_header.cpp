#include "data/bytes/safetensors_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <set>

#include "data/bytes/strict_json.h"
#include "data/bytes/utf8.h"

namespace primer::data {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

namespace {

using Limits = SafetensorsLimits;

struct DtypeFacts {
  std::string_view name;
  int bits;
};
constexpr std::array<DtypeFacts, 22> dtypes = {
    {// in the order of Dtype
     {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
     {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
     {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
     {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}}};

/// Why a tensor may not have this name, or nothing.
std::string name_fault(std::string_view name) {
  if (name.empty()) return "a tensor has an empty name";
  if (name.size() > Limits::name_bytes) {
    return "the tensor name " + quoted_name(name) + "... has " + std::to_string(name.size()) + " bytes, the limit is " +
           std::to_string(Limits::name_bytes);
  }
  bool clean = true;
  each_symbol(name, [&](Symbol s, int) { clean = clean && !is_stray(s) && s >= 0x20 && !(s >= 0x7F && s < 0xA0); });
  return clean ? "" : "the tensor name " + quoted_name(name) + " has control characters or is not UTF-8";
}

/// What a file is that begins like this, when it is known.
std::string other_format(std::string_view head) {
  using namespace std::string_view_literals;
  static constexpr std::pair<std::string_view, const char*> known[] = {
      {"version https://git-lfs"sv, "this is a Git LFS pointer: fetch the file itself with 'git lfs pull'"},
      {"PK\x03\x04"sv, "this is a zip archive, such as PyTorch's .pt or NumPy's .npz; save it as safetensors"},
      {"\x80\x02"sv, "this is a Python pickle; save it as safetensors"},
      {"\x80\x03"sv, "this is a Python pickle; save it as safetensors"},
      {"\x80\x04"sv, "this is a Python pickle; save it as safetensors"},
      {"\x80\x05"sv, "this is a Python pickle; save it as safetensors"},
      {"GGUF"sv, "this is a GGUF file"},
      {"\x7F"
       "ELF"sv,
       "this is a program"},
      {"\x89HDF"sv, "this is an HDF5 file"},
      {"\x93NUMPY"sv, "this is a NumPy array"},
      {"\x1F\x8B"sv, "this is gzip-compressed; unpack it first"}};
  for (const auto& [magic, what] : known) {
    if (head.starts_with(magic)) return what;
  }
  return {};
}

/// Builds the table of tensors from the header's values. Nothing here believes the file.
class HeaderReader {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}

  void value(const JsonPath& at, const JsonValue& v) {
    using Kind = JsonValue::Kind;
    if (at.empty()) {
      if (v.kind != Kind::object) refuse("its header is not a JSON object");
    } else if (at[0] == "__metadata__") {
      metadata_value(at, v);
    } else if (at.size() == 1) {
      if (v.kind != Kind::object) refuse("the header's entry " + quoted_name(at[0]) + " is not an object");
      if (tensors.size() == Limits::tensors) {
        refuse("it has more than " + std::to_string(Limits::tensors) + " tensors");
      }
      if (const std::string fault = name_fault(at[0]); !fault.empty()) refuse(fault);
      tensors.push_back({at[0], {}, {}, 0, 0});
      fields_.push_back({});
    } else {
      field(at, v);
    }
  }

  /// Checks each tensor, then that together they fill `data_bytes` bytes after `data_offset` without hole or overlap.
  void finish(std::uint64_t data_offset, std::uint64_t data_bytes) {
    for (std::size_t i = 0; i < tensors.size(); ++i) check_tensor(tensors[i], fields_[i]);
    std::sort(tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
      return a.offset != b.offset ? a.offset < b.offset : a.bytes != b.bytes ? a.bytes < b.bytes : a.name < b.name;
    });
    std::uint64_t end = 0;  // of the tensors so far, bytes from the start of the data
    for (TensorEntry& t : tensors) {
      if (t.offset != end) {
        refuse("tensor " + quoted_name(t.name) + " begins at byte " + std::to_string(t.offset) +
               " of the data, where " + std::to_string(end) + " was expected: there is " +
               (t.offset > end ? "a hole" : "an overlap"));
      }
      if (__builtin_add_overflow(end, t.bytes, &end) || end > data_bytes) {
        refuse("tensor " + quoted_name(t.name) + " reaches beyond the file's end; it may be cut short");
      }
      t.offset += data_offset;
    }
    if (end != data_bytes) {
      refuse(std::to_string(data_bytes - end) + " bytes follow the last tensor");
    }
  }

  std::vector<TensorEntry> tensors;
  std::map<std::string, std::string> metadata;

 private:
  struct Fields {
    bool dtype = false, shape = false, offsets = false;
    int bounds = 0;         // of data_offsets, so far
    std::uint64_t end = 0;  // the second of them
  };

  void metadata_value(const JsonPath& at, const JsonValue& v) {
    using Kind = JsonValue::Kind;
    if (at.size() == 1 && v.kind == Kind::object) return;
    if (at.size() != 2 || v.kind != Kind::string) refuse("its __metadata__ is not strings by name");
    metadata_bytes_ += at[1].size() + v.text.size();
    if (metadata_bytes_ > Limits::metadata_bytes) {
      refuse("its __metadata__ has more than " + std::to_string(Limits::metadata_bytes) + " bytes");
    }
    metadata[at[1]] = v.text;
  }

  /// One value inside the last tensor's entry.
  void field(const JsonPath& at, const JsonValue& v) {
    using Kind = JsonValue::Kind;
    TensorEntry& t = tensors.back();
    Fields& have = fields_.back();
    const bool top = at.size() == 2, element = at.size() == 3 && v.kind == Kind::integer;
    const auto fault = [&](const std::string& why) { refuse("tensor " + quoted_name(t.name) + ": " + why); };

    if (at[1] == "dtype" && top && v.kind == Kind::string) {
      const auto found = std::find_if(dtypes.begin(), dtypes.end(), [&](const auto& d) { return d.name == v.text; });
      if (found == dtypes.end()) fault("unknown dtype " + quoted_name(v.text));
      t.dtype = static_cast<Dtype>(found - dtypes.begin());
      have.dtype = true;
    } else if (at[1] == "shape" && top && v.kind == Kind::array) {
      have.shape = true;
    } else if (at[1] == "shape" && element) {
      if (t.shape.size() == Limits::rank) fault("it has more than " + std::to_string(Limits::rank) + " dimensions");
      if (v.integer > Limits::dimension) {
        fault("the dimension " + std::to_string(v.integer) + " is above " + std::to_string(Limits::dimension));
      }
      t.shape.push_back(static_cast<long>(v.integer));
    } else if (at[1] == "data_offsets" && top && v.kind == Kind::array) {
      have.offsets = true;
    } else if (at[1] == "data_offsets" && element && have.bounds < 2) {
      (have.bounds == 0 ? t.offset : have.end) = v.integer;
      ++have.bounds;
    } else if (at[1] == "dtype" || at[1] == "shape" || at[1] == "data_offsets") {
      fault("its " + at[1] + " is not what the format asks for");
    } else {
      fault("unknown key " + quoted_name(at[1]));
    }
  }

  void check_tensor(TensorEntry& t, const Fields& have) const {
    const auto fault = [&](const std::string& why) { refuse("tensor " + quoted_name(t.name) + ": " + why); };
    if (!have.dtype) fault("dtype is missing");
    if (!have.shape) fault("shape is missing");
    if (!have.offsets || have.bounds != 2) fault("data_offsets must be two numbers");
    if (have.end < t.offset) fault("it ends before it begins");
    t.bytes = have.end - t.offset;
    std::uint64_t bytes = 0;
    if (!tensor_bytes(t.shape, t.dtype, bytes)) fault("its size is not a whole number of bytes below 2^61");
    if (bytes != t.bytes) {
      fault("its shape needs " + std::to_string(bytes) + " bytes, its offsets give " + std::to_string(t.bytes));
    }
  }

  [[noreturn]] void refuse(const std::string& why) const { refuse_safetensors(path_, why); }

  const std::string& path_;
  std::vector<Fields> fields_;  // of each tensor
  std::size_t metadata_bytes_ = 0;
};

}  // namespace

std::string_view dtype_name(Dtype dtype) { return dtypes[static_cast<std::size_t>(dtype)].name; }
int dtype_bits(Dtype dtype) { return dtypes[static_cast<std::size_t>(dtype)].bits; }

void refuse_safetensors(const std::string& path, const std::string& why) {
  throw Error(Fault::checkpoint, "'" + printable(path) + "' is not a usable safetensors file: " + why);
}

std::string quoted_name(std::string_view name) { return "\"" + printable(name.substr(0, Limits::name_bytes)) + "\""; }

bool tensor_bytes(const std::vector<long>& shape, Dtype dtype, std::uint64_t& bytes) {
  std::uint64_t bits = static_cast<std::uint64_t>(dtype_bits(dtype));
  for (const long dimension : shape) {
    if (__builtin_mul_overflow(bits, static_cast<std::uint64_t>(dimension), &bits)) return false;
  }
  bytes = bits / 8;
  return bits % 8 == 0;
}

SafetensorsHeader read_safetensors_header(const InputFile& file) {
  const std::string& path = file.path();
  std::array<char, 32> head{};
  const std::size_t got = file.read_at(head.data(), head.size(), 0);
  const std::string other = other_format({head.data(), got});
  const auto refuse_start = [&](const std::string& why) { refuse_safetensors(path, other.empty() ? why : other); };

  const std::uint64_t size = file.size();
  if (size == 0) refuse_safetensors(path, "it is empty");
  if (size < 8 || got < 8) refuse_start("it has " + std::to_string(size) + " bytes, at least 10 are needed");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, head.data(), 8);
  if (header_bytes < 2) refuse_start("its header length is " + std::to_string(header_bytes));
  if (header_bytes > Limits::header_bytes) {
    refuse_start("its header length is " + std::to_string(header_bytes) + ", the limit is " +
                 std::to_string(Limits::header_bytes));
  }
  if (header_bytes > size - 8) {
    refuse_start("its header has " + std::to_string(header_bytes) + " bytes, but the file only " +
                 std::to_string(size) + "; it may be cut short");
  }

  std::string header(header_bytes, '\0');
  file.read_exactly(header.data(), header.size(), 8, Fault::checkpoint);
  HeaderReader reader(path);
  try {
    read_json(header, {.depth = 3, .keys = Limits::tensors + 1},
              [&](const JsonPath& at, const JsonValue& value) { reader.value(at, value); });
  } catch (const JsonError& error) {
    refuse_start(std::string("its header is refused: ") + error.what());
  }
  reader.finish(8 + header_bytes, size - 8 - header_bytes);
  return {std::move(reader.tensors), std::move(reader.metadata)};
}

std::string make_safetensors_header(const std::vector<TensorView>& tensors,
                                    const std::map<std::string, std::string>& metadata) {
  const auto fault = [](const std::string& why) { autograd::refuse("write_safetensors", why, Fault::bug); };
  std::string header = R"({"__metadata__":{"format":"pt")";
  for (const auto& [key, text] : metadata) {
    if (key != "format") header += "," + json_quoted(key) + ":" + json_quoted(text);
  }
  header += "}";
  std::set<std::string_view> names;
  std::uint64_t end = 0;  // of the tensors so far, bytes from the start of the data
  for (const TensorView& t : tensors) {
    if (const std::string why = name_fault(t.name); !why.empty()) fault(why);
    if (t.name == "__metadata__" || !names.insert(t.name).second) fault(quoted_name(t.name) + " is taken");
    if (t.shape.size() > Limits::rank) fault("tensor " + quoted_name(t.name) + " has too many dimensions");
    std::string shape;
    for (const long dimension : t.shape) {
      if (dimension < 1 || static_cast<std::uint64_t>(dimension) > Limits::dimension) {
        fault("tensor " + quoted_name(t.name) + " has the dimension " + std::to_string(dimension));
      }
      shape += (shape.empty() ? "" : ",") + std::to_string(dimension);
    }
    std::uint64_t bytes = 0;
    if (!tensor_bytes(t.shape, t.dtype, bytes)) fault("tensor " + quoted_name(t.name) + " has no size in bytes");
    header += "," + json_quoted(t.name) + R"(:{"dtype":")" + std::string(dtype_name(t.dtype)) + R"(","shape":[)" +
              shape + R"(],"data_offsets":[)" + std::to_string(end) + "," + std::to_string(end + bytes) + "]}";
    end += bytes;
  }
  header += "}";
  header.resize((8 + header.size() + 63) / 64 * 64 - 8, ' ');
  const std::uint64_t header_bytes = header.size();
  if (header_bytes > Limits::header_bytes || tensors.size() > Limits::tensors) fault("there are too many tensors");

  return std::string(reinterpret_cast<const char*>(&header_bytes), 8) + header;
}

}  // namespace primer::data
