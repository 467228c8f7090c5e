// Regions, arena and pool, and what becomes of them under limits.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "autograd/arena.h"
#include "autograd/error.h"
#include "autograd/ops.h"
#include "autograd/parameters.h"
#include "autograd/pool.h"
#include "autograd/random.h"

using namespace primer::autograd;

namespace {

constexpr std::size_t mebi = std::size_t{1} << 20;

struct Piece {
  unsigned char* data;
  std::size_t bytes;
  unsigned char mark;  // what its owner wrote in every byte
  int owners;
};

/// A long random sequence of acquire, share and release, each piece filled with its mark and checked when it goes.
/// Returns how far the pool reached.
std::size_t exercise(Pool& pool, std::uint64_t seed) {
  const Random random(seed, hash("pool"));
  std::vector<Piece> pieces;
  std::size_t expected = 0;
  std::uintptr_t begin = UINTPTR_MAX, end = 0;
  long wrong = 0;
  const auto let_go = [&](std::size_t i) {
    Piece& p = pieces[i];
    CHECK(pool.shared(p.data) == (p.owners > 1));
    wrong += std::count_if(p.data, p.data + p.bytes, [&](unsigned char c) { return c != p.mark; });
    pool.release(p.data);
    if (--p.owners > 0) return;
    p = pieces.back();
    pieces.pop_back();
  };
  for (long i = 0; i < 4000; ++i) {
    const bool growing = i % 400 < 250;  // waves: filled, then emptied
    if (pieces.empty() || random.uniform(4 * i) < (growing ? 0.65 : 0.35)) {
      const auto bytes = static_cast<std::size_t>(std::exp(random.uniform(4 * i + 1) * 10));  // 1 ... 22,026
      auto* data = static_cast<unsigned char*>(pool.acquire(bytes));
      REQUIRE(reinterpret_cast<std::uintptr_t>(data) % 64 == 0);
      begin = std::min(begin, reinterpret_cast<std::uintptr_t>(data));
      end = std::max(end, reinterpret_cast<std::uintptr_t>(data) + bytes);
      const auto mark = static_cast<unsigned char>(i % 251);
      std::memset(data, mark, bytes);
      pieces.push_back({data, bytes, mark, 1});
    } else {
      const std::size_t k = random.below(pieces.size(), 4 * i + 2);
      if (random.uniform(4 * i + 3) < 0.2) {
        pool.share(pieces[k].data);
        ++pieces[k].owners;
      } else {
        let_go(k);
      }
    }
    expected = 0;
    for (const Piece& p : pieces) expected += p.bytes;
    REQUIRE(pool.in_use() >= expected);
  }
  while (!pieces.empty()) let_go(random.below(pieces.size(), pieces.size()));
  CHECK(wrong == 0);
  CHECK(pool.in_use() == 0);
  return end - begin;
}

/// Runs one skipped test case of this program in a process of its own, under a limit; its exit status.
[[maybe_unused]] int run_alone(const char* test_case, int resource, rlim_t limit) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit bound{limit, limit};
    setrlimit(resource, &bound);
    setenv("OMP_NUM_THREADS", "1", 1);
    const std::string filter = std::string("-tc=") + test_case;
    execl("/proc/self/exe", "limited", filter.c_str(), "--no-skip", "-m", nullptr);
    _exit(125);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/// A little training: two tapes' worth of regions, parameters, a step.
void small_step() {
  Parameters<float> parameters;
  const auto w = parameters.declare("w", {8, 8}, {1}, true);
  parameters.build(1);
  Tape<float> tape;
  tape.backward(sum(linear(tape.constant({8, 8}, std::vector<float>(64, 1)), w)));
  CHECK(w.grad()[0] == 8);
}

void expect_memory_fault(auto&& call) {
  try {
    call();
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.fault() == Fault::memory);
    CHECK(std::string(e.what()).find('\n') == std::string::npos);
  }
}

}  // namespace

TEST_CASE("the pool's pieces never overlap, are aligned, and become one piece again when all are free") {
  Pool pool;
  const std::size_t first = exercise(pool, 1);
  pool.clear();
  CHECK(exercise(pool, 1) == first);
  // without a clear the pool starts from one free piece instead of from nothing, and cuts a little differently
  const std::size_t second = exercise(pool, 1);
  CHECK(second < first + first / 50);
  for (int again = 0; again < 3; ++again) CHECK(exercise(pool, 1) == second);
  // whole again: as much as it ever held fits without reaching further
  auto* whole = static_cast<char*>(pool.acquire(first));
  const auto low = reinterpret_cast<std::uintptr_t>(whole);
  pool.release(whole);
  CHECK(reinterpret_cast<std::uintptr_t>(pool.acquire(64)) == low);
  pool.clear();
  CHECK(pool.in_use() == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(pool.acquire(64)) == low);
}

TEST_CASE("the pool takes the smallest free piece that fits, and lengthens the last one") {
  Pool pool;
  void* large = pool.acquire(4096);
  void* wall = pool.acquire(64);
  void* small = pool.acquire(1024);
  void* second_wall = pool.acquire(64);
  pool.release(large);
  pool.release(small);
  CHECK(pool.acquire(1000) == small);
  CHECK(pool.acquire(1025) == large);
  void* last = pool.acquire(50'000);
  pool.release(last);
  CHECK(pool.acquire(100'000) == last);
  CHECK(last > second_wall);
  CHECK(wall < small);
}

TEST_CASE("the arena aligns, rewinds to a mark, and reaches the same places again") {
  Arena arena;
  auto* first = static_cast<char*>(arena.allocate(1));
  const Arena::Mark mark = arena.mark();
  auto* second = static_cast<char*>(arena.allocate(100));
  CHECK(second - first == 64);
  CHECK(reinterpret_cast<std::uintptr_t>(second) % 64 == 0);
  CHECK(arena.used() == 64 + 128);
  char* far = static_cast<char*>(arena.allocate(50 * mebi));
  far[50 * mebi - 1] = 1;
  arena.rewind(mark);
  CHECK(arena.used() == 64);
  CHECK(arena.allocate(100) == second);
  CHECK(arena.allocate(0) == second + 128);
}

TEST_CASE("a region opens up to its reservation and refuses more") {
  Region region(100 * mebi);
  CHECK(reinterpret_cast<std::uintptr_t>(region.data()) % (2 * mebi) == 0);
  region.open(1);
  CHECK(region.opened() >= 1);
  region.open(100 * mebi);
  region.data()[100 * mebi - 1] = 1;
  expect_memory_fault([&] { region.open(110 * mebi); });
  region.data()[100 * mebi - 1] = 2;  // what was open stays so
}

TEST_CASE("a reservation beyond any address space shrinks until it fits") {
  Region region(std::size_t{1} << 50);
  region.open(10 * mebi);
  region.data()[10 * mebi - 1] = 1;
}

TEST_CASE("a tape that ran out of memory says so, and works again after a reset") {
  Tape<float> tape;
  const auto x = tape.input({2}, std::vector<float>{1, 2});
  expect_memory_fault([&] { repeat(x, 1L << 45); });
  expect_memory_fault([&] { tape.scratch(1L << 45); });
  tape.reset();
  const auto y = tape.input({2}, std::vector<float>{1, 2});
  tape.backward(sum(y));
  CHECK(y.grad()[1] == 1);
}

TEST_CASE("under a limit: a step works in what little address space there is" * doctest::skip()) { small_step(); }

TEST_CASE("under a limit: too little is Error(memory)" * doctest::skip()) {
  expect_memory_fault([] {
    std::vector<std::unique_ptr<Region>> regions;
    for (int i = 0; i < 1000; ++i) {
      regions.push_back(std::make_unique<Region>(64 * mebi));
      regions.back()->open(64 * mebi);
    }
  });
}

#if !defined(__SANITIZE_ADDRESS__)  // which needs terabytes of address space itself
TEST_CASE("under a limit on address space or data a step works, or ends with a clear error and no abort") {
  for (const std::size_t limit : {8192 * mebi, 1024 * mebi}) {
    CAPTURE(limit);
    CHECK(run_alone("under a limit: a step works*", RLIMIT_AS, limit) == 0);
    CHECK(run_alone("under a limit: too little*", RLIMIT_AS, limit) == 0);
  }
  CHECK(run_alone("under a limit: too little*", RLIMIT_DATA, 512 * mebi) == 0);
}
#endif
