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

std::string seconds_text(double seconds) {
  if (seconds < 1) return "under 1 s";
  char text[32];
  std::snprintf(text, sizeof text, seconds < 90 ? "%.0f s" : "%.1f min", seconds < 90 ? seconds : seconds / 60);
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

std::string verdict_of(long failed) { return failed == 0 ? "pass" : "FAIL, " + counted(failed, "claim"); }

std::string page_of(const Report& report) {
  train::Page page{.title = "study", .subject = report.study->name, .about = report.study->question};
  std::vector<std::vector<std::string>> rows{{"figure", "found", "claim"}};
  for (const Finding& f : report.findings) rows.push_back({f.what, found_text(f), judged(report, f)});
  page.add("What was found", train::table_html(rows) + train::paragraphs_html(verdict(report)));
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

/// Those of one of all studies.
LabOptions own_options(const Study& study, LabOptions options) {
  options.folder += "/" + std::string(study.name);
  return options;
}

/// Refuses to run all studies where that would hide what was found with other options, or what no study wrote.
void refuse_others(const LabOptions& options) {
  namespace fs = std::filesystem;
  std::string names;
  for (const Study* study : all_studies()) {
    const LabOptions own = own_options(*study, options);
    const bool is_stopped = fs::exists(own.folder + "/lock") && !fs::exists(own.folder + "/figures.json");
    if (options.force || !fs::exists(own.folder) || is_stopped || finished(*study, own)) continue;
    names += (names.empty() ? "" : ", ") + std::string(study->name);
  }
  const std::string shown = data::printable(options.folder), index = options.folder + "/index.html";
  if (!names.empty()) {
    throw autograd::Error(autograd::Fault::usage,
                          shown + " holds figures of other options, or what no study wrote: " + names +
                              "; choose another folder with -o, or let --force move "
                              "them aside");
  }
  if (fs::exists(index) && !(fs::is_regular_file(index) && train::may_replace(index))) {
    throw autograd::Error(autograd::Fault::usage,
                          shown + "/index.html is no page of primer, and stays; choose another folder with -o");
  }
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
    const auto found = finished(*study, own_options(*study, options));
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
  std::error_code failed;
  std::filesystem::create_directories(options.folder, failed);
  if (failed) {
    throw autograd::Error(autograd::Fault::io,
                          "cannot create " + data::printable(options.folder) + ": " + failed.message());
  }
  refuse_others(options);
  // One that cannot be run must not keep the others from it.
  const auto run = [&](const Study& study, const LabOptions& own) -> std::optional<Finished> {
    if (const auto before = options.force ? std::nullopt : finished(study, own)) return before;
    try {
      const Report report = run_study(study, own, interruption);
      say(table_of(report) + "\n");
      return Finished{report.seconds, report.failed()};
    } catch (const StudyStopped&) {
      write_index(options);
      throw;
    } catch (const autograd::Error& error) {
      if (error.fault() == autograd::Fault::bug) throw;
      train::say("primer: study " + std::string(study.name) + ": " + error.what() + "\n");
      return {};
    }
  };
  bool all_hold = true;
  std::string summary = "\n";
  for (const Study* study : all_studies()) {
    LabOptions own = own_options(*study, options);
    own.force = true;  // one that was stopped is moved aside
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
