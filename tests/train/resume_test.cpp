// A training that was cut goes on as if nothing had happened: the same bytes, wherever the cut was.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "tests/threads.h"
#include "tests/train/small_run.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;
using primer::test::Threads;

static std::function<void()> after_failed_read;  // is called once, right after the next read that fails

// The system's function under its own name, and what a test wants done after it.
extern "C" ssize_t pread(int descriptor, void* out, std::size_t count, off_t offset) {
  const ssize_t got = ::syscall(SYS_pread64, descriptor, out, count, offset);
  if (got < 0 && after_failed_read) {
    const int error = errno;
    std::exchange(after_failed_read, nullptr)();
    errno = error;
  }
  return got;
}

namespace {

// Cuts a training by SIGTERM each time it looks, for every `stride`-th look, and compares what comes of it.
void cut_everywhere(const Options& options, const std::string& text, long steps, long stride) {
  const Threads threads(1);
  const TrainedRun whole(text, options);
  REQUIRE(whole.train().step == steps);
  const std::string expected = essence(whole, steps);
  long cuts = 0;
  std::set<bool> kinds;
  for (long look = 0;; look += stride) {
    const TrainedRun cut(text, options);
    RaiseAt signal(look, SIGTERM);
    const TrainingResult first = cut.train(signal);
    if (!signal.was_raised()) break;
    CAPTURE(look);
    CAPTURE(first.step);
    REQUIRE(first.signal == SIGTERM);
    kinds.insert(CheckpointStore(cut.paths.checkpoints()).list().back().evaluated);
    // Twice, so that a resumed run is resumed.
    RaiseAt again(11, SIGINT);
    cut.train(again);
    cut.train();
    REQUIRE(essence(cut, steps) == expected);
    ++cuts;
  }
  MESSAGE(cuts << " cuts");
  CHECK(cuts * stride >= steps);
  CHECK(kinds.contains(true));
}

}  // namespace

TEST_CASE("a run that is cut by a signal ends as the unbroken one, next-token") {
  cut_everywhere(small({}), prose(1200), 100, 13);
}

TEST_CASE("a run that is cut by a signal ends as the unbroken one, masked") {
  cut_everywhere(small({{"objective", "mlm"}}), prose(300), 100, 29);
}

TEST_CASE("a run that is cut by a signal ends as the unbroken one, with RMS norms and gates") {
  cut_everywhere(small({{"norm_kind", "rms"}, {"activation", "swiglu"}}), prose(1200), 100, 29);
}

TEST_CASE("a run that is cut by a signal ends as the unbroken one, learning answers") {
  std::string sums;
  for (int i = 0; i < 70; ++i)
    sums += std::to_string(i % 9) + "+" + std::to_string(i) + "=" + std::to_string(i % 9 + i) + "\n";
  cut_everywhere(small({{"answer_after", "="}}), sums, 100, 29);
}

TEST_CASE("a run that is stopped early stops at the same place when it was cut") {
  const Threads threads(1);
  const Options options = small({{"patience", "2"}, {"lr", "0.05"}, {"eval_every", "3"}, {"steps", "400"}});
  const TrainedRun whole(prose(600), options);
  const TrainingResult end = whole.train();
  REQUIRE(end.stopped_early);
  REQUIRE(end.best_step < end.step);
  for (const long look : {2L, 5L, end.step, 3 * end.step}) {
    const TrainedRun cut(prose(600), options);
    RaiseAt signal(look, SIGHUP);
    cut.train(signal);
    const TrainingResult resumed = cut.train();
    CHECK(resumed.stopped_early);
    CHECK(resumed.step == end.step);
    CHECK(essence(cut, end.step) == essence(whole, end.step));
    CHECK(cut.checkpoint(end.best_step, "model.safetensors") == whole.checkpoint(end.best_step, "model.safetensors"));
  }
}

TEST_CASE("a signal during an evaluation ends it, and the resumed run writes the same line") {
  const Threads threads(1);
  const Options options = small({{"steps", "7"}});
  const TrainedRun whole(prose(1200), options);
  whole.train();
  bool unevaluated = false;
  for (long look = 0;; ++look) {
    const TrainedRun cut(prose(1200), options);
    RaiseAt signal(look, SIGTERM);
    cut.train(signal);
    if (!signal.was_raised()) break;
    const auto ids = CheckpointStore(cut.paths.checkpoints()).list();
    if (!ids.back().evaluated) {
      unevaluated = true;
      CHECK(ids.back().step == 7);
      CHECK(cut.metrics().find("\"step\":7,") == std::string::npos);
      CHECK(!open_run(cut.paths, {}).is_finished());  // the last step was made, and not yet evaluated
    }
    cut.train();
    CHECK(essence(cut, 7) == essence(whole, 7));
  }
  CHECK(unevaluated);
}

namespace {

// Does something to the run at the n-th time it is asked, counted from 0.
class At : public Interruption {
 public:
  At(long asked, std::function<void()> act) : left_(asked), act_(std::move(act)) {}
  int stop() override {
    if (left_-- == 0) act_();
    return 0;
  }

 private:
  long left_;
  std::function<void()> act_;
};

// From now on, reading what this process has open under that path fails; until it is mended.
class Unreadable {
 public:
  explicit Unreadable(const std::string& path) {
    const std::string wanted = std::filesystem::canonical(path).string();
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(entry, gone) == wanted) open_ = std::stoi(entry.path().filename());
    }
    REQUIRE(open_ >= 0);
    kept_ = ::dup(open_);
    const int nothing = ::open("/dev/null", O_WRONLY);
    ::dup2(nothing, open_);
    ::close(nothing);
  }
  Unreadable(const Unreadable&) = delete;
  Unreadable& operator=(const Unreadable&) = delete;
  ~Unreadable() { ::close(kept_); }
  void mend() { ::dup2(kept_, open_); }

 private:
  int open_ = -1, kept_ = -1;
};

// Trains until the text is lost, gets it back, goes on.
void lose_text(long asked, Fault fault, const std::function<void(const TrainedRun&)>& lose) {
  const Threads threads(1);
  const Options options = small({{"steps", "20"}});
  const TrainedRun whole(prose(1200), options), cut(prose(1200), options);
  whole.train();
  const std::string tokens = file_bytes(cut.paths.tokens());
  At loss(asked, [&] { lose(cut); });
  CAPTURE(asked);
  try {
    cut.train(loss);
    FAIL_CHECK("the text was not missed");
  } catch (const Error& error) {
    CHECK(error.fault() == fault);
    CHECK(std::string(error.what()).find("tokens") != std::string::npos);
  }
  CHECK(CheckpointStore(cut.paths.checkpoints()).list().back().step >= 4);  // that it was at, and not only step 0
  primer::data::write_file_atomically(cut.paths.tokens(), tokens);
  cut.train();
  CHECK(essence(cut, 20) == essence(whole, 20));
}

}  // namespace

TEST_CASE("a text that is lost while a training reads it costs nothing that was computed") {
  for (const long asked : {20L, 21L, 30L}) {  // in an evaluation and between them
    lose_text(asked, Fault::io, [](const TrainedRun& run) { Unreadable(run.paths.tokens()); });
    lose_text(asked, Fault::input,
              [](const TrainedRun& run) { std::filesystem::resize_file(run.paths.tokens(), 200); });
  }
}

TEST_CASE("a text that cannot be read for a moment changes nothing") {
  const Threads threads(1);
  const Options options = small({{"steps", "20"}});
  const TrainedRun whole(prose(1200), options), shaken(prose(1200), options);
  whole.train();
  std::optional<Unreadable> text;
  At shock(21, [&] {
    text.emplace(shaken.paths.tokens());
    after_failed_read = [&] { text->mend(); };
  });
  CHECK_NOTHROW(shaken.train(shock));
  CHECK(after_failed_read == nullptr);
  CHECK(essence(shaken, 20) == essence(whole, 20));
}

TEST_CASE("a training has the same bits for 1, 2, 3 and 4 threads, and may go on with others than it began with") {
  const Options options =
      small({{"steps", "12"}, {"dropout", "0.1"}, {"bias", "true"}, {"batch", "5"}, {"channels", "48"}});
  const TrainedRun alone(prose(1200), options), changing(prose(1200), options);
  {
    const Threads one(1);
    alone.train();
    RaiseAt stop(9, SIGTERM);
    changing.train(stop);
  }
  for (const int count : {2, 3, 4}) {
    CAPTURE(count);
    const Threads threads(count);
    const TrainedRun together(prose(1200), options);
    together.train();
    for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
      CHECK(together.checkpoint(12, file) == alone.checkpoint(12, file));
    }
    CHECK(together.metrics() == alone.metrics());
  }
  const Threads three(3);
  changing.train();
  CHECK(changing.checkpoint(12, "model.safetensors") == alone.checkpoint(12, "model.safetensors"));
}

TEST_CASE("a checkpoint is never combined with other tokens, nor with a changed configuration") {
  const Threads threads(1);
  const TrainedRun run(prose(1200), small({{"steps", "3"}})), other(prose(1300), small({{"steps", "3"}}));
  const auto refuse = [&](const std::string& part) {
    CHECK_THROWS_WITH_AS(run.train(), doctest::Contains(part.c_str()), primer::autograd::Error);
  };
  const std::string tokens = file_bytes(run.paths.tokens()), config = file_bytes(run.paths.config());
  const auto put = [](const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  };
  put(run.paths.tokens(), file_bytes(other.paths.tokens()));
  refuse("not the tokens");
  std::string flipped = tokens;
  flipped[200] = static_cast<char>(flipped[200] ^ 1);
  put(run.paths.tokens(), flipped);
  refuse("damaged");
  put(run.paths.tokens(), tokens);
  std::string edited = config;
  edited.replace(edited.find("\"batch\": 2"), 10, "\"batch\": 3");
  put(run.paths.config(), edited);
  refuse("batch 3");
  put(run.paths.config(), "{");  // one that says nothing is replaced
  CHECK(run.train().step == 3);
  CHECK(file_bytes(run.paths.config()) == config);
}

TEST_SUITE("long") {
  TEST_CASE("every cut of a hundred steps by a signal ends as the unbroken run") {
    cut_everywhere(small({}), prose(1200), 100, 1);
    cut_everywhere(small({{"objective", "mlm"}, {"accumulate", "1"}}), prose(300), 100, 1);
  }
}
