#include "data/text/encodings.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include "autograd/error.h"
#include "data/bytes/utf8.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

namespace {

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  NoText what;
};

using namespace std::string_view_literals;

constexpr Magic magics[] = {
    {0, "\x1F\x8B"sv, {"gzip", "zcat"}},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     {"xz", "xzcat"}},
    {0, "\x28\xB5\x2F\xFD"sv, {"zstd", "zstdcat"}},
    {0, "\x04\x22\x4D\x18"sv, {"lz4", "lz4cat"}},
    {0, "PK\x03\x04"sv, {"a ZIP archive", "unzip -p"}},
    {0, "PK\x05\x06"sv, {"an empty ZIP archive", ""}},
    {0, "7z\xBC\xAF\x27\x1C"sv, {"a 7z archive", "7z x -so"}},
    {257, "ustar\0"sv, {"a tar archive", "tar -xOf"}},
    {257, "ustar  \0"sv, {"a tar archive", "tar -xOf"}},
    {0, "%PDF-"sv, {"PDF", ""}},
    {0, "\x89PNG\r\n"sv, {"a PNG picture", ""}},
    {0, "\xFF\xD8\xFF"sv, {"a JPEG picture", ""}},
    {0,
     "\x7F"
     "ELF"sv,
     {"a program", ""}},
    {0, "SQLite format 3\0"sv, {"an SQLite database", ""}},
};

}  // namespace

std::optional<NoText> no_text(std::string_view head) {
  // A text may well begin with these letters, and has no such bytes behind them.
  if (head.starts_with("BZh") && head.size() > 10 && head.substr(4, 6) == "1AY&SY") return NoText{"bzip2", "bzcat"};
  const bool has_no_length = head.size() > 12 && head.substr(5, 8) == "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
  if (head.starts_with("\x5D\0\0"sv) && has_no_length) return NoText{"lzma", "xzcat"};
  const bool is_binary = std::ranges::any_of(head.substr(0, 16), [](char c) { return c >= 0 && c < '\t'; });
  if (head.starts_with("GIF8") && is_binary) return NoText{"a GIF picture", ""};
  for (const Magic& magic : magics)
    if (head.size() > magic.offset && head.substr(magic.offset).starts_with(magic.bytes)) return magic.what;
  return {};
}

std::string encoding_of(std::string_view head, const std::string& wish) {
  if (wish == as_bytes || head.starts_with("\xEF\xBB\xBF")) return {};
  if (head.starts_with("\xFF\xFE\0\0"sv) || head.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
  return head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF") ? "UTF-16" : wish;
}

bool may_begin_mark(std::string_view head) {
  const std::string_view marks[] = {"\xEF\xBB\xBF", "\xFF\xFE\0\0"sv, "\0\0\xFE\xFF"sv, "\xFE\xFF"};
  return std::ranges::any_of(
      marks, [&](std::string_view mark) { return mark.size() > head.size() && mark.starts_with(head); });
}

Transcoder::Transcoder(const std::string& encoding) : encoding_(encoding) {
  if (encoding.empty() || encoding == as_bytes) return;
  // iconv takes a name without letters, such as "/", for the encoding of the locale.
  const bool is_name = std::isalnum(static_cast<unsigned char>(encoding.front())) != 0;
  const iconv_t converter = is_name ? ::iconv_open("UTF-8", encoding.c_str()) : reinterpret_cast<iconv_t>(-1);
  if (converter == reinterpret_cast<iconv_t>(-1)) {
    throw Error(Fault::usage, "--encoding '" + printable(encoding) +
                                  "': iconv does not know it; `iconv -l` lists the names, such as latin1 and gb18030");
  }
  converter_.reset(converter);
}

void Transcoder::refuse() const {
  throw Error(Fault::input, "the byte at " + std::to_string(offset_) + " begins nothing that is text in " + encoding_ +
                                "; --encoding NAME says in which one a text is, bytes that it is read as it stands, "
                                "and iconv -c leaves out what is wrong");
}

std::string_view Transcoder::turn(std::string_view block) {
  if (!converter_) return block;
  turned_.clear();
  pending_ += block;
  char* in = pending_.data();
  std::size_t left = pending_.size();
  std::array<char, 1 << 16> buffer;
  while (left > 0) {
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const std::size_t before = left;
    const bool failed = ::iconv(converter_.get(), &in, &left, &to, &room) == static_cast<std::size_t>(-1);
    const int error = errno;
    turned_.append(buffer.data(), buffer.size() - room);
    offset_ += before - left;
    if (failed && error == EINVAL) break;  // a character that goes on in the next block
    if (failed && error != E2BIG) refuse();
  }
  pending_.erase(0, pending_.size() - left);
  constexpr std::size_t longest_character = 32;
  if (pending_.size() > longest_character) refuse();
  return turned_;
}

std::string_view Transcoder::finish() {
  if (!pending_.empty()) refuse();
  if (!converter_) return {};
  turned_.resize(64);
  char* to = turned_.data();
  std::size_t room = turned_.size();
  ::iconv(converter_.get(), nullptr, nullptr, &to, &room);
  turned_.resize(turned_.size() - room);
  return turned_;
}

}  // namespace primer::data
