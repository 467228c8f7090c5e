// primer study as people meet it: what makes no sense is refused in one line, before any work.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/train/process.h"

TEST_CASE("options of a study without its name, a text for one that reads none, and a text that is not there") {
  const FreshDirectory here;
  for (const std::string option : {"--json", "--quick", "--force", "--seeds 2", "--text t.txt", "-o here"}) {
    check_refusal(here, "study " + option, 2, "NAME");
  }
  here.write("t.txt", "a text");
  check_refusal(here, "study constructed-circuit --text t.txt", 2, "constructed-circuit reads none");
  check_refusal(here, "study bigram", 3, "docs/data/novel.txt, which is not here");
  check_refusal(here, "study bigram --text missing.txt", 3, "missing.txt");
  check_refusal(here, "study all --quick -o t.txt", 5, "t.txt");
  check_refusal(here, "study chasm", 2, "primer study lists them");
  check_refusal(here, "study inducton", 2, "did you mean induction?");
  check_refusal(here, "study constructed-circuit -o ''", 2, "-o: expected a new folder");
  check_refusal(here, "study bigram --text ''", 2, "--text: expected a file");
  std::filesystem::create_directory(here / "run");
  here.write("run/config.json", "{}");
  check_refusal(here, "study all --quick -o run", 2, "run is a run of training");
  CHECK(listing(here / "run") == "config.json");
  std::filesystem::remove_all(here / "run");
  check_refusal(here, "study ''", 2, "no study is called ''");
  here.write("empty.txt", "");
  check_refusal(here, "study all --text empty.txt -o all", 3, "empty.txt is empty");
  here.write("short.txt", std::string(1999, 'a'));
  check_refusal(here, "study bigram --text short.txt -o short", 3, "2000 bytes");
  CHECK_FALSE(std::filesystem::exists(here / "short"));
  check_refusal(here, "study constructed-circuit -o /proc/x", 5, "cannot create /proc/x");
  CHECK(listing(here.path) == "empty.txt short.txt t.txt");
}

TEST_CASE("the list of studies is a table: every question begins in the same column") {
  const FreshDirectory here;
  const std::string list = run_primer(here, "study").out;
  std::set<std::size_t> columns;
  for (std::size_t at = list.find(" min  "); at != std::string::npos; at = list.find(" min  ", at + 1)) {
    columns.insert(at - list.rfind('\n', at));
  }
  CHECK(columns.size() == 1);
}
