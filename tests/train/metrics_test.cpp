#include "train/step/metrics.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <limits>

#include "autograd/error.h"
#include "tests/train/fresh_directory.h"
#include "train/step/json_line.h"

using namespace primer::train;

TEST_CASE("a line is JSON with the shortest numbers") {
  JsonLine line;
  line.add("step", 12L).add("loss", 0.1).add("lr", 1.0 / 3).add("big", ~std::uint64_t{0}).add("on", true);
  CHECK(line.text() == R"({"step":12,"loss":0.1,"lr":0.3333333333333333,"big":18446744073709551615,"on":true})");
  CHECK(JsonLine().text() == "{}");
}

TEST_CASE("numbers that JSON has not are null") {
  JsonLine line;
  line.add("a", std::nan("")).add("b", std::numeric_limits<double>::infinity()).add_json("c", "[1]");
  CHECK(line.text() == R"({"a":null,"b":null,"c":[1]})");
}

TEST_CASE("text is escaped so that a line stays one line of UTF-8") {
  JsonLine line;
  line.add_text("t", "a\"b\\c\nd\x1b\xE4\xB8\xAD\xFF");
  CHECK(line.text() == "{\"t\":\"a\\\"b\\\\c\\u000ad\\u001b\xE4\xB8\xAD\xEF\xBF\xBD\"}");
}

TEST_CASE("a log grows by lines and goes on where it ended") {
  const FreshDirectory here;
  {
    LineLog log(here / "log");
    CHECK(log.write("one"));
    CHECK(log.write("two"));
    CHECK(log.size() == 8);
  }
  LineLog(here / "log").write("three");
  CHECK(file_bytes(here / "log") == "one\ntwo\nthree\n");
}

TEST_CASE("a line that does not fit on the disk is dropped whole and counted") {
  const FreshDirectory here;
  LineLog log(here / "log");
  CHECK(log.write("fits"));
  // A limit on file sizes stands for a full disk: the write is cut short, then fails.
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{8, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &tight);
  const bool written = log.write("does not fit");
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_FALSE(written);
  CHECK(log.dropped() == 1);
  CHECK(file_bytes(here / "log") == "fits\n");
  CHECK(log.write("later"));
  CHECK(file_bytes(here / "log") == "fits\nlater\n");
}

TEST_CASE("a log that cannot be opened is an error of the disk") {
  const FreshDirectory here;
  CHECK_THROWS_AS(LineLog(here / "missing/log"), primer::autograd::Error);
}
