// Labelled lines: planned, weighed, told apart, and how well.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/train/process.h"
#include "tests/train/small_run.h"
#include "train/step/model.h"
#include "train/use/label_quality.h"
#include "train/use/reader.h"

using namespace primer::train;
using Json = nlohmann::json;

namespace {

/// Lines of two kinds that a word tells apart; every fourth is sad.
std::string moods(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += (i % 4 == 0 ? "sad\tbad day " : "glad\tgood day ") + std::to_string(i * 37 % 90) + "\n";
  return text;
}

const std::string small_model =
    " --objective classify --layers 1 --channels 16 --heads 2 --batch 8 --lr 0.01 --dropout 0 -q --steps ";

/// What a model says of the text "x" after it has seen it `often` times with the label a and `seldom` times with b.
double share_of_seldom(int often, int seldom, const char* balance) {
  std::string text;
  for (int i = 0; i < often + seldom; ++i) text += i < often ? "a\tx\n" : "b\tx\n";
  const TrainedRun trained(text, small({{"objective", "classify"},
                                        {"balance", balance},
                                        {"val_fraction", "0"},
                                        {"batch", "25"},
                                        {"lr", "0.01"},
                                        {"dropout", "0"}}));
  trained.train();
  const auto run = load_run(trained.paths.directory, {});
  Reader reader(*run);
  bool is_cut = false;
  const std::vector<int> ids = reader.ids("x", false, &is_cut);
  return reader.classify({&ids, 1})[1];
}

}  // namespace

TEST_CASE("precision, recall, F1 and confusion of labels, against values worked out by hand") {
  //                          cats 4       dogs 3    fish 2  none
  const std::vector<int> own{0, 0, 0, 0, 1, 1, 1, 2, 2}, given{0, 0, 1, 2, 1, 1, 0, 0, 1};
  const LabelQuality q(4, own, given);
  CHECK(q.lines == 9);
  const double precision[] = {2.0 / 4, 2.0 / 4, 0, 0}, recall[] = {2.0 / 4, 2.0 / 3, 0, 0}, f1[] = {0.5, 4.0 / 7, 0, 0};
  for (std::size_t k = 0; k < 4; ++k) {
    CHECK(q.labels[k].precision() == precision[k]);
    CHECK(q.labels[k].recall() == recall[k]);
    CHECK(q.labels[k].f1() == f1[k]);
  }
  CHECK(q.macro_f1() == (0.5 + 4.0 / 7 + 0) / 3);  // a label that nobody has or is given does not count
  CHECK(q.commonest == 0);
  CHECK(q.commonest_share() == 4.0 / 9);
  CHECK(q.confusion.size() == 7);
  CHECK(q.confusion.at({0, 0}) == 2);
  CHECK(q.confusion.at({2, 0}) == 1);
  CHECK(LabelQuality(2, {}, {}).macro_f1() == 0);
}

TEST_CASE("balanced weights are 1 in the mean over examples") {
  std::vector<primer::data::Example> examples;
  for (int i = 0; i < 100; ++i) examples.push_back({static_cast<std::uint64_t>(i), 1, i < 90 ? 0 : 2, 0});
  const primer::data::TokenVector tokens(std::vector<int>(100), examples);
  CHECK(balanced_weights(tokens, 3) == std::vector<double>{100.0 / 180, 0, 100.0 / 20});
  CHECK(balanced_weights(tokens, 0).empty());
}

TEST_CASE("balanced labels weigh alike: what nothing tells apart is given to each by half") {
  CHECK(std::abs(share_of_seldom(90, 10, "false") - 0.1) < 0.05);
  CHECK(std::abs(share_of_seldom(90, 10, "true") - 0.5) < 0.1);
}

TEST_CASE("labels are counted in the plan; blank lines, a header and a label with one line are told of") {
  const FreshDirectory here;
  here.write("moods.tsv", "\uFEFF" + moods(40) + "\n sad \tbad \n\n");
  const Outcome plan = run_primer(here, "train moods.tsv --objective classify --dry-run");
  CHECK(plan.out.find("labels 2 on 41 lines: \"glad\" 30, \"sad\" 11\n") != std::string::npos);
  CHECK(plan.out.find("note   2 lines are blank, and left out") != std::string::npos);
  here.write("header.tsv", "Label\ttext\n" + moods(40));
  const std::string train = "train header.tsv --objective classify --dry-run";
  check_refusal(here, train, 3,
                "the label 'Label' has 1 line, too few to learn from and to validate with: give more of "
                "them, or --val-fraction 0; if the text begins with a header, --field Label,NAME reads it");
  const Outcome kept = run_primer(here, train + " --val-fraction 0");
  CHECK(kept.out.find("note   the label 'Label' has 1 line, too few to tell others by; if the text begins") !=
        std::string::npos);
  check_refusal(here, "train moods.tsv -o no --balance --steps 3", 2, "--balance goes with --objective classify");
}

TEST_CASE("a labelled text is told apart, label by label, and lines are answered as they are") {
  const FreshDirectory here;
  here.write("moods.tsv", moods(120));
  REQUIRE(run_primer(here, "train moods.tsv -o run" + small_model + "80").code == 0);
  const Json verdict = Json::parse(run_primer(here, "eval run --json").out);
  CHECK(verdict["accuracy"] == 1.0);
  CHECK(verdict["macro_f1"] == 1.0);
  CHECK(verdict["commonest_label"] == "glad");
  CHECK(verdict["commonest_share"] == 0.75);
  CHECK(verdict["labels"][1] == Json{{"label", "sad"}, {"lines", 3}, {"precision", 1.0}, {"recall", 1.0}, {"f1", 1.0}});
  CHECK(verdict["confusion"].size() == 2);
  here.write("turned.tsv", "glad\tbad day 1\nglad\tbad day 2\nsad\tgood day 3\nglad\tgood day 4\nglad\tgood day 5\n");
  const Outcome turned = run_primer(here, "eval run turned.tsv");
  CHECK(turned.out.find("commonest   80.00 % of the lines are \"glad\"") != std::string::npos);
  CHECK(turned.out.find("   66.67 %  50.00 %  57.14 %        4  \"glad\"\n") != std::string::npos);
  CHECK(turned.out.find("    0.00 %   0.00 %   0.00 %        1  \"sad\"\n") != std::string::npos);
  CHECK(turned.out.find(
            "mistakes    2 lines of \"glad\" called \"sad\"\n            1 line of \"sad\" called \"glad\"\n") !=
        std::string::npos);

  here.write("lines.txt", "good day 12\n\nbad day 3\n");
  const Outcome lines = run_primer(here, "classify run lines.txt");
  CHECK(lines.code == 0);
  CHECK(std::ranges::count(lines.out, '\n') == 3);
  CHECK(lines.out.find("\n\nsad\t") != std::string::npos);
  const Outcome two = run_primer(here, "classify run lines.txt --top 2");
  CHECK(two.out.starts_with("glad\t"));
  CHECK(two.out.find("\tsad\t0.") < two.out.find("\tgood day 12\n"));
  const Json objects = Json::parse(run_primer(here, "classify run lines.txt --top 9 --json").out)["lines"];
  CHECK(objects[0]["labels"].size() == 2);
  CHECK(objects[1] == Json{{"label", nullptr}, {"text", ""}});
  // Of a text that is labelled, the labels are not read.
  const Outcome labelled = run_primer(here, "classify run turned.tsv");
  CHECK(labelled.out.starts_with("sad\t"));
  CHECK(labelled.out.find("\tglad\tbad day 1\n") != std::string::npos);
  CHECK(labelled.err.find("5 lines have a label already, 2 of them the one that the model gives") != std::string::npos);
  here.write("blanks.tsv", "heading\tof no label\n sad \tbad day 3\nglad\tgood day 5\n");
  const Outcome blanks = run_primer(here, "classify run - ", "tail -n 2 blanks.tsv |");
  CHECK(blanks.err.find("2 lines have a label already, 2 of them") != std::string::npos);
  check_refusal(here, "classify run lines.txt --top 0", 2, "--top 0: expected a whole number from 1");

  // What came before a line that cannot be read is not lost, and a reader who leaves ends the command.
  const Outcome broken =
      run_primer(here, "classify run -", "(echo good day 1; head -c 1100000 /dev/zero | tr '\\0' a) |");
  CHECK(broken.code == 3);
  CHECK(broken.out.starts_with("glad\t"));
  CHECK(run_primer(here, "classify run - | head -n 1", "yes good day |").out.starts_with("glad\t"));

  const Outcome vectors = run_primer(here, "embed run lines.txt");
  CHECK(std::ranges::count(vectors.out, '\n') == 3);
  CHECK(vectors.err.find("1 line is blank: its vector is 0") != std::string::npos);
  here.write("few.tsv", "no\tbad day\nyes\tgood day\n");  // on a pretrained body, that is enough to begin
  CHECK(run_primer(here, "train few.tsv -o few --init-from run --val-fraction 0 --steps 3 -q").code == 0);
}
