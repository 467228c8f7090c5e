// The study of the gap: its examination is right, and all of it works on a few steps.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "autograd/error.h"
#include "studies/gap_corpus.h"
#include "studies/gap_exam.h"
#include "studies/lab/report.h"
#include "studies/lab/run.h"
#include "studies/studies.h"
#include "tests/threads.h"
#include "tests/train/process.h"

using namespace primer::studies;

namespace {

double found(const Report& report, const std::string& what) {
  for (const Finding& one : report.findings)
    if (one.what == what) return one.found.mean;
  FAIL("no figure " << what);
  return 0;
}

}  // namespace

TEST_CASE("a quick study writes its texts, runs, figures and picture; the untrained model is worse than the oracle") {
  const primer::test::Threads threads(1);
  const FreshDirectory here;
  primer::train::Interruption none;
  const Report report = run_study(gap, {.folder = here / "gap", .quick = true}, none);

  CHECK(file_bytes(here / "gap/figures.json") == json_of(report) + "\n");
  CHECK(file_bytes(here / "gap/vocab.txt") == gap_vocabulary(gap_language()));
  for (const char* what : {"fine-tuned, words that no label showed", "scratch, the labelled sentences"}) {
    CHECK(found(report, what) >= 0);
    CHECK(found(report, what) <= 1);
  }
  const double loss = found(report, "hidden words, nats"), best = found(report, "hidden words, nats at best");
  CHECK(loss > best);
  CHECK(found(report, "hidden words, nats above the best") == doctest::Approx(loss - best).epsilon(1e-9));
  for (const char* picture : {"gap/picture-1.tsv", "gap/picture-1.svg"})  // what there is not is left out
    CHECK(file_bytes(here / picture).find("nan") == std::string::npos);
  // the same mean loss as an evaluation's, over what shows [MASK] and what does not
  CHECK(loss == doctest::Approx(std::log(gap_language().size() + 5)).epsilon(0.1));
}

TEST_CASE("lengths alone tell something about whether B continues A, and less than a factor of the themes") {
  const FreshDirectory here;
  const GapCorpus corpus(gap_language(), 5);
  here.write("vocab.txt", gap_vocabulary(corpus.language()));
  here.write("text.txt", corpus.text(0, 2000));
  primer::train::Interruption none;
  train_new_run(here / "run", here / "text.txt",
                {{"objective", "mlm"},
                 {"next_sentence", "true"},
                 {"tokenizer", here / "vocab.txt"},
                 {"layers", "0"},
                 {"heads", "1"},
                 {"channels", "4"},
                 {"context", "48"},
                 {"steps", "1"},
                 {"batch", "1"},
                 {"eval_batches", "1"}},
                "", primer::train::Progress::Style::quiet, none);
  const auto run = primer::train::load_run(here / "run", {primer::train::Choice::Kind::last, 0});
  const primer::data::TokenFile tokens(run->paths.tokens());
  const LengthTable table = lengths_of_pairs(*run, tokens.train(), 2);
  CHECK(table.size() == 10);  // 1 to 4 sentences and 1 to 4, 5 together at most
  for (const auto& [size, share] : table) {
    CAPTURE(size.first);
    CAPTURE(size.second);
    CHECK(size.first % 9 == 0);
    CHECK(size.second % 9 == 0);
    CHECK(size.first + size.second <= 45);
    CHECK(share > 1.0 / 17);
    CHECK(share < 16.0 / 17);
  }
}

TEST_CASE("the program prints the figures, and refuses in one line what it cannot do") {
  const FreshDirectory here;
  const Outcome quick = run_primer(here, "study gap --quick --json --threads 1 -o gap");
  CHECK(quick.code == 0);
  CHECK(quick.out == file_bytes(here / "gap/figures.json"));
  const Outcome list = run_primer(here, "study");
  CHECK(list.code == 0);
  for (const Study* study : all_studies()) CHECK(list.out.find(study->question) != std::string::npos);
  for (const char* wrong :
       {"study gap --quick -o gap", "study gap --seeds 0 -o other", "study chasm", "study bigram --quick -o text",
        "study bigram --text no-such-file -o text", "study all --json"}) {
    const Outcome outcome = run_primer(here, wrong);
    CAPTURE(wrong);
    CHECK(outcome.code == (std::string(wrong).find("bigram") == std::string::npos ? 2 : 3));  // its text is not there
    CHECK(outcome.out == "");
    CHECK(outcome.err.find("--resume") == std::string::npos);  // a study begins anew
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    CHECK_FALSE(std::filesystem::exists(here / "text"));
  }
}

TEST_SUITE("long") {
  TEST_CASE("the whole study bears out what it claims") {
    const FreshDirectory here;
    primer::train::Interruption none;
    const Report report = run_study(gap, {.folder = here / "gap", .seeds = 3}, none);
    MESSAGE(table_of(report));
    CHECK(report.holds());
  }
}
