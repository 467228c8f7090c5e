// One trainer at a time: the lock of a run.
#pragma once

#include <string>

#include "data/bytes/disk.h"

namespace primer::train {

/// Held from construction to destruction, or until the process ends in whatever way: the kernel frees it then, so that
/// no lock is ever stale. The file stays, and says who holds or last held the lock.
///
/// It is flock(2), which belongs to the open file. A lock of fcntl(2) belongs to the process, and would be lost as soon
/// as any other descriptor of the same file were closed.
class RunLock {
 public:
  /// Takes the lock `path`. Somebody else holds it: Fault::busy, naming them. The disk: Fault::io.
  explicit RunLock(const std::string& path, data::Disk& disk = data::system_disk());
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

 private:
  data::Disk& disk_;
  int descriptor_;
};

}  // namespace primer::train
