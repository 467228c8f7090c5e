#include "data/text/encodings.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "autograd/error.h"
#include "data/bytes/utf8.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

namespace {

struct Magic {
  std::string_view begin;
  NoText what;
};

using namespace std::string_view_literals;

constexpr Magic magics[] = {
    {"\x1F\x8B"sv, {"gzip", "zcat"}},
    {"\xFD"
     "7zXZ\0"sv,
     {"xz", "xzcat"}},
    {"\x28\xB5\x2F\xFD"sv, {"zstd", "zstdcat"}},
    {"PK\x03\x04"sv, {"a ZIP archive", "unzip -p"}},
    {"7z\xBC\xAF\x27\x1C"sv, {"a 7z archive", "7z x -so"}},
    {"%PDF-"sv, {"PDF", ""}},
    {"\x89PNG\r\n"sv, {"a PNG picture", ""}},
    {"\xFF\xD8\xFF"sv, {"a JPEG picture", ""}},
    {"\x7F"
     "ELF"sv,
     {"a program", ""}},
    {"SQLite format 3\0"sv, {"an SQLite database", ""}},
};

}  // namespace

std::optional<NoText> no_text(std::string_view head) {
  // A text may well begin with these letters, and has no such bytes behind them.
  if (head.starts_with("BZh") && head.size() > 10 && head.substr(4, 6) == "1AY&SY") return NoText{"bzip2", "bzcat"};
  const bool is_binary = std::ranges::any_of(head, [](char c) { return c >= 0 && c < '\t'; });
  if (head.starts_with("GIF8") && is_binary) return NoText{"a GIF picture", ""};
  for (const Magic& magic : magics)
    if (head.starts_with(magic.begin)) return magic.what;
  return {};
}

std::string marked_encoding(std::string_view head) {
  if (head.starts_with("\xFF\xFE\0\0"sv) || head.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
  return head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF") ? "UTF-16" : "";
}

Transcoder::Transcoder(const std::string& encoding)
    : encoding_(encoding), converter_(::iconv_open("UTF-8", encoding.c_str())) {
  if (converter_ == reinterpret_cast<iconv_t>(-1)) {
    throw Error(Fault::usage, "--encoding " + printable(encoding) +
                                  ": iconv does not know it; `iconv -l` lists the names, such as latin1 and gb18030");
  }
}

void Transcoder::refuse() const {
  throw Error(Fault::input, "the byte at " + std::to_string(offset_) + " begins nothing that is text in " + encoding_ +
                                "; --encoding says in which one a text is");
}

void Transcoder::feed(std::string_view block, std::string& out) {
  pending_ += block;
  char* in = pending_.data();
  std::size_t left = pending_.size();
  std::array<char, 1 << 16> buffer;
  while (left > 0) {
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const std::size_t before = left;
    const bool failed = ::iconv(converter_, &in, &left, &to, &room) == static_cast<std::size_t>(-1);
    const int error = errno;
    out.append(buffer.data(), buffer.size() - room);
    offset_ += before - left;
    if (failed && error == EILSEQ) refuse();
    if (failed && error == EINVAL) break;  // a character that goes on in the next block
  }
  pending_.erase(0, pending_.size() - left);
  constexpr std::size_t longest_character = 32;
  if (pending_.size() > longest_character) refuse();
}

void Transcoder::finish(std::string& out) {
  if (!pending_.empty()) refuse();
  std::array<char, 64> buffer;
  char* to = buffer.data();
  std::size_t room = buffer.size();
  ::iconv(converter_, nullptr, nullptr, &to, &room);
  out.append(buffer.data(), buffer.size() - room);
}

}  // namespace primer::data
