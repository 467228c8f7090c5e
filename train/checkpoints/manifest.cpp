#include "train/checkpoints/manifest.h"

#include <charconv>
#include <set>

#include "data/bytes/checksum.h"
#include "data/bytes/utf8.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr std::string_view title = "primer checkpoint ";
constexpr std::string_view ending = "end ";
constexpr std::size_t ending_bytes = 4 + 8 + 1;  // "end ", eight digits, a line feed

std::string hexadecimal(std::uint32_t value) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text(8, '0');
  for (auto place = text.rbegin(); place != text.rend(); ++place, value >>= 4) *place = digits[value & 15];
  return text;
}

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw Error(Fault::checkpoint, name + ": " + why);
}

// The part of `text` up to `until`, and both taken off its front; "" if it is not there.
std::string_view take(std::string_view& text, char until) {
  const auto end = text.find(until);
  if (end == std::string_view::npos) return {};
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

// What a file of a checkpoint may be called: a name in its folder, which no file system refuses.
bool is_name(std::string_view name) {
  constexpr std::size_t longest = 255;  // bytes: NAME_MAX
  const bool is_plain = name.find('/') == std::string_view::npos && data::printable(name) == name;
  return is_plain && !name.empty() && name.size() <= longest && name != "." && name != "..";
}

template <class Number>
bool read(std::string_view text, int base, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string to_text(const Manifest& manifest) {
  std::string text = std::string(title) + std::to_string(Manifest::format) + "\n";
  text += "step " + std::to_string(manifest.step) + "\n";
  for (const Manifest::File& file : manifest.files) {
    text += file.name + " " + std::to_string(file.bytes) + " " + hexadecimal(file.checksum) + "\n";
  }
  return text + std::string(ending) + hexadecimal(data::crc32c(text)) + "\n";
}

Manifest parse_manifest(std::string_view text, const std::string& name) {
  if (text.size() > Manifest::most_bytes) refuse(name, "it is too long to be a manifest");
  if (!text.starts_with(title)) refuse(name, "it is not the manifest of a checkpoint");
  const std::string_view body = text.substr(0, text.size() - std::min(text.size(), ending_bytes));
  if (text.substr(body.size()) != std::string(ending) + hexadecimal(data::crc32c(body)) + "\n") {
    refuse(name, "its checksum is wrong; it was damaged or cut");
  }
  std::string_view rest = body;
  rest.remove_prefix(title.size());
  long format = 0;
  if (!read(take(rest, '\n'), 10, format) || format < 1) refuse(name, "its format has no number");
  if (format > Manifest::format) {
    throw NewerFormat(Fault::checkpoint, name + ": written by a later primer (format " + std::to_string(format) +
                                             "); this program reads format " + std::to_string(Manifest::format));
  }
  Manifest manifest;
  if (take(rest, ' ') != "step" || !read(take(rest, '\n'), 10, manifest.step) || manifest.step < 0) {
    refuse(name, "it names no step");
  }
  std::set<std::string> names;
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    Manifest::File file;
    file.name = take(line, ' ');
    if (!is_name(file.name) || !read(take(line, ' '), 10, file.bytes) || !read(line, 16, file.checksum)) {
      refuse(name, "a line of it names no file");
    }
    if (!names.insert(file.name).second) refuse(name, "it names " + file.name + " twice");
    manifest.files.push_back(std::move(file));
  }
  // What from_chars lets pass and to_text() would not write, such as leading zeros.
  if (to_text(manifest) != text) refuse(name, "it is not written as manifests are");
  return manifest;
}

}  // namespace primer::train
