#include "train/checkpoints/run_directory.h"

#include <doctest/doctest.h>

#include "autograd/error.h"
#include "tests/train/fresh_directory.h"

using namespace primer::train;
using primer::autograd::Error;
namespace fs = std::filesystem;

TEST_CASE("a run has the name of its text") {
  const FreshDirectory here;
  CHECK(default_run({"a/b/book.txt", "other.txt"}) == "runs/book");
  CHECK(default_run({"-"}) == "runs/stdin");
  CHECK(default_run({"book"}) == "runs/book");
  CHECK(default_run({"a/.hidden"}) == "runs/_hidden");
  CHECK(default_run({"a/new\nline\x1b.txt"}) == "runs/new_line_");
  CHECK(default_run({here.path}) == "runs/" + fs::path(here.path).filename().string());
  CHECK(default_run({here.path + "/"}) == "runs/" + fs::path(here.path).filename().string());
  const fs::path before = fs::current_path();
  fs::current_path(here.path);
  CHECK(default_run({"."}) == "runs/" + fs::path(here.path).filename().string());
  fs::current_path(before);
}

TEST_CASE("a run appears complete, and not at all when it is given up") {
  const FreshDirectory here;
  const std::string path = here / "deep/er/run";
  {
    NewRun given_up(path, false);
    CHECK_FALSE(fs::exists(here / "deep"));
    here.write(fs::relative(given_up.staging().tokens(), here.path).string(), "half");
    CHECK_FALSE(fs::exists(path));
  }
  CHECK(fs::is_empty(here / "deep"));
  NewRun run(path + "/", false);
  here.write(fs::relative(run.staging().tokens(), here.path).string(), "whole");
  const RunPaths paths = run.publish(nullptr);
  CHECK(paths.directory == path);
  CHECK(file_bytes(paths.tokens()) == "whole");
}

TEST_CASE("an existing run is refused, or moved aside and never deleted") {
  const FreshDirectory here;
  const std::string path = here / "run";
  here.write("run/model", "first");
  CHECK_THROWS_AS(NewRun(path, false), Error);
  here.write("file", "");
  CHECK_THROWS_AS(NewRun(here / "file", false), Error);
  fs::create_symlink("nowhere", here / "link");
  CHECK_THROWS_AS(NewRun(here / "link", false), Error);

  for (const std::string& expected : {path + ".1", path + ".2"}) {
    NewRun run(path, true);
    CHECK(fs::exists(path));
    std::string moved_to;
    run.publish(&moved_to);
    CHECK(moved_to == expected);
  }
  CHECK(file_bytes(path + ".1/model") == "first");
  CHECK(fs::exists(path + ".2/lock"));
}

TEST_CASE("a run that appeared meanwhile is not overwritten") {
  const FreshDirectory here;
  NewRun run(here / "run", false);
  run.staging();
  here.write("run/model", "of somebody else");
  CHECK_THROWS_AS(run.publish(nullptr), Error);
  CHECK(file_bytes(here / "run/model") == "of somebody else");
}

TEST_CASE("what cannot be a directory's name is refused") {
  for (const std::string path : {"", ".", "..", "/", "a/..", "a/."}) {
    CAPTURE(path);
    CHECK_THROWS_AS(NewRun(path, true), Error);
  }
}

TEST_CASE("a run that cannot be created is an error of the disk") {
  const FreshDirectory here;
  here.write("file", "");
  try {
    NewRun run(here / "file/run", true);
    run.staging();
    FAIL("created a directory below a file");
  } catch (const Error& error) {
    CHECK(error.fault() == primer::autograd::Fault::io);
  }
}
