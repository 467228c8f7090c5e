#include "train/run/metrics.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>

#include "autograd/error.h"
#include "data/file.h"
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

LineLog::LineLog(const std::string& path, std::uint64_t keep, data::Disk& disk)
    : disk_(disk),
      descriptor_(data::uninterrupted([&] { return disk.open(path, data::Disk::Open::update); })) {
  data::FileStatus status;
  int result = descriptor_;
  if (result >= 0) result = data::uninterrupted([&] { return disk_.status(descriptor_, status); });
  if (result == 0 && status.kind != data::FileKind::regular) result = -EINVAL;
  size_ = std::min(keep, status.identity.size);
  if (result == 0 && size_ < status.identity.size) {
    result = data::uninterrupted([&] { return disk_.truncate(descriptor_, size_); });
  }
  if (result < 0) {
    if (descriptor_ >= 0) disk_.close(descriptor_);
    throw autograd::Error(autograd::Fault::io,
                          "cannot open the log " + data::printable(path) + ": " + data::reason(-result));
  }
}

LineLog::~LineLog() { disk_.close(descriptor_); }

bool LineLog::write(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  std::size_t written = 0;
  while (written < whole.size()) {
    const std::int64_t count =
        disk_.write(descriptor_, whole.data() + written, whole.size() - written, size_ + written);
    if (count == -EINTR) continue;
    if (count <= 0) {
      // A part of the line may be there; should cutting it off fail too, the next line is written over it.
      disk_.truncate(descriptor_, size_);
      ++dropped_;
      return false;
    }
    written += static_cast<std::size_t>(count);
  }
  size_ += whole.size();
  return true;
}

bool LineLog::sync() { return disk_.sync(descriptor_) == 0; }

}  // namespace primer::train
