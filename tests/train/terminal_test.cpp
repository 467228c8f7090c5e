// What a training says on a terminal: a live line that fits, lines that break at words, and what is best.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include <cmath>
#include <thread>

#include "tests/train/planned.h"
#include "tests/train/process.h"
#include "tests/train/read_page.h"
#include "train/step/metrics.h"
#include "train/step/progress.h"

using namespace primer::train;

namespace {

/// A terminal of so many columns.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) : main_(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
    REQUIRE(main_ >= 0);
    REQUIRE(::grantpt(main_) == 0);
    REQUIRE(::unlockpt(main_) == 0);
    char path[64];
    REQUIRE(::ptsname_r(main_, path, sizeof path) == 0);
    name = path;
    side = ::open(path, O_RDWR | O_NOCTTY);
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::ioctl(side, TIOCSWINSZ, &size) == 0);
  }
  ~Terminal() {
    ::close(side);
    ::close(main_);
  }

  /// What was written since the last call.
  std::string text() {
    std::string text;
    char block[4096];
    for (ssize_t n; (n = ::read(main_, block, sizeof block)) > 0;) text.append(block, static_cast<std::size_t>(n));
    return text;
  }

  std::string name;
  int side = -1;

 private:
  int main_;
};

/// What `primer ARGUMENTS` writes to a terminal, until it ends, or has written `part`.
std::string on_terminal(const FreshDirectory& here, const std::string& arguments, unsigned short columns,
                        const std::string& part = {}) {
  Terminal terminal(columns);
  Process process(here, "TERM=xterm exec primer " + arguments + ">" + terminal.name);
  std::string text;
  while (process.is_running() && (part.empty() || text.find(part) == text.npos)) {
    text += terminal.text();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return text + terminal.text();
}

const std::string tiny = " --tokenizer char --layers 1 --channels 16 --heads 2 --context 16 --batch 2 --lr 0.01";

}  // namespace

TEST_CASE("of a line that is too long whole fields are left out, those worth least first") {
  const std::vector<LineField> fields{{"step 5/9", 4}, {" 55%", 8},     {"loss 1.5", 7}, {" (val 1.4)", 6},
                                      {"lr 1e-3", 2},  {"norm 0.5", 1}, {"9k tok/s", 3}, {"4 s left", 5}};
  CHECK(line_of(fields, 99) == "step 5/9 55% | loss 1.5 (val 1.4) | lr 1e-3 | norm 0.5 | 9k tok/s | 4 s left");
  CHECK(line_of(fields, 76) == line_of(fields, 99));
  CHECK(line_of(fields, 75) == "step 5/9 55% | loss 1.5 (val 1.4) | lr 1e-3 | 9k tok/s | 4 s left");
  CHECK(line_of(fields, 60) == "step 5/9 55% | loss 1.5 (val 1.4) | 9k tok/s | 4 s left");
  CHECK(line_of(fields, 45) == "step 5/9 55% | loss 1.5 (val 1.4) | 4 s left");
  CHECK(line_of(fields, 40) == "55% | loss 1.5 (val 1.4) | 4 s left");
  CHECK(line_of(fields, 30) == "55% | loss 1.5 (val 1.4)");
  CHECK(line_of(fields, 20) == "55% | loss 1.5");
  CHECK(line_of(fields, 1) == "55%");
}

TEST_CASE("lines break at words, and go on below their text") {
  CHECK(wrapped("model  one two three four five six\nnote   x\n", 24) ==
        "model  one two three\n       four five six\nnote   x\n");
  CHECK(wrapped("a b\n\nc\n", 30) == "a b\n\nc\n");
  const std::string path(60, 'x'), long_line = "note   a word and " + path + " and more words";
  CHECK(wrapped(long_line, 30) == "note   a word and\n       " + path + "\n       and more words");
  CHECK(wrapped(long_line, 0) == long_line);
  CHECK(wrapped(long_line, 10) == long_line);
  CHECK(wrapped("note   \u00E4\u00E4\u00E4\u00E4 \u00E4\u00E4\u00E4\u00E4 \u00E4\u00E4\u00E4\u00E4 b", 24) ==
        "note   \u00E4\u00E4\u00E4\u00E4 \u00E4\u00E4\u00E4\u00E4 \u00E4\u00E4\u00E4\u00E4 b");
}

TEST_CASE("the last validation loss of a log is that of the last line that has one, up to a step") {
  const FreshDirectory here;
  here.write("log",
             "{\"step\":0,\"val_loss\":4.5}\n{\"step\":1,\"loss\":4,\"val_loss\":3.25,\"val_accuracy\":1}\n{\"step\":2,"
             "\"loss\":2}\n"
             "{\"step\":3,\"val_loss\":null}\n");
  CHECK(last_val_loss(here / "log", 9) == 3.25);
  CHECK(last_val_loss(here / "log", 0) == 4.5);
  here.write("log", "{\"step\":0,\"loss\":1}\n");
  CHECK(std::isnan(last_val_loss(here / "log", 9)));
  CHECK(std::isnan(last_val_loss(here / "none", 9)));
}

TEST_CASE("on a terminal the plan breaks at words, and a pipe gets whole lines") {
  const FreshDirectory here;
  here.write("t.txt", prose(3000));
  const std::string plan = "train t.txt --dry-run" + tiny;
  const std::string piped = run_primer(here, plan).out, shown = on_terminal(here, plan + " ", 50);
  std::string joined;
  for (const std::string& line : between("\n" + shown, "\n", "\r")) {
    CHECK(line.size() <= 50);
    joined += line.starts_with("       ") ? line.substr(6) : (joined.empty() ? "" : "\n") + line;
  }
  CHECK(shown.find("\n       ") != shown.npos);
  CHECK(joined + "\n" == piped);
}

TEST_CASE("a training that goes on knows the last validation loss and the best, and its live line fits its terminal") {
  const FreshDirectory here;
  here.write("t.txt", prose(3000));
  const Outcome first = run_primer(here, "train t.txt -o run --steps 100 --eval-every 100 --schedule constant" + tiny);
  CAPTURE(first.err);
  REQUIRE(first.code == 0);
  const Outcome second = run_primer(here, "train --resume -o run --steps 600");
  const auto lines = between(first.err + second.err, "| validation loss", "\n");
  REQUIRE(lines.size() == 7);
  CHECK_FALSE(lines[0].ends_with(" | best"));  // of one alone that says nothing
  constexpr double none = std::numeric_limits<double>::infinity();
  double lowest = std::stod(lines[0]), lowest_of_second = none;
  long differ = 0;  // if the second training did not know the first one's
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const double loss = std::stod(lines[i]);
    CHECK(lines[i].ends_with(" | best") == (loss < lowest));
    if (i > 1) {
      differ += (loss < lowest) != (loss < lowest_of_second && lowest_of_second < none);
      lowest_of_second = std::min(lowest_of_second, loss);
    }
    lowest = std::min(lowest, loss);
  }
  CHECK(differ > 0);

  REQUIRE(run_primer(here, "train t.txt -o long --eval-every 1000000 --steps 20" + tiny).code == 0);
  const double last = last_val_loss(here / "long/metrics.jsonl", 20);
  const std::string text = on_terminal(here, "train --resume -o long --steps 900000 2", 44, " left\x1b[K");
  char val[32];
  std::snprintf(val, sizeof val, " (val %.3f) | ", last);
  const auto end = text.find("\x1b[K");
  REQUIRE(end != text.npos);
  const auto begin = text.rfind('\r', end) + 1;
  const std::string live = text.substr(begin, end - begin);
  CHECK(live.size() < 44);
  CHECK(live.starts_with("0% | loss "));
  CHECK(live.find(val) != live.npos);
}

TEST_CASE("a live line names the best validation loss where the last is not the best") {
  Terminal terminal(100);
  const int before = ::dup(STDERR_FILENO);
  ::dup2(terminal.side, STDERR_FILENO);
  {
    Progress progress(Progress::Style::live, 10);
    progress.goes_on(3.5, 3.25);
    progress.evaluation(4, {.loss = 3.125});
    progress.evaluation(5, {.loss = 3.5});
    std::this_thread::sleep_for(std::chrono::milliseconds(101));  // a line that is younger stays
    progress.step({.step = 5, .loss = 2, .lr = 0.001, .grad_norm = 0.5, .tokens = 100}, 0.5);
  }
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  const std::string text = terminal.text();
  CAPTURE(text);
  CHECK(between(text, "validation loss", "\r").at(0) == " 3.1250 | 0.000 bits/byte | accuracy 0.0 % | best");
  CHECK(between(text, "validation loss", "\r").at(1) == " 3.5000 | 0.000 bits/byte | accuracy 0.0 %");
  CHECK(text.find(
            "\rstep 5/10 50% | loss 2.000 (val 3.500, best 3.125) | lr 1.0e-03 | norm 0.50 | 200 tok/s | 3s left") !=
        text.npos);
}
