// A translator's attention to its source as people meet it: primer translate --alignment, and primer attention's page
// of a source and its translation.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <sstream>

#include "autograd/random.h"
#include "tests/train/process.h"
#include "tests/train/read_page.h"
#include "train/checkpoints/loaded_run.h"

using namespace primer;
using namespace primer::train;

namespace {

/// Words of one letter or two, and the words that each stands for in the other order, "aa b c\tC B AA".
std::string turned_words(int count) {
  const std::vector<std::string> words = {"aa", "b", "cc", "d", "ee", "f"}, others = {"AA", "B", "C", "DD", "E", "F"};
  const autograd::Random random(3, 1, 4);
  std::string text;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    std::string source, target;
    for (std::uint64_t k = 0; k < 2 + i % 4; ++k) {
      const auto word = static_cast<std::size_t>(random.below(6, i * 8 + k));
      source += (k == 0 ? "" : " ") + words[word];
      target = others[word] + (k == 0 ? "" : " ") + target;
    }
    text += source + "\t" + target + "\n";
  }
  return text;
}

const std::string shape =
    " --objective translate --layers 1 --heads 2 --channels 32 --batch 32 --lr 0.005 --dropout 0 -q -o run";

void train_run(const FreshDirectory& here, const std::string& options) {
  here.write("pairs.tsv", turned_words(900));
  const Outcome outcome = run_primer(here, "train pairs.tsv" + shape + options);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
}

std::vector<std::string> split(const std::string& text, char by) {
  std::istringstream in(text);
  std::vector<std::string> parts;
  for (std::string part; std::getline(in, part, by);) parts.push_back(part);
  return parts;
}

/// Sees all patterns of a decoder's attention to its source: [layers][H, T, S], of one head row by row too.
struct Watcher : autograd::Observer<float> {
  std::map<std::string, std::vector<float>> seen;  // by path
  bool wants(std::string_view path, std::string_view leaf) override {
    return leaf == "pattern" && (path.ends_with("cross_attention") || path == "alignment");
  }
  autograd::Tensor<float> see(std::string_view path, std::string_view, autograd::Tensor<float> x) override {
    auto& all = seen[std::string(path)];
    all.insert(all.end(), x.data(), x.data() + x.size());
    return x;
  }
};

/// These of a source that is read and a target that follows, each with its mark.
std::vector<std::vector<float>> watched(const LoadedRun& run, const std::string& source, const std::string& target) {
  const data::Tokenizer& sources = run.tokenizer->of_sources();
  std::vector<int> read = sources.encode(source), written = run.tokenizer->encode(target);
  read.push_back(sources.special("[EOS]"));
  written.insert(written.begin(), run.tokenizer->special("[BOS]"));
  Watcher watcher;
  autograd::Tape<float> tape;
  tape.training = false;
  tape.observer = &watcher;
  run.network->hidden(tape, {.tokens = written,
                             .batch = 1,
                             .length = static_cast<long>(written.size()),
                             .source = {read, static_cast<long>(read.size()), {}}});
  std::vector<std::vector<float>> layers;
  for (const auto& [path, weights] : watcher.seen) layers.push_back(weights);
  return layers;
}

/// The page's weights are those that the model has for this source and this target.
void check_page(const std::string& html, const LoadedRun& run, const std::string& source, const std::string& target) {
  const ReadPage page(html);
  const auto marked = [&](const std::string& text) {
    std::vector<std::string> tokens;
    for (const char c : text) tokens.push_back(c == ' ' ? "<i>\u00B7</i>" : std::string(1, c));
    tokens.push_back("[EOS]");
    return tokens;
  };
  CHECK(page.tokens == marked(target));
  CHECK(page.sources == marked(source));
  const auto layers = watched(run, source, target);
  const std::size_t heads = page.heads.size() / layers.size();
  double apart = 0, largest = 0;
  for (std::size_t i = 0; i < page.heads.size(); ++i)
    for (std::size_t k = 0, count = page.heads[i].size(); k < count; ++k) {
      const auto weight = static_cast<double>(layers[i / heads].at(i % heads * count + k));
      apart = std::max(apart, std::abs(page.heads[i][k] - weight));
      largest = std::max(largest, weight);
    }
  CHECK(apart < 2.0 / 65535);
  CHECK(largest > 2 / static_cast<double>(source.size()));  // they are not all alike
}

/// "1-0 0-1": for each word of the target the one that its letters look at most, one blank between words.
std::string links_by_hand(const LoadedRun& run, const std::string& source, const std::string& target) {
  const std::vector<float> weights = watched(run, source, target).back();  // [H, T, S]
  const std::size_t T = target.size() + 1, S = source.size() + 1, heads = weights.size() / (T * S);
  std::string links;
  std::size_t to = 0, begin = 0;
  for (const std::string& word : split(target, ' ')) {
    std::vector<double> sums;
    std::size_t at = 0;
    for (const std::string& from : split(source, ' ')) {
      sums.push_back(0);
      for (std::size_t head = 0; head < heads; ++head)
        for (std::size_t t = begin; t < begin + word.size(); ++t)
          for (std::size_t s = at; s < at + from.size(); ++s)
            sums.back() += static_cast<double>(weights.at((head * T + t) * S + s));
      at += from.size() + 1;
    }
    begin += word.size() + 1;
    links +=
        (to == 0 ? "" : " ") + std::to_string(std::ranges::max_element(sums) - sums.begin()) + "-" + std::to_string(to);
    ++to;
  }
  return links;
}

}  // namespace

TEST_CASE("a translator shows which word each word of a translation came from, beside the translation") {
  const FreshDirectory here;
  train_run(here, " --steps 400");
  const std::vector<std::string> pairs = split(turned_words(60), '\n');
  std::string text, backwards;
  for (const std::string& pair : pairs) {
    text += pair.substr(0, pair.find('\t')) + "\n";
    backwards = pair.substr(0, pair.find('\t')) + "\n" + backwards;
  }
  here.write("new.txt", text + "\n  \n f  b \n");
  const Outcome plain = run_primer(here, "translate run new.txt"),
                aligned = run_primer(here, "translate run new.txt --alignment"),
                scored = run_primer(here, "translate run new.txt --scores"),
                both = run_primer(here, "translate run --alignment --scores", "cat new.txt |");
  REQUIRE(aligned.code == 0);
  const auto lines = split(aligned.out, '\n'), alone = split(plain.out, '\n'), scores = split(scored.out, '\n');
  REQUIRE(lines.size() == 63);
  std::string expected;  // of both
  const auto run = load_run(here / "run");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto tab = lines[i].find('\t');
    CHECK(lines[i].substr(tab + 1) == alone[i]);
    expected += scores[i].substr(0, scores[i].find('\t') + 1) + lines[i] + "\n";
    const auto links = tab == 0 ? std::vector<std::string>() : split(lines[i].substr(0, tab), ' ');
    const auto count = static_cast<long>(split(alone[i], ' ').size());
    CHECK(static_cast<long>(links.size()) == count);  // the words of these translations have one blank between them
    if (i < 60) CHECK(lines[i].substr(0, tab) == links_by_hand(*run, split(pairs[i], '\t')[0], alone[i]));
    for (long k = 0; k < count; ++k) CHECK(links[static_cast<std::size_t>(k)].ends_with("-" + std::to_string(k)));
  }
  CHECK(lines[60] == "\t");
  CHECK(lines[61] == "\t");
  CHECK(both.out == expected);

  here.write("backwards.txt", backwards);  // a line has the same whatever stands around it
  auto turned = split(run_primer(here, "translate run backwards.txt --alignment").out, '\n');
  std::ranges::reverse(turned);
  CHECK(turned == std::vector<std::string>(lines.begin(), lines.begin() + 60));

  // what does not fit is cut, and is in no link
  std::string longer = "aa b";
  for (int i = 0; i < 20; ++i) longer += " cc d";
  here.write("long.txt", longer + "\n");
  const Outcome cut = run_primer(here, "translate run long.txt --alignment");
  CHECK(cut.code == 0);
  CHECK(cut.err.find("1 line was longer than the context") != std::string::npos);
  const std::string kept = longer.substr(0, static_cast<std::size_t>(run->config.context - 1));
  const std::string text_of_cut = cut.out.substr(cut.out.find('\t') + 1);
  CHECK(cut.out == links_by_hand(*run, kept, text_of_cut.substr(0, text_of_cut.size() - 1)) + "\t" + text_of_cut);
}

TEST_CASE("the page of a translator shows every head's weights between source and target, a given one or its own") {
  const FreshDirectory here;
  train_run(here, " --decoder-layers 2 --steps 200");
  const auto run = load_run(here / "run");
  REQUIRE(run_primer(here, "attention run 'aa b d' 'DD B'").code == 0);
  const std::string html = file_bytes(here / "attention.html");
  check_page(html, *run, "aa b d", "DD B");
  CHECK(html.find("2 layers of 2 heads, a source of 7 tokens and a target of 5 tokens, weights of step") != html.npos);
  CHECK(html.find("<span class=\"token special\">[EOS]</span>") != html.npos);

  const Outcome own = run_primer(here, "attention run - -o -", "printf 'cc f ee\\r\\n' |");
  REQUIRE(own.code == 0);
  std::string translation = run_primer(here, "translate run --beam 1", "echo 'cc f ee' |").out;
  translation.pop_back();
  check_page(own.out, *run, "cc f ee", translation);
  CHECK(own.out.find("and its translation of ") != std::string::npos);
  CHECK(run_primer(here, "attention run 'cc\tf' -o -").out == run_primer(here, "attention run 'cc f' -o -").out);

  train_run(here, " --force --source-tokenizer byte --tokenizer char --steps 100");  // each side with its own marks
  check_page(run_primer(here, "attention run 'aa b d' 'DD B' -o -").out, *load_run(here / "run"), "aa b d", "DD B");
}

TEST_CASE("a recurrent translator shows its one alignment, and one without has none to show") {
  const FreshDirectory here;
  here.write("pairs.tsv", turned_words(900));
  here.write("new.txt", "aa b d\nf cc\n");
  const std::string recurrent =
      "train pairs.tsv --objective translate --layers 1 --channels 24 --batch 32 --lr 0.01 -q";
  for (const std::string options : {"--body gru --align additive", "--body gru --align dot --input-feeding",
                                    "--body lstm --align general", "--body rnn --align local --align-window 2"}) {
    CAPTURE(options);
    REQUIRE(run_primer(here, recurrent + " --force --steps 150 -o run " + options).code == 0);
    const auto run = load_run(here / "run");
    const auto plain = split(run_primer(here, "translate run new.txt").out, '\n');
    const auto lines = split(run_primer(here, "translate run new.txt --alignment").out, '\n');
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == links_by_hand(*run, "aa b d", plain[0]) + "\t" + plain[0]);
    CHECK(lines[1] == links_by_hand(*run, "f cc", plain[1]) + "\t" + plain[1]);
    const Outcome page = run_primer(here, "attention run 'aa b d' 'DD B AA' -o -");
    REQUIRE(page.code == 0);
    check_page(page.out, *run, "aa b d", "DD B AA");
    CHECK(page.out.find("1 layer of 1 head, a source of 7 tokens and a target of 8 tokens") != std::string::npos);
    CHECK((page.out.find("weights sum to 1.") == std::string::npos) == options.ends_with("window 2"));
  }
  // One that has learned its words looks at the one that it translates (3 of 3 seeds: 209 or 210 of 210).
  const std::string learned = " --force -o run --body gru --channels 32 --lr 0.005 --steps 400 -q";
  REQUIRE(run_primer(here, "train pairs.tsv --objective translate --layers 1 --batch 32 --dropout 0" + learned).code ==
          0);
  const std::vector<std::string> pairs = split(turned_words(60), '\n');
  std::string text;
  for (const std::string& pair : pairs) text += pair.substr(0, pair.find('\t')) + "\n";
  here.write("learned.txt", text);
  const auto aligned = split(run_primer(here, "translate run learned.txt --alignment").out, '\n');
  REQUIRE(aligned.size() == 60);
  std::size_t right = 0, words = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    const std::size_t count = 2 + i % 4;
    for (const std::string& link : split(aligned[i].substr(0, aligned[i].find('\t')), ' ')) {
      const std::size_t target = std::stoul(link.substr(link.find('-') + 1));
      right += std::stoul(link) == count - 1 - target ? 1 : 0;
      ++words;
    }
  }
  CHECK(words > 180);
  CHECK(static_cast<double>(right) > 0.9 * static_cast<double>(words));
  REQUIRE(run_primer(here, recurrent + " --steps 3 -o none --body gru --align none").code == 0);
  CHECK(run_primer(here, "translate none new.txt").code == 0);
  const std::string nothing = "none is a model that does not attend to its source: there is no alignment to show";
  check_refusal(here, "translate none new.txt --alignment", 3, nothing);
  check_refusal(here, "attention none 'aa'", 3, nothing);
  check_refusal(here, "attention none 'aa' 'AA'", 3, nothing);
}

TEST_CASE("a source and a target that make no page are refused in one line, and nothing is written") {
  const FreshDirectory here;
  train_run(here, " --context 12 --steps 3");
  const std::string empty = " is empty; give one with something in it";
  check_refusal(here, "attention run ''", 3, "the source" + empty);
  check_refusal(here, "attention run '  '", 3, "the source" + empty);
  check_refusal(here, "attention run - </dev/null", 3, "standard input: the text" + empty);
  check_refusal(here, "attention run 'aa' ''", 3, "the target is empty; give one with something in it");
  check_refusal(here, "attention run 'aa b aa b aa'", 3,
                "the source has more than 11 tokens, and with a context of 12 this model takes 11 at most");
  check_refusal(here, "attention run 'aa' 'B B B B B B '", 3, "the target has more than 11 tokens");
  CHECK(run_primer(here, "attention run 'aaXb' 'Bx' -o odd.html")
            .err.find("2 symbols of the text are not in the vocabulary and are read as [UNK]") != std::string::npos);
  here.write("two.txt", "aa\nb\n");
  check_refusal(here, "attention run - <two.txt", 3, "the source has 2 lines; give one line");
  CHECK(run_primer(here, "attention run 'aa b aa b a' 'B B B B B B' -o ok.html").code == 0);
  CHECK(listing(here.path) == "odd.html ok.html pairs.tsv run two.txt");

  here.write("t.txt", turned_words(60));
  REQUIRE(run_primer(here, "train t.txt -o lm --layers 1 --channels 16 --heads 2 --context 8 --steps 2 -q").code == 0);
  check_refusal(here, "attention lm 'aa' 'AA'", 2,
                "lm was trained with --objective lm and does not translate: leave out TARGET");
  check_refusal(here, "translate lm pairs.tsv --alignment", 3, "does not translate");
}
