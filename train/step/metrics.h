// Logs of a run: one JSON object a line, one write a line.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

#include "data/bytes/disk.h"

namespace primer::train {

/// A file that grows by whole lines. A line that cannot be written (a full disk) is dropped and counted: a log never
/// stops a training.
class LineLog {
 public:
  /// Creates the file, or goes on behind its first `keep` bytes; what is there beyond them is cut off. A file that is
  /// shorter is gone on with at its end. Fault::io.
  explicit LineLog(const std::string& path, std::uint64_t keep = std::numeric_limits<std::uint64_t>::max(),
                   data::Disk& disk = data::system_disk());
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;
  ~LineLog();

  /// Appends `line` and a line feed. False if it was dropped; then nothing of it is in the file.
  bool write(std::string_view line);

  /// Makes the lines durable, before a checkpoint says that they are there. False if that failed.
  bool sync();

  long dropped() const { return dropped_; }
  std::uint64_t size() const { return size_; }  // bytes of whole lines

 private:
  data::Disk& disk_;
  int descriptor_;
  std::uint64_t size_ = 0;
  long dropped_ = 0;
};

/// Calls each(line) for the lines of a log that belong to the first `step` steps: they begin with {"step":N. Ends
/// before the first one that does not, or of which it says false. Returns how many bytes they take; 0 of a log that is
/// not there. One that cannot be read, or has more than 1 GiB: Fault::io.
std::uint64_t lines_of_steps(const std::string& path, long step,
                             const std::function<bool(std::string_view)>& each = {});

/// The validation loss of the last of these lines that has one; NaN: none has.
double last_val_loss(const std::string& path, long step);

}  // namespace primer::train
