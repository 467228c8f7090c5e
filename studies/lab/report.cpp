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
#include "data/bytes/shell_word.h"
#include "data/bytes/utf8.h"
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

/// "2 claims"
std::string counted(long count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// "0.973 +- 0.004 (0.965 to 0.981), 3 seeds"
std::string found_text(const Finding& f) {
  const Estimate& e = f.found;
  std::string text = f.is_claim ? short_number(e.mean, f.wanted) : short_number(e.mean);
  if (e.of == "exact") return text;
  if (e.count == 0) return "none to count";
  if (std::isfinite(e.error)) {
    text += " +- " + short_number(e.error) + " (" + short_number(e.low) + " to " + short_number(e.high) + ")";
  }
  return text + ", " + counted(e.count, e.of.substr(0, e.of.size() - 1));  // of "seeds"
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
  if (failed == 0) return name + "pass, " + counted(claims, "claim");
  return name + "FAIL, " + std::to_string(failed) + " of " + counted(claims, "claim");
}

std::string page_of(const Report& report) {
  train::Page page{.title = "study", .subject = report.study->name, .about = report.study->question};
  std::vector<std::vector<std::string>> rows{{"figure", "found", "claim"}};
  for (const Finding& f : report.findings) rows.push_back({f.what, found_text(f), judged(report, f)});
  page.add("What was found", train::table_html(rows, true) + train::paragraphs_html(verdict(report)));
  for (const train::Picture& picture : report.pictures) page.add("", train::figure_html(picture));
  std::string how;
  for (const std::string& sentence : report.notes) how += sentence + "\n\n";
  const std::string seeds = std::to_string(report.options.seeds);
  LabOptions again = report.options;
  again.folder.clear();
  how += "Sources: " + std::string(report.study->sources) + ".\n\n";
  how += "Seeds 1 to " + seeds + "; " + seconds_text(report.seconds) +
         " here. Intervals hold the true mean in 95 of 100 studies: by Student's t over seeds, by the bootstrap over "
         "the items of one seed.\n\nThe same again: " +
         command_of(report.study, again) + "\n\nMade by primer " + report.options.version + ".";
  page.add("How", train::paragraphs_html(how));
  return page.html();
}

}  // namespace

std::string seconds_text(double seconds) {
  if (seconds < 1) return "under 1 s";
  char text[32];
  std::snprintf(text, sizeof text, seconds < 90 ? "%.0f s" : "%.1f min", seconds < 90 ? seconds : seconds / 60);
  return text;
}

std::string verdict_of(long failed) { return failed == 0 ? "pass" : "FAIL, " + counted(failed, "claim"); }

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
    found = std::max(found, found_text(f).size());
  }
  std::string text = std::string(report.study->question) + "\n";
  for (const Finding& f : report.findings) {
    std::string line = "  " + padded(f.what, width) + "  " + padded(found_text(f), found) + "  " + judged(report, f);
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
    if (f.is_claim && !report.options.quick) json.add_text("wanted", f.wanted.text()).add("holds", f.holds());
    figures += (figures.empty() ? "" : ",") + json.text();
  }
  train::JsonLine json;
  json.add_text("study", report.study->name).add_text("verdict", verdict(report)).add("quick", report.options.quick);
  json.add("seeds", report.options.seeds).add_text("text", text_of(*report.study, report.options));
  if (!report.options.quick) json.add("claims", report.claims()).add("failed", report.failed());
  json.add_text("version", report.options.version).add("seconds", report.seconds);
  json.add_json("figures", "[" + figures + "]");
  return json.text();
}

std::string folder_of(const Study* study, bool quick) {
  return std::string(quick ? "runs/studies-quick" : "runs/studies") + (study ? "/" + std::string(study->name) : "");
}

std::string command_of(const Study* study, const LabOptions& options) {
  std::string command = "primer study " + std::string(study ? study->name : "all");
  const bool is_elsewhere = !options.folder.empty() && options.folder != folder_of(study, options.quick);
  if (is_elsewhere) command += " -o " + data::shell_word(options.folder);
  if (options.seeds != 1) command += " --seeds " + std::to_string(options.seeds);
  if (!options.text.empty()) command += " --text " + data::shell_word(options.text);
  return command + (options.quick ? " --quick" : "");
}

Report run_study(const Study& study, const LabOptions& options, train::Interruption& interruption,
                 const std::function<void(const Report&)>& tell) {
  const auto began = std::chrono::steady_clock::now();
  Lab lab(options, interruption);
  if (study.reads_text) lab.text();                   // what is refused leaves nothing behind
  train::NewRun made(options.folder, options.force);  // the folder is locked as long as this lives
  made.staging();
  std::string moved_to;
  const std::string folder = made.publish(&moved_to).directory + "/";
  const data::FileIdentity place = train::place_of(folder);
  if (!moved_to.empty()) train::say("note   what was there is now " + moved_to + "\n");

  try {
    study.run(lab);
  } catch (const autograd::Error& error) {
    namespace fs = std::filesystem;
    const bool empty = std::distance(fs::directory_iterator(folder), {}) == 1;  // but for the lock
    if (error.fault() == autograd::Fault::input && empty) {                     // a text that the study refuses
      fs::remove_all(options.folder);
      if (!moved_to.empty()) fs::rename(moved_to, options.folder);
    }
    throw;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  Report report{&study, options, lab.findings, lab.pictures, lab.notes, seconds.count()};
  if (tell) tell(report);
  train::check_place(folder, place, "study");
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
    return json.value(key, nlohmann::json()) == value;
  };
  if (!json.is_object() || !is("study", study.name) || !is("quick", options.quick) || !is("seeds", options.seeds) ||
      !is("text", text_of(study, options)))
    return {};
  const auto number = [&](const char* key) {
    return json.contains(key) && json[key].is_number() ? json[key].get<double>() : 1;
  };
  return Finished{number("seconds"), static_cast<long>(number("failed"))};
}

}  // namespace primer::studies
