#include "train/step/metrics.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"

namespace primer::train {

LineLog::LineLog(const std::string& path, std::uint64_t keep, data::Disk& disk)
    : disk_(disk), descriptor_(data::uninterrupted([&] { return disk.open(path, data::Disk::Open::update); })) {
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

std::uint64_t lines_of_steps(const std::string& path, long step, const std::function<bool(std::string_view)>& each) {
  constexpr std::string_view key = "{\"step\":";
  std::uint64_t bytes = 0;
  if (data::kind_of(path, true) == data::FileKind::missing) return 0;
  const std::string text = data::read_file(path, std::uint64_t{1} << 30, autograd::Fault::io);
  for (std::size_t end = 0; (end = text.find('\n', bytes)) != std::string::npos; bytes = end + 1) {
    const std::string_view line = std::string_view(text).substr(bytes, end - bytes);
    long at = 0;
    if (!line.starts_with(key)) break;
    if (std::from_chars(line.data() + key.size(), line.data() + line.size(), at).ec != std::errc() || at > step) break;
    if (each && !each(line)) break;
  }
  return bytes;
}

double last_val_loss(const std::string& path, long step) {
  constexpr std::string_view key = "\"val_loss\":";
  double loss = NAN;
  try {
    lines_of_steps(path, step, [&](std::string_view line) {
      if (const auto at = line.find(key); at != line.npos) {
        const char* const number = line.data() + at + key.size();
        std::from_chars(number, line.data() + line.size(), loss);
      }
      return true;
    });
  } catch (const autograd::Error&) {  // it is only shown
  }
  return loss;
}

bool LineLog::sync() { return disk_.sync(descriptor_) == 0; }

}  // namespace primer::train
