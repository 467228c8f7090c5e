#include "data/bytes/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/data/fixture.h"

namespace primer::data {

namespace {

/// A file's bytes from a header and the data that follows it.
std::string with_header(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

std::string refusal(const TemporaryFolder& folder, std::string_view bytes) {
  const std::string path = folder.put("bad", bytes);
  return refused(Fault::checkpoint, [&] { SafetensorsFile{path}; });
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

/// The header entry of one F32 tensor.
std::string entry(const std::string& name, const std::string& shape, const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":"F32","shape":[)" + shape + R"(],"data_offsets":[)" + offsets + "]}";
}

}  // namespace

TEST_CASE("the file of another writer is read") {
  const TemporaryFolder folder;
  const std::string golden = from_hex(
      "58000000000000007b225f5f6d657461646174615f5f223a7b22666f726d6174223a227074227d2c2261223a7b226474797065223a"
      "22463332222c227368617065223a5b325d2c22646174615f6f666673657473223a5b302c385d7d7d2020200000803f00000040");
  REQUIRE(golden.size() == 104);
  const SafetensorsFile file(folder.put("golden", golden));
  REQUIRE(file.tensors().size() == 1);
  CHECK(file.tensors()[0].name == "a");
  CHECK(file.tensors()[0].dtype == Dtype::F32);
  CHECK(file.tensors()[0].shape == std::vector<long>{2});
  CHECK(file.tensors()[0].offset == 96);
  CHECK(file.tensors()[0].bytes == 8);
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  float a[2] = {};
  file.read("a", a, 2);
  CHECK(a[0] == 1.0f);
  CHECK(a[1] == 2.0f);

  // What we write for the same tensor differs in nothing but the padding of the header.
  write_safetensors(folder / "ours", {tensor_view("a", {2}, a)});
  const std::string ours = read_file(folder / "ours", 1000);
  CHECK(ours.substr(8, 85) == golden.substr(8, 85));
  CHECK(ours.size() == 128 + 8);
}

TEST_CASE("the vectors of the format's own tests") {
  const TemporaryFolder folder;
  const std::string header = R"({"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}})";
  REQUIRE(header.size() == 0x3C);
  const std::string good = with_header(header, std::string(16, '\0'));
  CHECK(SafetensorsFile(folder.put("good", good)).read_integers("test") == std::vector<std::int64_t>(4, 0));
  CHECK(contains(refusal(folder, good + "extra_bytes"), "11 bytes follow the last tensor"));
  CHECK(contains(refusal(folder, good.substr(0, good.size() - 2)), "beyond the file's end"));
  refusal(folder, with_header(R"({"test":{"dtype":"I32","shape":[2,18446744073709551614],"data_offsets":[0,16]}})",
                              std::string(16, '\0')));
  CHECK(SafetensorsFile(folder.put("empty", with_header("{}\r \t\n", ""))).tensors().empty());
  CHECK(SafetensorsFile(folder.put("space", with_header("  {}", ""))).tensors().empty());
}

TEST_CASE("what was written comes back bit for bit, whatever the order it was given in") {
  const TemporaryFolder folder;
  const float f[6] = {1.5f, -0.0f, std::numeric_limits<float>::infinity(), NAN, 1e-42f, 3.4e38f};
  const double d[1] = {0.1};
  const std::int64_t i64[2] = {-1, std::numeric_limits<std::int64_t>::min()};
  const std::int32_t i32[1] = {-7};
  const std::uint8_t u8[3] = {0, 1, 255};
  const std::vector<TensorView> views = {tensor_view("z.weight", {2, 3}, f),
                                         tensor_view("d", {}, d),
                                         tensor_view("b \"quoted\" \xC3\xA9", {1, 2, 1}, i64),
                                         tensor_view("c", {1}, i32),
                                         tensor_view("u", {3}, u8),
                                         tensor_view("a", {6}, f)};
  write_safetensors(folder / "one", views, {{"step", "12"}, {"format", "tf"}});
  write_safetensors(folder / "two", {views.rbegin(), views.rend()}, {{"step", "12"}});
  CHECK(read_file(folder / "one", 10000) == read_file(folder / "two", 10000));

  const SafetensorsFile file(folder / "one");
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}, {"step", "12"}});
  std::vector<std::string> names;
  for (const TensorEntry& t : file.tensors()) names.push_back(t.name);
  CHECK(names == std::vector<std::string>{"b \"quoted\" \xC3\xA9", "d", "a", "z.weight", "c", "u"});
  CHECK(file.tensors()[0].offset % 64 == 0);
  float back[6];
  file.read("z.weight", back, 6);
  CHECK(std::memcmp(back, f, sizeof f) == 0);
  double wide[6];
  file.read("a", wide, 6);
  CHECK(wide[4] == static_cast<double>(1e-42f));
  CHECK(std::isnan(wide[3]));
  double scalar = 0;
  file.read("d", &scalar, 1);
  CHECK(scalar == 0.1);
  float narrow = 0;
  file.read("d", &narrow, 1);
  CHECK(narrow == 0.1f);
  CHECK(file.read_integers("b \"quoted\" \xC3\xA9") == std::vector<std::int64_t>(i64, i64 + 2));
  CHECK(file.read_integers("c") == std::vector<std::int64_t>{-7});
  CHECK(file.read_integers("u") == std::vector<std::int64_t>{0, 1, 255});
  CHECK(file.find("none") == nullptr);
  CHECK(file.find("d")->shape.empty());

  refused(Fault::checkpoint, [&] { file.read("none", back, 6); });
  CHECK(contains(refused(Fault::checkpoint, [&] { file.read("a", back, 5); }), "6 elements, 5 were expected"));
  CHECK(contains(refused(Fault::checkpoint, [&] { file.read("c", back, 1); }), "I32"));
  CHECK(contains(refused(Fault::checkpoint, [&] { file.read_integers("a"); }), "F32"));
}

TEST_CASE("a tensor larger than the reading buffer comes back") {
  const TemporaryFolder folder;
  std::vector<float> values(200'001);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  write_safetensors(folder / "one", {tensor_view("a", {200'001}, values.data())});
  std::vector<float> back(values.size());
  SafetensorsFile(folder / "one").read("a", back.data(), back.size());
  CHECK(back == values);
}

TEST_CASE("half and bfloat16 widen exactly") {
  const TemporaryFolder folder;
  const std::string header = R"({"b":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]},)"
                             R"("h":{"dtype":"F16","shape":[8],"data_offsets":[6,22]}})";
  const std::uint16_t raw[11] = {0x3F80, 0xC000, 0x7F80,                                           // bfloat16
                                 0x3C00, 0xC000, 0x0001, 0x83FF, 0x7BFF, 0x7C00, 0x8000, 0x0400};  // half
  const SafetensorsFile file(folder.put("one", with_header(header, {reinterpret_cast<const char*>(raw), sizeof raw})));
  float b[3];
  file.read("b", b, 3);
  CHECK(b[0] == 1.0f);
  CHECK(b[1] == -2.0f);
  CHECK(b[2] == std::numeric_limits<float>::infinity());
  double h[8];
  file.read("h", h, 8);
  const double expected[8] = {1,        -2,   std::ldexp(1, -24), -std::ldexp(1023, -24), 65504,
                              INFINITY, -0.0, std::ldexp(1, -14)};
  for (int i = 0; i < 8; ++i) CHECK(h[i] == expected[i]);
  CHECK(std::signbit(h[6]));
}

TEST_CASE("a file cut at any byte, or extended, is refused") {
  const TemporaryFolder folder;
  const float values[4] = {1, 2, 3, 4};
  write_safetensors(folder / "one", {tensor_view("a", {2}, values), tensor_view("b", {2, 1}, values + 2)});
  const std::string whole = read_file(folder / "one", 10000);
  SafetensorsFile{folder / "one"};
  for (std::size_t length = 0; length < whole.size(); ++length) refusal(folder, whole.substr(0, length));
  refusal(folder, whole + '\0');
}

TEST_CASE("a file cut after it was opened is refused when it is read") {
  const TemporaryFolder folder;
  const std::vector<float> values(1000, 1.0f);
  write_safetensors(folder / "one", {tensor_view("a", {1000}, values.data())});
  const SafetensorsFile file(folder / "one");
  std::filesystem::resize_file(folder / "one", 1000);
  std::vector<float> back(1000);
  refused(Fault::checkpoint, [&] { file.read("a", back.data(), 1000); });
}

TEST_CASE("a header length that cannot be is refused before memory is taken") {
  const TemporaryFolder folder;
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{100},
                                     std::uint64_t{1} << 24 | 1, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    refusal(folder, std::string(reinterpret_cast<const char*>(&length), 8) + "{}");
  }
}

TEST_CASE("headers that are not what the format asks for are refused") {
  const TemporaryFolder folder;
  const std::string data(8, '\0');
  const auto header = [&](const std::string& text) { return refusal(folder, with_header(text, data)); };
  const std::string good = folder.put("good", with_header("{" + entry("a", "2", "0,8") + "}", data));
  CHECK(contains(refusal(folder, with_header("{}", "").substr(0, 9)), "but the file only 9"));
  REQUIRE(SafetensorsFile(good).tensors().size() == 1);

  SUBCASE("numbers") {
    for (const char* shape : {"-2", "2.0", "2e0", "-0", "02", "2,-1", "\"2\"", "null", "true", "[2]", "2147483648",
                              "4294967296,4294967296", "18446744073709551618", "2,9007199254740993"}) {
      CAPTURE(shape);
      header("{" + entry("a", shape, "0,8") + "}");
    }
    for (const char* offsets : {"8", "0,8,8", "8,0", "0,-8", "0,8.0", "0,18446744073709551616", "[0,8]", "", "1,9",
                                "0,16", "18446744073709551608,0"}) {
      CAPTURE(offsets);
      header("{" + entry("a", "2", offsets) + "}");
    }
    CHECK(contains(header("{" + entry("a", "2147483648", "0,8") + "}"), "above 2147483647"));
    CHECK(contains(header("{" + entry("a", "2", "8,0") + "}"), "ends before it begins"));
    CHECK(contains(refusal(folder, with_header("{" + entry("a", "0", "0") + "}", "")), "two numbers"));
    CHECK(contains(refusal(folder, with_header("{" + entry("a", "-0", "0,0") + "}", "")), "its shape is not"));
    CHECK(contains(header("{" + entry("a", "1,1,1,1,1,1,1,1,2", "0,8") + "}"), "dimensions"));
  }
  SUBCASE("keys") {
    CHECK(contains(header("{" + entry("a", "1", "0,4") + "," + entry("a", "1", "4,8") + "}"), "twice"));
    CHECK(contains(header("{" + entry("a", "1", "0,4") + "," + entry("\\u0061", "1", "4,8") + "}"), "twice"));
    CHECK(contains(header(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})"), "twice"));
    CHECK(contains(header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})"), "unknown key"));
    CHECK(contains(header(R"({"a":{"shape":[2],"data_offsets":[0,8]}})"), "dtype is missing"));
    CHECK(contains(header(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})"), "shape is missing"));
    CHECK(contains(header(R"({"a":{"dtype":"F32","shape":[2]}})"), "data_offsets"));
    CHECK(contains(header(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})"), "unknown dtype"));
    CHECK(contains(header(R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,8]}})"), "whole number of bytes"));
    header(R"({"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}})");
    header(R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})");
    header(R"({"a":[]})");
    header(R"({"a":null})");
    header("[]");
    header("7");
  }
  SUBCASE("names") {
    header("{" + entry("", "2", "0,8") + "}");
    CHECK(contains(header("{" + entry("a\\n", "2", "0,8") + "}"), "control characters"));
    header("{" + entry("a\\u0000", "2", "0,8") + "}");
    header("{" + entry("a\xFF", "2", "0,8") + "}");
    header("{" + entry("\\ud800", "2", "0,8") + "}");
    CHECK(contains(header("{" + entry(std::string(257, 'n'), "2", "0,8") + "}"), "257 bytes"));
    CHECK(SafetensorsFile(folder.put("good", with_header("{" + entry(std::string(256, 'n'), "2", "0,8") + "}", data)))
              .tensors()
              .size() == 1);
  }
  SUBCASE("places") {
    CHECK(contains(header("{" + entry("a", "1", "4,8") + "}"), "a hole"));
    CHECK(contains(header("{" + entry("a", "1", "0,4") + "}"), "4 bytes follow"));
    CHECK(contains(header("{" + entry("a", "2", "0,8") + "," + entry("b", "2", "0,8") + "}"), "an overlap"));
    CHECK(contains(header("{" + entry("a", "2", "0,8") + "," + entry("b", "1", "4,8") + "}"), "an overlap"));
    CHECK(contains(header("{" + entry("a", "1", "0,8") + "}"), "its shape needs 4 bytes"));
  }
  SUBCASE("metadata") {
    const std::string a = entry("a", "2", "0,8");
    for (const char* metadata : {"1", "[]", "null", R"({"x":1})", R"({"x":null})", R"({"x":{}})", R"({"x":["y"]})"}) {
      CAPTURE(metadata);
      CHECK(contains(header(std::string(R"({"__metadata__":)") + metadata + "," + a + "}"), "__metadata__"));
    }
    header(R"({"__metadata__":{"x":"1","x":"1"},)" + a + "}");
    header(R"({"__metadata__":{},"__metadata__":{},)" + a + "}");
    header(R"({"__metadata__":{"x":")" + std::string(1u << 20, 'y') + R"("},)" + a + "}");
  }
  SUBCASE("text") {
    const std::string a = entry("a", "2", "0,8");
    header("{" + a + "}}");
    header("{" + a);
    header("{" + a + ",}");
    header("{" + a + "} // comment");
    header("\xEF\xBB\xBF{" + a + "}");
    header("{" + a + "}" + std::string(1, '\0'));
    header(std::string(100'000, '['));
    CHECK(contains(header(R"({"a":{"shape":[[[[]]]]}})"), "deeper than 3"));
  }
}

TEST_CASE("a zero dimension is read and not written") {
  const TemporaryFolder folder;
  const SafetensorsFile file(folder.put(
      "one", with_header("{" + entry("a", "0,5", "0,0") + "," + entry("b", "", "0,4") + "}", std::string(4, '\0'))));
  CHECK(file.find("a")->count() == 0);
  CHECK(file.find("b")->count() == 1);
  file.read("a", static_cast<float*>(nullptr), 0);
  const float value = 1;
  refused(Fault::bug, [&] { write_safetensors(folder / "two", {tensor_view("a", {0}, &value)}); });
}

TEST_CASE("what cannot be read again is not written") {
  const TemporaryFolder folder;
  const float value = 1;
  refused(Fault::bug, [&] {
    write_safetensors(folder / "x", {tensor_view("a", {1}, &value), tensor_view("a", {1}, &value)});
  });
  refused(Fault::bug, [&] { write_safetensors(folder / "x", {tensor_view("a\n", {1}, &value)}); });
  refused(Fault::bug, [&] { write_safetensors(folder / "x", {tensor_view("__metadata__", {1}, &value)}); });
  refused(Fault::bug, [&] { write_safetensors(folder / "x", {tensor_view("a", {-1}, &value)}); });
  CHECK(names_in(folder.path()).empty());
}

TEST_CASE("more tensors than the limit are refused") {
  const TemporaryFolder folder;
  std::string header = "{";
  for (int i = 0; i <= 65'536; ++i) header += (i ? "," : "") + entry("t" + std::to_string(i), "0", "0,0");
  CHECK(contains(refusal(folder, with_header(header + "}", "")), "more than 65536"));
}

TEST_CASE("files of other programs are named") {
  const TemporaryFolder folder;
  using namespace std::string_literals;
  CHECK(contains(refusal(folder, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
                 "Git LFS pointer"));
  CHECK(contains(refusal(folder, "PK\x03\x04\x14\0\0\0\0\0\0\0"s), "zip archive"));
  CHECK(contains(refusal(folder, "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19."s), "pickle"));
  CHECK(contains(refusal(folder, "GGUF\x03\0\0\0\0\0\0\0"s), "GGUF"));
  CHECK(contains(refusal(folder,
                         "\x7f"
                         "ELF\x02\x01\x01\0\0\0\0\0"s),
                 "a program"));
  CHECK(contains(refused(Fault::input, [&] { SafetensorsFile{folder / "none"}; }), "no such file"));
}

}  // namespace primer::data
