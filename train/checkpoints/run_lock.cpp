#include "train/checkpoints/run_lock.h"

#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

std::string this_process() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  char since[32] = "";
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  if (::gmtime_r(&now, &utc)) std::strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return "process " + std::to_string(::getpid()) + " on " + host + " since " + since + "\n";
}

std::string first_line(int descriptor, data::Disk& disk) {
  char text[512];
  const std::int64_t count = disk.read(descriptor, text, sizeof text, 0);
  const std::string whole(text, static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
  return whole.substr(0, whole.find('\n'));
}

// The descriptor of the locked file.
int take(const std::string& path, data::Disk& disk) {
  const std::string run = data::printable(data::folder_of(path));
  for (;;) {
    const int descriptor = disk.open(path, data::Disk::Open::update);
    if (descriptor < 0) throw Error(Fault::io, run + " cannot be written: " + data::reason(-descriptor));
    int result = disk.lock(descriptor);
    while (result == -EINTR) result = disk.lock(descriptor);
    if (result < 0) {
      const std::string owner = data::printable(first_line(descriptor, disk));
      disk.close(descriptor);
      if (result != -EWOULDBLOCK) throw Error(Fault::io, run + " cannot be locked: " + data::reason(-result));
      throw Error(Fault::busy, run + " is in use" + (owner.empty() ? "" : " by " + owner) +
                                   ": wait for it, or choose another run with -o");
    }
    // Between opening and locking, the run may have been moved or removed by the one who held the lock until then.
    data::FileStatus ours, named;
    const bool known = disk.status(descriptor, ours) == 0;
    if (known && disk.status(path, false, named) == 0 && named.identity.inode == ours.identity.inode &&
        named.identity.device == ours.identity.device) {
      return descriptor;
    }
    disk.close(descriptor);
    if (!known) throw Error(Fault::io, run + " cannot be locked");
  }
}

}  // namespace

RunLock::RunLock(const std::string& path, data::Disk& disk) : disk_(disk), descriptor_(take(path, disk)) {
  // For people: a full disk is no reason not to train.
  // Written before it is cut, so that it never names nobody.
  const std::string owner = this_process();
  const auto bytes = static_cast<std::int64_t>(owner.size());
  const bool written = disk_.write(descriptor_, owner.data(), owner.size(), 0) == bytes;
  disk_.truncate(descriptor_, written ? owner.size() : 0);
}

RunLock::RunLock(RunLock&& other) noexcept : disk_(other.disk_), descriptor_(other.descriptor_) {
  other.descriptor_ = -1;
}

RunLock::~RunLock() {
  if (descriptor_ >= 0) disk_.close(descriptor_);
}

}  // namespace primer::train
