// When a training saves: at which steps, how often after failures, and for how much of the time.
#include "train/checkpoints/saver.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "autograd/error.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;

namespace {

/// A disk that fails when it is told to, and remembers when it was asked.
struct FakeDisk {
  bool works = true;
  Fault fault = Fault::io;
  std::chrono::milliseconds takes{0};
  std::vector<long> tried, saved;
  std::vector<std::string> notes;

  Saver saver(long every) {
    return Saver(
        every, {0, true},
        [this](CheckpointId id) {
          tried.push_back(id.step);
          std::this_thread::sleep_for(takes);
          if (!works) throw Error(fault, "no space");
          saved.push_back(id.step);
        },
        [this](const std::string& text) { notes.push_back(text); });
  }
};

}  // namespace

TEST_CASE("checkpoints are made at multiples of the interval, wherever a training began") {
  FakeDisk disk;
  Saver saver = disk.saver(5);
  for (long step = 1; step <= 12; ++step) saver.offer({step, true});
  CHECK(disk.saved == std::vector<long>{5, 10});
  CHECK(saver.saved().step == 10);
  CHECK(saver.save_now({12, true}));
  for (long step = 13; step <= 16; ++step) saver.offer({step, true});
  saver.finish({16, true});
  saver.finish({16, true});  // it is there already
  CHECK(disk.saved == std::vector<long>{5, 10, 12, 15, 16});
  CHECK(disk.notes.empty());
}

TEST_CASE("after failures a save is tried again after one, two, four intervals, and then as before") {
  FakeDisk disk;
  disk.works = false;
  Saver saver = disk.saver(1);
  for (long step = 1; step <= 16; ++step) saver.offer({step, true});
  CHECK(disk.tried == std::vector<long>{1, 2, 4, 8, 16});
  CHECK(disk.notes.size() == 5);
  CHECK(disk.notes.back().find("step 16 could not be saved, step 0 is kept: no space") != std::string::npos);
  CHECK_FALSE(saver.offer_early({16, true}));
  disk.works = true;
  for (long step = 17; step <= 34; ++step) saver.offer({step, true});
  CHECK(disk.saved == std::vector<long>{32, 33, 34});
}

TEST_CASE("the last save is tried twice, and only its failure is an error") {
  FakeDisk disk;
  disk.works = false;
  Saver saver = disk.saver(100);
  try {
    saver.finish({7, true});
    FAIL("it was saved");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::io);
    CHECK(std::string(error.what()).find("the newest checkpoint is that of step 0") != std::string::npos);
  }
  CHECK(disk.tried == std::vector<long>{7, 7});
  disk.fault = Fault::diverged;  // no failure of the disk
  CHECK_THROWS_AS(saver.save_now({8, true}), Error);
}

TEST_CASE("saving takes a hundredth of the time at most") {
  FakeDisk disk;
  disk.takes = std::chrono::milliseconds(5);
  Saver saver = disk.saver(0);
  CHECK_FALSE(saver.offer({1, true}));  // not before a minute
  const auto begin = std::chrono::steady_clock::now();
  CHECK(saver.offer_early({1, true}));
  long step = 2;
  while (!saver.offer_early({step, true})) {
    ++step;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(std::chrono::steady_clock::now() - begin >= (1 + 100) * disk.takes);
  CHECK(disk.saved == std::vector<long>{1, step});
}
