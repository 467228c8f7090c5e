#include "train/run/metrics.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <system_error>

#include "autograd/error.h"
#include "data/utf8.h"

namespace primer::train {

void JsonLine::begin(std::string_view key) {
  if (!fields_.empty()) fields_ += ",";
  fields_ += "\"";
  fields_ += key;
  fields_ += "\":";
}

JsonLine& JsonLine::add(std::string_view key, double value) {
  if (!std::isfinite(value)) return add_null(key);
  begin(key);
  char buffer[32];
  fields_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  return *this;
}

JsonLine& JsonLine::add(std::string_view key, long value) {
  begin(key);
  fields_ += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::add(std::string_view key, std::uint64_t value) {
  begin(key);
  fields_ += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::add(std::string_view key, bool value) {
  begin(key);
  fields_ += value ? "true" : "false";
  return *this;
}

JsonLine& JsonLine::add_text(std::string_view key, std::string_view value) {
  begin(key);
  fields_ += "\"";
  data::each_symbol(value, [this](data::Symbol symbol, int) {
    if (data::is_stray(symbol)) {
      fields_ += "\xEF\xBF\xBD";  // U+FFFD: JSON is UTF-8, and a stray byte has no place in it
    } else if (symbol < 0x20) {
      constexpr char digits[] = "0123456789abcdef";
      fields_ += {'\\', 'u', '0', '0', digits[symbol / 16], digits[symbol % 16]};
    } else {
      if (symbol == '"' || symbol == '\\') fields_ += '\\';
      data::append_symbol(fields_, symbol);
    }
  });
  fields_ += "\"";
  return *this;
}

JsonLine& JsonLine::add_null(std::string_view key) { return add_json(key, "null"); }

JsonLine& JsonLine::add_json(std::string_view key, std::string_view json) {
  begin(key);
  fields_ += json;
  return *this;
}

LineLog::LineLog(const std::string& path)
    : descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666)) {
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    const std::string reason = std::generic_category().message(errno);
    if (descriptor_ >= 0) ::close(descriptor_);
    throw autograd::Error(autograd::Fault::io, "cannot open the log " + data::printable(path) + ": " + reason);
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

LineLog::~LineLog() { ::close(descriptor_); }

bool LineLog::write(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  std::size_t written = 0;
  while (written < whole.size()) {
    const ssize_t count = ::pwrite(descriptor_, whole.data() + written, whole.size() - written,
                                   static_cast<off_t>(size_ + written));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      // A part of the line may be there; should cutting it off fail too, the next line is written over it.
      if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) errno = 0;
      ++dropped_;
      return false;
    }
    written += static_cast<std::size_t>(count);
  }
  size_ += whole.size();
  return true;
}

}  // namespace primer::train
