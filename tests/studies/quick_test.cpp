// Every study works on a few steps, and all of them together leave an index and are not run again.
#include <doctest/doctest.h>

#include <filesystem>

#include "studies/lab/report.h"
#include "tests/places.h"
#include "tests/train/fresh_directory.h"

using namespace primer::studies;

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
}
