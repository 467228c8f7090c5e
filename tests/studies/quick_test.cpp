// Every study works on a few steps, and all of them together leave an index and are not run again.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>

#include "autograd/error.h"
#include "studies/all.h"
#include "studies/lab/report.h"
#include "tests/places.h"
#include "tests/train/fresh_directory.h"

using namespace primer::studies;

namespace {

class AtOnce : public primer::train::Interruption {
 public:
  int stop() override { return SIGTERM; }
};

}  // namespace

TEST_CASE("all studies run quickly, each leaves a report, and what is finished is not run again") {
  const FreshDirectory here;
  primer::train::Interruption none;
  LabOptions options{
      .folder = here / "all", .quick = true, .text = source_directory() + std::string("/docs/data/novel.txt")};
  std::size_t tables = 0;
  const auto count = [&](const std::string& text) {
    tables += text.find("quick, nothing is claimed") != std::string::npos;
  };
  CHECK(run_all(options, none, count));
  CHECK(tables == all_studies().size());
  const std::string index = file_bytes(here / "all/index.html");
  for (const Study* study : all_studies()) {
    CAPTURE(study->name);
    CHECK(index.find(std::string(study->name) + "/report.html") != std::string::npos);
    CHECK(file_bytes(here / ("all/" + std::string(study->name) + "/report.html")).ends_with("</html>\n"));
    CHECK(finished(*study, {.folder = options.folder + "/" + study->name, .quick = true, .text = options.text}));
  }

  tables = 0;
  std::filesystem::remove(here / "all/bigram/figures.json");  // as if it had been stopped
  CHECK(run_all(options, none, count));
  CHECK(tables == 1);
  CHECK(std::filesystem::exists(here / "all/bigram.1/report.html"));  // moved aside, not deleted

  // What other options found, and what somebody put there, is refused before anything is run, and stays.
  tables = 0;
  const auto refusal = [&](const LabOptions& asked) {
    try {
      run_all(asked, none, count);
    } catch (const primer::autograd::Error& error) {
      CHECK(error.fault() == primer::autograd::Fault::usage);
      return std::string(error.what());
    }
    return std::string();
  };
  LabOptions others = options;
  others.seeds = 2;
  CHECK(refusal(others).find("bigram, ") != std::string::npos);
  std::filesystem::rename(here / "all/gap", here / "gap");
  std::filesystem::create_directory(here / "all/gap");
  here.write("all/gap/letter.txt", "mine");
  CHECK(refusal(options).find("wrote: gap;") != std::string::npos);
  CHECK(file_bytes(here / "all/gap/letter.txt") == "mine");
  std::filesystem::remove_all(here / "all/gap");
  std::filesystem::rename(here / "gap", here / "all/gap");
  here.write("all/index.html", "mine");
  CHECK(refusal(options).find("index.html is no page of primer") != std::string::npos);
  CHECK(tables == 0);

  // One that is stopped leaves an index of those that are finished.
  std::filesystem::remove(here / "all/index.html");
  std::filesystem::remove(here / "all/bigram/figures.json");
  AtOnce signal;
  CHECK_THROWS_AS(run_all(options, signal, count), StudyStopped);
  const std::string stopped = file_bytes(here / "all/index.html");
  CHECK(stopped.find("bigram/report.html") == std::string::npos);
  CHECK(stopped.find("gap/report.html") != std::string::npos);
}

TEST_CASE("a study that cannot be run does not keep the others from it, and the whole has failed") {
  const FreshDirectory here;
  here.write("short.txt", "too short");
  primer::train::Interruption none;
  std::string said;
  CHECK_FALSE(run_all({.folder = here / "all", .quick = true, .text = here / "short.txt"}, none,
                      [&](const std::string& text) { said += text; }));
  CHECK(said.find("study novel-names: quick") != std::string::npos);
  CHECK(said.find("could not be run\n") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(here / "all/bigram"));
}
