// The study of the gap: what it claims can fail, its examination is right, and all of it works on a few steps.
#include "studies/gap_study.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/error.h"
#include "studies/gap_corpus.h"
#include "studies/gap_report.h"
#include "tests/threads.h"
#include "tests/train/process.h"

using namespace primer::studies;

namespace {

/// Figures that bear every claim out.
GapFigures good_figures() {
  GapFigures figures;
  figures.tuned = {{1, 1, 1}, {0.95, 0.97, 0.96}};
  figures.scratch = {{1, 1, 1}, {0.40, 0.55, 0.52}};
  figures.probe = {{1, 1, 1}, {0.90, 0.91, 0.92}};
  figures.exam.pairs = 1000;
  figures.exam.hidden = 5000;
  figures.exam.loss = {3.0, 0.02};
  figures.exam.accuracy = {0.068, 0.002};
  figures.exam.oracle.loss = {2.9, 0.02};
  figures.exam.oracle.expected_accuracy = {0.07, 0.001};
  figures.exam.oracle.excess = {0.1, 0.005};
  figures.exam.next_accuracy = {0.93, 0.005};
  figures.ceiling = next_sentence_ceiling(gap_language());
  return figures;
}

/// How many claims fail once `spoil` has changed good figures.
template <class F>
std::size_t failures(F spoil) {
  GapFigures figures = good_figures();
  spoil(figures);
  const std::size_t failed = failed_claims(figures).size();
  CHECK((gap_table(figures).find("study gap: FAIL (") != std::string::npos) == (failed > 0));
  return failed;
}

}  // namespace

TEST_CASE("every claim of the study can fail, and a figure that is not a number fails it") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(failures([](GapFigures&) {}) == 0);
  CHECK(gap_table(good_figures()).ends_with("\nstudy gap: pass\n"));
  for (const double low : {0.80, nan}) {
    CHECK(failures([&](GapFigures& f) { f.tuned.test[1] = low; }) ==
          (std::isnan(low) ? 1 : 0));  // the mean is what counts
    CHECK(failures([&](GapFigures& f) { f.tuned.test = {low, 0.9, 0.9}; }) == 1);
    CHECK(failures([&](GapFigures& f) { f.probe.test = {low, 0.85, 0.85}; }) == 1);
    CHECK(failures([&](GapFigures& f) { f.scratch.test = {low, 0.56, 0.56}; }) == 1);
    CHECK(failures([&](GapFigures& f) { f.exam.next_accuracy.mean = low; }) >= 1);
  }
  CHECK(failures([](GapFigures& f) { f.scratch.test = {0.39, 0.38, 0.40}; }) == 1);
  CHECK(failures([](GapFigures& f) { f.exam.oracle.excess.mean = 0.151; }) == 1);
  CHECK(failures([](GapFigures& f) { f.exam.oracle.excess.mean = nan; }) == 1);
  CHECK(failures([](GapFigures& f) { f.exam.accuracy.mean = 0.062; }) == 1);
  CHECK(failures([](GapFigures& f) { f.exam.accuracy.mean = nan; }) == 1);
  CHECK(failures([](GapFigures& f) { f.exam.next_accuracy.mean = 0.978; }) == 0);  // within two standard errors
  CHECK(failures([](GapFigures& f) { f.exam.next_accuracy.mean = 0.980; }) == 1);
  CHECK(failures([](GapFigures& f) { f.tuned.test.pop_back(); }) == 1);
}

TEST_CASE("means and deviations over seeds") {
  CHECK(mean({1, 2, 6}) == 3);
  CHECK(deviation({1, 2, 6}) == doctest::Approx(std::sqrt(7.0)));
  CHECK(deviation({5}) == 0);
}

TEST_CASE("a quick study writes its texts, runs, figures and picture; the untrained model is worse than the oracle") {
  const primer::test::Threads threads(1);
  const FreshDirectory here;
  const GapOptions options{.folder = here / "gap", .seeds = 1, .quick = true};
  primer::train::Interruption none;
  const GapFigures figures = run_gap_study(options, none);
  const GapLanguage language = gap_language();

  CHECK(gap_table(figures).ends_with("study gap: quick, nothing is claimed\n"));
  CHECK(file_bytes(here / "gap/figures.json") == gap_json(figures) + "\n");
  CHECK(file_bytes(here / "gap/gap.svg").ends_with("</svg>\n"));
  CHECK(file_bytes(here / "gap/vocab.txt") == gap_vocabulary(language));
  for (const GapAccuracies* found : {&figures.tuned, &figures.scratch, &figures.probe, &figures.unpaired}) {
    REQUIRE(found->test.size() == 1);
    CHECK(found->test[0] >= 0);
    CHECK(found->test[0] <= 1);
    CHECK(found->training.size() == 1);
  }

  const GapExam& exam = figures.exam;
  CHECK(exam.pairs > 20);
  CHECK(exam.hidden > 4 * exam.pairs);
  CHECK(exam.loss.mean > exam.oracle.loss.mean);
  CHECK(exam.oracle.excess.mean == doctest::Approx(exam.loss.mean - exam.oracle.loss.mean).epsilon(1e-9));
  CHECK(exam.oracle.next_accuracy.mean > 0.85);
  CHECK(std::abs(exam.oracle.next_accuracy.mean - exam.oracle.next_expected_accuracy.mean) <
        4 * exam.oracle.next_accuracy.error);

  // the same mean loss as an evaluation's, over what shows [MASK] and what does not
  CHECK(exam.loss.mean == doctest::Approx(std::log(language.size() + 5)).epsilon(0.1));

  CHECK_THROWS_AS(run_gap_study(options, none), primer::autograd::Error);  // something is there already
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
  for (const char* wrong : {"study gap --quick -o gap", "study gap --seeds 2 -o other", "study", "study chasm"}) {
    const Outcome outcome = run_primer(here, wrong);
    CAPTURE(wrong);
    CHECK(outcome.code == 2);
    CHECK(outcome.out == "");
    CHECK(outcome.err.find("--resume") == std::string::npos);  // a study begins anew
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  }
}

TEST_SUITE("long") {
  TEST_CASE("the whole study bears out what it claims") {
    const FreshDirectory here;
    primer::train::Interruption none;
    const GapFigures figures = run_gap_study({.folder = here / "gap"}, none);
    MESSAGE(gap_table(figures));
    CHECK(failed_claims(figures) == std::vector<std::string>{});
  }
}
