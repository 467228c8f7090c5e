#include "studies/lab/report.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "autograd/error.h"
#include "autograd/random.h"
#include "data/bytes/file.h"
#include "train/checkpoints/run_directory.h"
#include "train/pages/page.h"
#include "train/pages/visible_html.h"
#include "train/step/json_line.h"

namespace primer::studies {

namespace {

constexpr std::uint64_t longest_figures = 1 << 24;  // bytes of figures.json

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 90 ? "%.0f s" : "%.1f min", seconds < 90 ? seconds : seconds / 60);
  return text;
}

/// "0.973 +- 0.004 (0.965 to 0.981), 3 seeds"
std::string found_text(const Estimate& e) {
  if (e.of == "exact") return short_number(e.mean);
  std::string text = short_number(e.mean);
  if (std::isfinite(e.error)) {
    text += " +- " + short_number(e.error) + " (" + short_number(e.low) + " to " + short_number(e.high) + ")";
  }
  const std::string of = e.count == 1 ? e.of.substr(0, e.of.size() - 1) : e.of;  // "seeds", "1 seed"
  return text + ", " + std::to_string(e.count) + " " + of;
}

std::string margin_text(const Finding& f) {
  const double errors = f.wanted.margin(f.found.mean) / f.found.error;
  if (f.found.of == "exact" || !std::isfinite(errors)) return "";
  return ", " + short_number(std::round(errors * 10) / 10) + " errors inside";
}

/// In a quick study nothing is claimed.
std::string judged(const Report& report, const Finding& f) {
  if (!f.is_claim || report.options.quick) return "";
  return "wanted " + f.wanted.text() + "  " + (f.holds() ? "pass" + margin_text(f) : "FAIL");
}

/// What was read, by name and contents; nothing where the study reads no text.
std::string text_of(const Study& study, const LabOptions& options) {
  if (!study.reads_text || options.text.empty()) return "";
  std::string name;
  for (const char c : options.text) name += c > ' ' && c < 127 ? c : '?';
  train::Interruption none;
  return name + " " + std::to_string(autograd::hash(Lab(options, none).text()));
}

std::string verdict(const Report& report) {
  const std::string name = "study " + std::string(report.study->name) + ": ";
  if (report.options.quick) return name + "quick, nothing is claimed";
  const long failed = report.failed(), claims = report.claims();
  if (failed == 0) return name + "pass, " + std::to_string(claims) + " claims";
  return name + "FAIL, " + std::to_string(failed) + " of " + std::to_string(claims) + " claims";
}

std::string verdict_of(long failed) { return failed == 0 ? "pass" : "FAIL, " + std::to_string(failed) + " claims"; }

std::string page_of(const Report& report) {
  train::Page page{.title = "study", .subject = report.study->name, .about = report.study->question};
  std::vector<std::vector<std::string>> rows{{"figure", "found", "claim"}};
  for (const Finding& f : report.findings) rows.push_back({f.what, found_text(f.found), judged(report, f)});
  page.add("What was found", train::table_html(rows) + train::paragraphs_html(verdict(report)));
  for (const train::Picture& picture : report.pictures) page.add("", train::figure_html(picture));
  std::string how;
  for (const std::string& sentence : report.notes) how += sentence + "\n\n";
  const std::string seeds = std::to_string(report.options.seeds);
  how += "Sources: " + std::string(report.study->sources) + ".\n\n";
  how += "Seeds 1 to " + seeds + "; " + seconds_text(report.seconds) +
         " here. Intervals hold the true mean in 95 of 100 studies: by Student's t over seeds, by the bootstrap over "
         "the items of one seed. The same again: primer study " +
         report.study->name + " --seeds " + seeds;
  page.add("How", train::paragraphs_html(how));
  return page.html();
}

void write_index(const LabOptions& options) {
  train::Page page{.title = "studies", .about = "What is said of attention, and what small models show of it."};
  std::string theme, items;
  const auto finish = [&] {
    if (!items.empty()) page.add(theme, "<ul>\n" + items + "</ul>\n");
    items.clear();
  };
  for (const Study* study : all_studies()) {
    if (theme != study->theme) finish();
    theme = study->theme;
    LabOptions own = options;
    own.folder = options.folder + "/" + study->name;
    const auto found = finished(*study, own);
    const std::string name = train::escape_html(study->name);
    const std::string said = !found          ? "not yet, " + short_number(study->minutes) + " min"
                             : options.quick ? "quick"
                                             : verdict_of(found->failed) + ", " + seconds_text(found->seconds);
    items += "<li>" + (found ? "<a href=\"" + name + "/report.html\">" + name + "</a>" : name) + " (" + said +
             "): " + train::escape_html(study->question) + "</li>\n";
  }
  finish();
  data::write_file_atomically(options.folder + "/index.html", page.html());
}

}  // namespace

long Report::claims() const {
  return std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.is_claim; });
}

long Report::failed() const {
  return std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return !f.holds(); });
}

std::string table_of(const Report& report) {
  std::size_t width = 0, found = 0;
  for (const Finding& f : report.findings) {
    width = std::max(width, f.what.size());
    found = std::max(found, found_text(f.found).size());
  }
  std::string text = std::string(report.study->question) + "\n";
  for (const Finding& f : report.findings) {
    std::string line =
        "  " + padded(f.what, width) + "  " + padded(found_text(f.found), found) + "  " + judged(report, f);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text + seconds_text(report.seconds) + "\n" + verdict(report) + "\n";
}

std::string json_of(const Report& report) {
  std::string figures;
  for (const Finding& f : report.findings) {
    train::JsonLine json;
    json.add_text("what", f.what).add("found", f.found.mean).add("error", f.found.error);
    json.add("low", f.found.low).add("high", f.found.high).add("count", f.found.count).add_text("of", f.found.of);
    if (f.is_claim) json.add_text("wanted", f.wanted.text()).add("holds", f.holds());
    figures += (figures.empty() ? "" : ",") + json.text();
  }
  train::JsonLine json;
  json.add_text("study", report.study->name).add_text("verdict", verdict(report)).add("quick", report.options.quick);
  json.add("seeds", report.options.seeds).add_text("text", text_of(*report.study, report.options));
  json.add("claims", report.claims())
      .add("failed", report.failed())
      .add("seconds", report.seconds)
      .add_json("figures", "[" + figures + "]");
  return json.text();
}

Report run_study(const Study& study, const LabOptions& options, train::Interruption& interruption) {
  const auto began = std::chrono::steady_clock::now();
  Lab lab(options, interruption);
  if (study.reads_text) lab.text();                   // what is refused leaves nothing behind
  train::NewRun made(options.folder, options.force);  // the folder is locked as long as this lives
  made.staging();
  std::string moved_to;
  const std::string folder = made.publish(&moved_to).directory + "/";
  if (!moved_to.empty()) train::say("note   what was there is now " + moved_to + "\n");

  study.run(lab);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  Report report{&study, options, lab.findings, lab.pictures, lab.notes, seconds.count()};
  for (std::size_t i = 0; i < report.pictures.size(); ++i) {
    data::write_file_atomically(folder + "picture-" + std::to_string(i + 1) + ".tsv", report.pictures[i].tsv);
    data::write_file_atomically(folder + "picture-" + std::to_string(i + 1) + ".svg", report.pictures[i].svg);
  }
  data::write_file_atomically(folder + "report.html", page_of(report));
  data::write_file_atomically(folder + "figures.json", json_of(report) + "\n");  // last: the study is finished
  return report;
}

std::optional<Finished> finished(const Study& study, const LabOptions& options) {
  const std::string path = options.folder + "/figures.json";
  if (!std::filesystem::exists(path)) return {};
  const auto json = nlohmann::json::parse(data::read_file(path, longest_figures), nullptr, false);
  const auto is = [&](const char* key, const nlohmann::json& value) {
    return json.contains(key) && json[key] == value;
  };
  if (!json.is_object() || !is("study", study.name) || !is("quick", options.quick) || !is("seeds", options.seeds) ||
      !is("text", text_of(study, options))) {
    return {};
  }
  const auto number = [&](const char* key) {
    return json.contains(key) && json[key].is_number() ? json[key].get<double>() : 1;
  };
  return Finished{number("seconds"), static_cast<long>(number("failed"))};
}

bool run_all(const LabOptions& options, train::Interruption& interruption,
             const std::function<void(const std::string&)>& say) {
  // One that cannot be run must not keep the others from it.
  const auto run = [&](const Study& study, const LabOptions& own) -> std::optional<Finished> {
    if (const auto before = options.force ? std::nullopt : finished(study, own)) return before;
    try {
      const Report report = run_study(study, own, interruption);
      say(table_of(report) + "\n");
      return Finished{report.seconds, report.failed()};
    } catch (const autograd::Error& error) {
      if (error.fault() == autograd::Fault::bug) throw;
      train::say("primer: study " + std::string(study.name) + ": " + error.what() + "\n");
      return {};
    }
  };
  bool all_hold = true;
  std::string summary = "\n";
  std::error_code failed;
  std::filesystem::create_directories(options.folder, failed);  // what fails is met when a study is written
  for (const Study* study : all_studies()) {
    LabOptions own = options;
    own.folder = options.folder + "/" + study->name;
    own.force = true;  // one of other options, or one that was stopped, is moved aside
    const auto found = run(*study, own);
    write_index(options);
    all_hold = all_hold && found && (options.quick || found->failed == 0);
    summary += "  " + padded(study->name, 20) + padded(found ? seconds_text(found->seconds) : "", 10) +
               (!found          ? "could not be run"
                : options.quick ? "quick"
                                : verdict_of(found->failed)) +
               "\n";
  }
  say(summary);
  return all_hold;
}

}  // namespace primer::studies
